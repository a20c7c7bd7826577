import type { Hono } from "hono";
import { type AdminDeps, createAdminApi } from "../../src/admin/api.ts";
import type { AdminEnv } from "../../src/admin/env.ts";
import type { PurgeTarget } from "../../src/cache/ports.ts";

/** An API over dependencies that note what they are asked. */
export function anApi(overrides: Partial<AdminDeps> = {}): {
  readonly app: Hono<AdminEnv>;
  readonly purged: PurgeTarget[][];
  readonly warmed: string[][];
  readonly reported: unknown[];
} {
  const purged: PurgeTarget[][] = [];
  const warmed: string[][] = [];
  const reported: unknown[] = [];
  const app = createAdminApi({
    stats: () => ({ requests: 3, hit_rate: 0.5 }),
    metricsText: async () => "# HELP up 1\nup 1\n",
    origins: () => [],
    ready: () => ({ ready: true, detail: "1 of 1 origins healthy" }),
    purge: async (targets) => {
      purged.push([...targets]);
      return { epoch: 7 };
    },
    keysFor: (target, host) =>
      (host === undefined ? ["a.example", "b.example"] : [host]).map((name) => `${name}${target}`),
    warm: async (urls) => {
      warmed.push([...urls]);
      return { requested: urls.length, warmed: urls.length, failed: [] };
    },
    report: (error) => reported.push(error),
    ...overrides,
  });
  return { app, purged, warmed, reported };
}

export const url = (key: string): PurgeTarget => ({ type: "url", key });
