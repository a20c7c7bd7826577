import { Hono } from "hono";
import { onTestFinished } from "vitest";
import type { ShownEntries, ShownEntry, ShownStore } from "../../src/admin/answers.ts";
import type { AdminDeps } from "../../src/admin/api.ts";
import type { AdminEnv } from "../../src/admin/env.ts";
import { type AdminListener, listenAdmin } from "../../src/admin/listen.ts";
import { anApi } from "../admin/an-api.ts";

type Routes = Readonly<Record<string, unknown>>;

/** An admin API that listens, some of whose routes say what a test wants. */
export interface AnAdmin extends Pick<ReturnType<typeof anApi>, "purged" | "modes"> {
  readonly url: string;
  /** What GET answers from now on, by path; a number is a status without a body. */
  readonly says: Record<string, unknown>;
  /** Stops listening, and ends what is under way. */
  stop(): Promise<void>;
  /** Listens again, where it did. */
  start(): Promise<void>;
}

export async function anAdmin(routes: Routes = {}, deps: Partial<AdminDeps> = {}): Promise<AnAdmin> {
  const { app, purged, modes } = anApi(deps);
  const says: Record<string, unknown> = { ...routes };
  const front = new Hono<AdminEnv>();
  front.get("*", async (c, next) => {
    const said = says[c.req.path];
    if (said === undefined) return next();
    if (typeof said === "number") return c.body(null, said as 500);
    return typeof said === "string"
      ? c.body(said, 200, { "Content-Type": "text/event-stream" })
      : c.json(said as object);
  });
  front.all("*", (c) => app.fetch(c.req.raw, c.env));

  let listener: AdminListener | undefined;
  let port = 0;
  const admin: AnAdmin = {
    get url() {
      return `http://127.0.0.1:${port}/`;
    },
    says,
    purged,
    modes,
    async stop() {
      await listener?.close(0);
    },
    async start() {
      listener = await listenAdmin(front, { host: "127.0.0.1", port });
      port = listener.port;
    },
  };
  await admin.start();
  onTestFinished(() => admin.stop());
  return admin;
}

const STEPS = 60;
const STEP_MS = 10_000;
const steps = <T>(value: (step: number) => T): T[] => Array.from({ length: STEPS }, (_, step) => value(step));

/** Of what has not been measured yet. */
export const NO_LATENCY = { count: 0, p50_ms: null, p90_ms: null, p99_ms: null, buckets: [] };

