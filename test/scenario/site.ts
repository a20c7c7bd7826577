import { request as httpRequest } from "node:http";
import { onTestFinished } from "vitest";
import type { CountsReport } from "../../mock-origin/counts.ts";
import { type MockOrigins, startMockOrigins } from "../../mock-origin/start.ts";
import type { CacheEvent } from "../../src/cache/events.ts";
import type { SettingName } from "../../src/config/settings.ts";
import { type Running, start } from "../../src/start.ts";
import { loadedFor, settledFor } from "../config-for.ts";
import { until } from "../until.ts";

/** An answer as it was on the wire: names in their case, lines in their order. */
export interface Answer {
  readonly status: number;
  readonly statusMessage: string;
  readonly rawHeaders: readonly string[];
  /** The combined value of a field, by lower-case name. */
  header(name: string): string | undefined;
  readonly body: Buffer;
  readonly text: string;
  json<T = Record<string, unknown>>(): T;
  /** `HIT/STALE`: X-Cache-Status and X-Cache. */
  readonly cache: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>> | readonly string[];
  readonly body?: string | Buffer;
}

/** One request on a connection of its own; rejects when the connection breaks before the body has ended. */
export function ask(url: string, { method = "GET", headers = {}, body }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      url,
      { method, headers: headers as Record<string, string>, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const bytes = Buffer.concat(chunks);
          const header = (name: string) => {
            const value = response.headers[name];
            return Array.isArray(value) ? value.join(", ") : value;
          };
          resolve({
            status: response.statusCode ?? 0,
            statusMessage: response.statusMessage ?? "",
            rawHeaders: response.rawHeaders,
            header,
            body: bytes,
            get text() {
              return bytes.toString();
            },
            json: <T>() => JSON.parse(bytes.toString()) as T,
            cache: `${header("x-cache-status")}/${header("x-cache")}`,
          });
        });
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

/** A running proxy before running mock origins, with a clock that a test moves. */
export interface Site {
  readonly proxy: Running;
  readonly mock: MockOrigins;
  readonly events: readonly CacheEvent[];
  /** What proxy and origins know of time: the system's clock and what a test has added. */
  readonly clock: { addedMs: number };
  /** Asks the proxy. */
  get(path: string, headers?: Ask["headers"]): Promise<Answer>;
  ask(path: string, how?: Ask): Promise<Answer>;
  /** Asks the admin API. */
  admin(path: string, how?: Ask): Promise<Answer>;
  /** Writes other settings over those that there are, and asks for a reload. */
  reload(settings?: Partial<Record<SettingName, string>>): Promise<Answer>;
  /** Asks one mock origin itself. */
  origin(path: string, how?: Ask, index?: number): Promise<Answer>;
  /** Tells every mock origin how to behave. */
  behave(behavior: object): Promise<void>;
  /** How often the origins were asked for this URL, all ports together: `GET /data?id=1`. */
  asked(what: string): Promise<number>;
  /** What all origins together were asked. */
  counts(): Promise<CountsReport>;
  /** Lets so many seconds pass for the cache, and for the origins' Date. */
  advance(seconds: number): void;
  /** Resolves when the condition holds; rejects after twenty seconds. */
  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void>;
}

export interface SiteOptions {
  readonly settings?: Partial<Record<SettingName, string>>;
  readonly redisUrl?: string;
  readonly origins?: number;
  /** The clock moves only when the test moves it; not for what waits by it, such as a lost Redis. */
  readonly standingClock?: boolean;
  /** Milliseconds that the proxy goes by for how long an origin took to fail; time that passes when absent. */
  readonly elapsed?: () => number;
  /** One more proxy before this site's origins, with its clock; `origins` then says nothing. */
  readonly beside?: Site;
}

/** Redis and other instances answer in time, however busy the machine is. */
export const IN_TIME = { REDIS_COMMAND_TIMEOUT: "10s", PURGE_ACK_TIMEOUT: "10s" } as const;

/** Starts a site; everything is stopped when the test has finished. */
export async function startSite(options: SiteOptions = {}): Promise<Site> {
  const { settings = {}, redisUrl, origins = 1, standingClock = false, beside, elapsed } = options;
  const clock = beside?.clock ?? { addedMs: 0 };
  const startedAt = Date.now();
  const now = () => (standingClock ? startedAt : Date.now()) + clock.addedMs;
  const mock =
    beside?.mock ?? (await startMockOrigins({ ports: Array.from({ length: origins }, () => 0), now }));
  onTestFinished(() => mock.close());
  let written: Partial<Record<SettingName, string>> = {
    ORIGINS: mock.urls.join(","),
    HEALTH_CHECK_INTERVAL: "1h",
    SHUTDOWN_TIMEOUT: "1s",
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl, ...IN_TIME }),
    ...settings,
  };
  const { config, settings: shown } = settledFor(written);
  const reread = () => loadedFor(written);
  const events: CacheEvent[] = [];
  const proxy = await start(config, {
    observers: [(event) => events.push(event)],
    settings: shown,
    reread,
    now,
    ...(elapsed === undefined ? {} : { elapsed }),
  });
  onTestFinished(() => proxy.stop());
  const site: Site = {
    proxy,
    mock,
    events,
    clock,
    get: (path, headers) => site.ask(path, headers === undefined ? {} : { headers }),
    ask: (path, how) => ask(`http://127.0.0.1:${proxy.port}${path}`, how),
    admin: (path, how) => ask(`http://127.0.0.1:${proxy.adminPort}${path}`, how),
    reload(changed = {}) {
      written = { ...written, ...changed };
      return site.admin("/reload", { method: "POST" });
    },
    origin: (path, how, index = 0) => ask(`${mock.urls[index]}${path}`, how),
    async behave(behavior) {
      const answer = await site.origin("/behavior?all=1", { method: "PUT", body: JSON.stringify(behavior) });
      if (answer.status >= 300) throw new Error(answer.text);
    },
    async asked(what) {
      return (await site.counts()).by_url[what] ?? 0;
    },
    counts: async () => (await site.origin("/counts?all=1")).json<CountsReport>(),
    advance(seconds) {
      clock.addedMs += seconds * 1000;
    },
    async until(what, condition) {
      await until(what, condition);
    },
  };
  return site;
}
