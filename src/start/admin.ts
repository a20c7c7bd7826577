import { type AdminDeps, createAdminApi } from "../admin/api.ts";
import { type AdminListener, listenAdmin } from "../admin/listen.ts";
import type { Explain } from "../cache/explain.ts";
import type { Config } from "../config.ts";
import type { LiveReading } from "../observe/live.ts";
import type { MetricRows } from "../observe/metrics.ts";
import type { Stats } from "../observe/stats.ts";
import type { Tail } from "../observe/tail.ts";
import type { OriginState } from "../origin/roster.ts";

/** What a proxy that serves can be asked by its operator. */
export interface Operations extends Omit<AdminDeps, "token" | "hosts" | "ignoredParameters" | "report"> {
  stats(): Stats;
  readonly explain: Explain;
  /** What metricsText says, for one who adds it up with others'. */
  metrics(): Promise<MetricRows>;
  origins(): readonly OriginState[];
  ready(): Readiness;
  /** What `live` shows, for one who joins it with others'. */
  liveReading(): LiveReading;
  readonly tail: Tail;
}

export interface Readiness {
  readonly ready: boolean;
  readonly detail: string;
}

/** Opens the admin API over these operations. Rejects with Node's error when its port cannot be had. */
export function openAdmin(
  config: Config,
  operations: Omit<AdminDeps, "token" | "hosts" | "ignoredParameters" | "report">,
): Promise<AdminListener> {
  const api = createAdminApi({
    ...operations,
    token: config.ADMIN_TOKEN,
    hosts: [config.ADMIN_HOST],
    ignoredParameters: config.CACHE_KEY_IGNORE_PARAMS,
    playground: playgroundBefore(config.PORT),
    report: (error, requestId) => console.error(`freshline: admin request ${requestId} failed:`, error),
  });
  return listenAdmin(api, { host: config.ADMIN_HOST, port: config.ADMIN_PORT });
}

/** The run script, which alone starts mock origins together with a proxy, says here where one is. */
function playgroundBefore(port: number): AdminDeps["playground"] {
  const mock = process.env["FRESHLINE_PLAYGROUND"];
  return mock === undefined || mock === "" ? undefined : { proxy: `http://localhost:${port}`, mock };
}
