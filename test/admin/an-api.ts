import type { Hono } from "hono";
import type { Explained, ShownSetting, Stats } from "../../src/admin/answers.ts";
import { type AdminDeps, createAdminApi } from "../../src/admin/api.ts";
import type { AdminEnv } from "../../src/admin/env.ts";
import type { Steering } from "../../src/admin/steering.ts";
import { createEvents } from "../../src/cache/events.ts";
import type { PurgeMode, PurgeTarget } from "../../src/cache/ports/purge-log.ts";
import { createTail } from "../../src/observe/tail.ts";
import { liveOf } from "../../src/start/live-of-workers.ts";

const PORT: ShownSetting = {
  name: "PORT",
  value: "3000",
  source: "default",
  meaning: "The port that clients ask.",
  restart: true,
};

/** One that does what it is asked for, unless the test says otherwise. */
export const aSteering = (overrides: Partial<Steering> = {}): Steering => ({
  settings: () => [PORT],
  reload: async () => ({ result: "reloaded", changes: [], emptied: [] }),
  addOrigin: async (origin) => ({ origin, added: true }),
  drainOrigin: async (origin) => ({ origin, added: false }),
  removeOrigin: async (origin) => ({ origin, added: false }),
  ...overrides,
});

/** An API over dependencies that note what they are asked. */
export function anApi(overrides: Partial<AdminDeps> = {}): {
  readonly app: Hono<AdminEnv>;
  readonly purged: PurgeTarget[][];
  readonly modes: PurgeMode[];
  readonly refetched: string[][];
  readonly warmed: string[][];
  readonly reported: unknown[];
} {
  const purged: PurgeTarget[][] = [];
  const modes: PurgeMode[] = [];
  const refetched: string[][] = [];
  const warmed: string[][] = [];
  const reported: unknown[] = [];
  const app = createAdminApi({
    stats: () => ({ requests: 3, hit_rate: 0.5 }) as Stats,
    metricsText: async () => "# HELP up 1\nup 1\n",
    origins: () => [],
    steering: aSteering(),
    live: liveOf(createTail(createEvents().listen, Date.now).watch, () => []),
    entries: async ({ tier = "memory" }) => ({
      tier,
      tiers: [tier],
      entries: [],
      looked_at: 0,
      cursor: null,
    }),
    storeState: async () => ({ redis: null, instances: [] }),
    explain: async (asked) => ({ asked }) as object as Explained,
    ready: () => ({ ready: true, detail: "1 of 1 origins healthy" }),
    purge: async (targets, mode) => {
      purged.push([...targets]);
      modes.push(mode);
      return { epoch: 7, shared: true, instances: 2, acked: 1, missing: ["b"] };
    },
    refetch: (keys) => {
      if (keys.length > 0) refetched.push([...keys]);
    },
    ignoredParameters: ["utm_*"],
    warm: async (urls) => {
      warmed.push([...urls]);
      return { requested: urls.length, warmed: urls.length, failed: [] };
    },
    report: (error) => reported.push(error),
    ...overrides,
  });
  return { app, purged, modes, refetched, warmed, reported };
}

export const url = (key: string): PurgeTarget => ({ type: "url", key });
export const path = (target: string): PurgeTarget => ({ type: "path", path: target });
/** A host is purged under both schemes. */
export const urlsOf = (hostAndPath: string): PurgeTarget[] => [
  url(`http://${hostAndPath}`),
  url(`https://${hostAndPath}`),
];
