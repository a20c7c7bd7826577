import type { Stats } from "../admin/answers.ts";
import { type AdminDeps, createAdminApi } from "../admin/api.ts";
import { type AdminListener, listenAdmin } from "../admin/listen.ts";
import type { Explain } from "../cache/explain.ts";
import type { Config, FixedConfig } from "../config.ts";
import type { Family } from "../observe/families.ts";
import type { LiveReading } from "../observe/live.ts";
import type { Tail } from "../observe/tail.ts";
import type { OriginState } from "../origin/member.ts";
import type { SteeringInForce } from "./steering.ts";

/** What follows from the settings alone. */
type OfSettings = "token" | "hosts" | "ignoredParameters" | "report" | "steering";

/** What the admin API asks of the cache. */
export type OfOperator = Omit<AdminDeps, OfSettings>;

/** What a proxy that serves can be asked by its operator. */
export interface Operations extends OfOperator {
  stats(): Stats;
  readonly explain: Explain;
  /** What metricsText says, for one who adds it up with others'. */
  metrics(): Promise<readonly Family[]>;
  origins(): readonly OriginState[];
  ready(): Readiness;
  /** What `live` shows, for one who joins it with others'. */
  liveReading(): LiveReading;
  readonly tail: Tail;
  /** Takes over settings and origins: see Steering in start/steering.ts. */
  apply(config: Config, draining: readonly string[]): Promise<void>;
}

export interface Readiness {
  readonly ready: boolean;
  readonly detail: string;
}

/** Without the purge log we serve, at the price of validations: other instances are no better off. */
export function readiness(draining: boolean, healthy: boolean, behindMs: number): Readiness {
  if (draining) return { ready: false, detail: "draining" };
  if (!healthy) return { ready: false, detail: "no healthy origin" };
  if (behindMs === 0) return { ready: true, detail: "ok" };
  const since = Number.isFinite(behindMs) ? `for ${Math.ceil(behindMs / 1000)} s` : "yet";
  return { ready: true, detail: `ok, but purges of other instances cannot be heard ${since}` };
}

/** Opens the admin API over these operations. Rejects with Node's error when its port cannot be had. */
export function openAdmin(
  config: FixedConfig,
  steering: SteeringInForce,
  operations: OfOperator,
): Promise<AdminListener> {
  const api = createAdminApi({
    ...operations,
    steering,
    token: config.ADMIN_TOKEN,
    hosts: [config.ADMIN_HOST],
    get ignoredParameters() {
      return steering.config().CACHE_KEY_IGNORE_PARAMS;
    },
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