/** Every route with something to show, in the form that the page reads. */
export function fullRoutes(now: number): Routes {
  const url = "http://localhost:3000/data?id=1&cache-control=stale-while-revalidate=15,max-age=5";
  const none = steps(() => 0);
  const half = steps((step) => (step < 10 ? null : 0.5));
  return {
    "/stats": {
      uptime_seconds: 7_500,
      requests: 1_000,
      hits: 900,
      misses: 100,
      hit_rate: 0.9,
      entries: 42,
      bytes: 3 * 1024 * 1024,
      evictions: 7,
      coalesced: 5,
      stale_served: 4,
      revalidated: 3,
      background_refreshes: 2,
      origin_requests: 111,
      origin_failures: 1,
      stored: 90,
      errors: 0,
      store: { up: true, errors: 0 },
    },
    "/series": {
      step_ms: STEP_MS,
      at: steps((step) => now - (STEPS - step) * STEP_MS),
      requests: {
        HIT: steps((step) => 900 + 30 * (step % 5)),
        MISS: steps(() => 100),
        STALE: steps((step) => (step > 40 ? 50 : 0)),
        UPDATING: none,
        REVALIDATED: none,
        EXPIRED: none,
        BYPASS: none,
      },
      hit_p50_ms: half.map((value) => value && value / 5),
      hit_p99_ms: half,
      miss_p50_ms: half.map((value) => value && value * 40),
      miss_p99_ms: half.map((value) => value && value * 400),
      origin_p50_ms: half.map((value) => value && value * 36),
      origin_p99_ms: half.map((value) => value && value * 380),
      purge_lag_ms: steps(() => 2),
    },
    "/top": {
      since: now,
      hot: [{ url, count: 700 }],
      missing: [{ url: "http://localhost:3000/echo", count: 80, reason: "no-store" }],
      reasons: [
        { reason: "no-store", count: 80 },
        { reason: "set-cookie", count: 20 },
      ],
      origins: [{ origin: "http://127.0.0.1:4001", count: 111, p50_ms: 18, p99_ms: 190 }],
    },
    "/hist": {
      hits: { count: 900, p50_ms: 0.1, p90_ms: 0.3, p99_ms: 0.5, buckets: [[0.1, 900]] },
      misses: NO_LATENCY,
      origins: NO_LATENCY,
    },
    "/origins": {
      "http://127.0.0.1:4001": origin(now, true, "answered 200"),
      "http://127.0.0.1:4002": {
        ...origin(now, false, "refused the connection"),
        ejected: true,
        breaker_open: true,
      },
      "http://127.0.0.1:4003": { ...origin(now, true, "answered 200"), state: "draining" },
    },
    "/reasons": [
      {
        code: "no-store",
        group: "not storing",
        sentence: "The response says that it must not be stored.",
        decided_by: "RFC 9111 §5.2.2.5",
        change: "Let the origin send a lifetime instead.",
      },
    ],
    "/settings": [
      { name: "PORT", value: "3000", source: "environment", meaning: "where clients ask", restart: true },
      {
        name: "CACHE_DEFAULT_TTL",
        value: "0s",
        source: "default",
        meaning: "lifetime where none is named",
        restart: false,
      },
    ],
    "/entries": {
      tier: "memory",
      tiers: ["memory", "redis"],
      entries: [
        anEntry(now, { url, fresh_until: now + 600_000 }),
        anEntry(now, {
          state: "refreshing",
          refreshing_until: now + 9_000,
          selecting: { "accept-encoding": "gzip" },
        }),
        anEntry(now, { state: "on-error", purged: true, usable_on_error_until: now + 86_400_000, worker: 2 }),
        anEntry(now, { state: "kept", kept_until: now, masked: true }),
      ],
      looked_at: 4096,
      cursor: "4096",
    } satisfies ShownEntries,
    "/store": {
      redis: { keys: 1234, used_bytes: 5 * 1024 * 1024, max_bytes: 1024 ** 3 },
      instances: [
        { instance: "a-1-0", self: true, version: "0.1.0", since: now - 7_500_000, epoch: 12, behind_ms: 0 },
        { instance: "b-2-0", self: false, version: "0.1.0", since: now - 60_000, epoch: 9, behind_ms: 2500 },
        { instance: "c-3-0", self: false, version: null, since: null, epoch: null, behind_ms: null },
      ],
    } satisfies ShownStore,
    "/explain": {
      url,
      key: url,
      key_parts: { ignored: ["utm_source"] },
      selecting: ["accept-encoding"],
      variants: [],
      stored: {
        status: 200,
        etag: '"abc"',
        last_modified: null,
        size: 2048,
        tags: ["data-1"],
        tier: ["memory", "redis"],
        stored_at: now,
        age: 1,
        fresh_until: { at: now + 600_000, because: "max-age=600" },
        refreshing_until: { at: now + 900_000, because: "stale-while-revalidate=300" },
        usable_on_error_until: { at: now + 700_000, because: "stale-if-error=100" },
        kept_until: { at: now + 4_500_000, because: "CACHE_KEEP" },
      },
      instances: [
        { instance: "a-1-0", answered: true, tier: ["memory", "redis"], stored_at: now },
        { instance: "b-2-0", answered: true, tier: [], stored_at: null },
        { instance: "c-3-0", answered: false, tier: [], stored_at: null },
      ],
      purges: [],
      next: {
        decision: "serve",
        reason: "fresh",
        sentence: "It is served from memory.",
        clause: "RFC 9111 §4.2",
      },
      last: null,
      advice: ["Nothing to do."],
    },
    "/events": `event: answered\ndata: ${JSON.stringify({
      time: now,
      id: "1",
      method: "GET",
      url,
      status: 200,
      cache: "HIT",
      reason: null,
      bytes: 2048,
      ttfb_ms: 0.2,
      total_ms: 0.3,
    })}\n\n`,
  };
}

export const anEntry = (now: number, changes: Partial<ShownEntry> = {}): ShownEntry => ({
  url: "http://localhost:3000/a",
  selecting: {},
  status: 200,
  size: 2048,
  stored_at: now - 75_000,
  age: 75,
  state: "fresh",
  purged: false,
  fresh_until: null,
  refreshing_until: null,
  usable_on_error_until: null,
  kept_until: null,
  tags: 2,
  ...changes,
});

const origin = (now: number, healthy: boolean, detail: string) => ({
  healthy,
  state: healthy ? "up" : "down",
  since: new Date(now - 3_600_000).toISOString(),
  last_check: new Date(now).toISOString(),
  detail,
  in_flight: 1,
  ejected: false,
  breaker_open: false,
  history: healthy ? [] : [{ at: new Date(now - 120_000).toISOString(), healthy, detail }],
});
