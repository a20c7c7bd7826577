import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { isLive, type LiveSettingName, SETTING_NAMES, type SettingName } from "../../src/config/settings.ts";
import { liveSettings } from "../../src/start/live-settings.ts";
import { originOptions } from "../../src/start/origin-options.ts";
import { configFor } from "../config-for.ts";
import { freePort } from "../free-port.ts";
import { type OwnOrigin, startOrigin } from "./own-origin.ts";
import { type Ask, type Site, startSite } from "./site.ts";

/** A site before an origin of this test, which does what the query says. */
interface Stage {
  readonly site: Site;
  readonly origin: OwnOrigin;
  /** A URL that nobody has asked for. */
  fresh(query?: string): string;
  /** X-Cache of the second of two answers. */
  second(
    query: string,
    between?: { advance?: number; query?: string; headers?: Ask["headers"] },
  ): Promise<unknown>;
}

interface Proof {
  readonly before: string;
  readonly after: string;
  /** Settings beside it. */
  readonly with?: Partial<Record<SettingName, string>>;
  readonly observe: (stage: Stage) => Promise<unknown>;
  readonly was: unknown;
  readonly is: unknown;
}

const statusOf = async (site: Site, path: string, how?: Ask) => (await site.ask(path, how)).status;

const seen = (origin: OwnOrigin): IncomingMessage => origin.requests.at(-1) as IncomingMessage;

const field =
  (name: string, headers: Record<string, string> = {}) =>
  async ({ site, fresh }: Stage) =>
    (await site.get(fresh(), headers)).header(name) ?? "none";

const atOrigin =
  (name: string, headers: Record<string, string>) =>
  async ({ site, origin, fresh }: Stage) => {
    await site.get(fresh(), headers);
    return seen(origin).headers[name] ?? "none";
  };

/** Two requests at once for one slow URL. */
const both = async ({ site, fresh }: Stage, paths: (path: string) => string[]) => {
  const asked = paths(fresh("delay=300&cc=max-age%3D60"));
  return (await Promise.all(asked.map((path) => statusOf(site, path)))).sort();
};

/** What a real request shows of each; not here are those that take a broken network or a slow client. */
const PROOFS: Readonly<Partial<Record<LiveSettingName, Proof>>> = {
  PRESERVE_HOST: {
    before: "false",
    after: "true",
    observe: async ({ site, origin, fresh }) => {
      await site.get(fresh(), { host: "shop.test" });
      return seen(origin).headers.host === "shop.test";
    },
    was: false,
    is: true,
  },
  ORIGIN_TIMEOUT: {
    before: "30s",
    after: "50ms",
    observe: ({ site, fresh }) => statusOf(site, fresh("delay=2000")),
    was: 200,
    is: 504,
  },
  ORIGIN_QUEUE: {
    before: "10",
    after: "0",
    with: { ORIGIN_CONNECTIONS: "1" },
    observe: (stage) => both(stage, (path) => [path, `${path}&other=1`]),
    was: [200, 200],
    is: [200, 503],
  },
  ORIGIN_CONNECTIONS: {
    before: "2",
    after: "1",
    with: { ORIGIN_QUEUE: "0" },
    observe: (stage) => both(stage, (path) => [path, `${path}&other=1`]),
    was: [200, 200],
    is: [200, 503],
  },
  ORIGIN_BREAKER_AFTER: {
    before: "0",
    after: "1",
    with: { ORIGIN_TIMEOUT: "50ms" },
    observe: async ({ site, fresh }) => {
      await site.get(fresh("silent=1"));
      return statusOf(site, fresh("silent=1"));
    },
    was: 504,
    is: 502,
  },
  HEALTH_CHECK_PATH: {
    before: "/health-check",
    after: "/up",
    observe: async ({ origin }) => origin.requests.some(({ url }) => url === "/up"),
    was: false,
    is: true,
  },
  CACHE_DEFAULT_TTL: {
    before: "0s",
    after: "60s",
    observe: ({ second }) => second(""),
    was: "MISS",
    is: "HIT",
  },
  CACHE_DEFAULT_STALE_WHILE_REVALIDATE: {
    before: "0s",
    after: "60s",
    observe: ({ second }) => second("cc=max-age%3D1", { advance: 5 }),
    was: "MISS",
    is: "UPDATING",
  },
  CACHE_DEFAULT_STALE_IF_ERROR: {
    before: "0s",
    after: "60s",
    observe: async (stage) => {
      const path = stage.fresh("cc=max-age%3D1&once=1");
      await stage.site.get(path);
      stage.site.advance(5);
      return (await stage.site.get(path)).header("x-cache");
    },
    was: "MISS",
    is: "STALE",
  },
  CACHE_KEEP: {
    before: "10m",
    after: "0s",
    observe: ({ second }) => second("cc=max-age%3D1&etag=1", { advance: 5 }),
    was: "REVALIDATED",
    is: "MISS",
  },
  CACHE_MAX_OBJECT_BYTES: {
    before: "1MiB",
    after: "10",
    observe: ({ second }) => second("cc=max-age%3D60&size=100"),
    was: "HIT",
    is: "MISS",
  },
  CACHE_PROFILE: {
    before: "safe",
    after: "rfc",
    observe: ({ second }) => second("cc=s-maxage%3D1,stale-while-revalidate%3D60", { advance: 5 }),
    was: "UPDATING",
    is: "MISS",
  },
  CACHE_CLIENT_DIRECTIVES: {
    before: "ignore",
    after: "honour",
    observe: ({ second }) => second("cc=max-age%3D60", { headers: { "cache-control": "no-store" } }),
    was: "HIT",
    is: "BYPASS",
  },
  CACHE_SET_COOKIE: {
    before: "false",
    after: "true",
    observe: ({ second }) => second("cc=s-maxage%3D60&cookie=1"),
    was: "MISS",
    is: "HIT",
  },
  CACHE_KEY_IGNORE_PARAMS: {
    before: "",
    after: "utm_*",
    observe: ({ second }) => second("cc=max-age%3D60", { query: "&utm_source=mail" }),
    was: "MISS",
    is: "HIT",
  },
  CACHE_KEY_FIELDS: {
    before: "",
    after: "X-Kind",
    observe: ({ second }) => second("cc=max-age%3D60", { headers: { "x-kind": "b" } }),
    was: "HIT",
    is: "MISS",
  },
  UNKEYED_FIELDS_STRIP: {
    before: "",
    after: "X-Kind",
    observe: atOrigin("x-kind", { "x-kind": "a" }),
    was: "a",
    is: "none",
  },
  UNKEYED_FIELDS_PASS: {
    before: "",
    after: "X-Original-Url",
    observe: atOrigin("x-original-url", { "x-original-url": "/b" }),
    was: "none",
    is: "/b",
  },
  COALESCE_PATIENCE: {
    before: "1m",
    after: "20ms",
    observe: async (stage) => {
      const before = stage.origin.requests.length;
      await both(stage, (path) => [path, path]);
      return stage.origin.requests.length - before;
    },
    was: 1,
    is: 2,
  },
  CACHE_ON_STORE_FAILURE: {
    before: "origin",
    after: "503",
    with: { REDIS_URL: `redis://127.0.0.1:${await freePort()}` },
    observe: ({ site, fresh }) => statusOf(site, fresh("cc=max-age%3D60")),
    was: 200,
    is: 503,
  },
  MAX_BODY_BYTES: {
    before: "1MiB",
    after: "3",
    observe: ({ site, fresh }) => statusOf(site, fresh(), { method: "POST", body: "12345" }),
    was: 200,
    is: 413,
  },
  MAX_HEADER_COUNT: {
    before: "500",
    after: "10",
    observe: ({ site, fresh }) =>
      statusOf(site, fresh(), {
        headers: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x-${i}`, "1"])),
      }),
    was: 200,
    is: 431,
  },
  TRUSTED_PROXIES: {
    before: "",
    after: "127.0.0.1",
    observe: atOrigin("x-forwarded-for", { "x-forwarded-for": "203.0.113.9" }),
    was: "127.0.0.1",
    is: "203.0.113.9, 127.0.0.1",
  },
  PURGE_ALLOW: {
    before: "",
    after: "127.0.0.1",
    observe: async ({ site, origin, fresh }) => {
      const path = fresh();
      await site.ask(path, { method: "PURGE" });
      return origin.requests.some(({ url }) => url === path);
    },
    was: true,
    is: false,
  },
  DEBUG_ALLOW: {
    before: "",
    after: "127.0.0.1",
    observe: async (stage) =>
      (await field("x-freshline-trace", { "x-freshline-debug": "1" })(stage)) !== "none",
    was: false,
    is: true,
  },
  CORS_ORIGINS: {
    before: "",
    after: "*",
    observe: field("access-control-allow-origin"),
    was: "none",
    is: "*",
  },
  SECURITY_HEADERS: {
    before: "false",
    after: "true",
    observe: field("x-content-type-options"),
    was: "none",
    is: "nosniff",
  },
};

function answer(request: IncomingMessage, response: ServerResponse, asked: number): void {
  const query = new URL(request.url ?? "/", "http://origin").searchParams;
  const cacheControl = query.get("cc");
  if (cacheControl !== null) response.setHeader("Cache-Control", cacheControl);
  if (query.has("cookie")) response.setHeader("Set-Cookie", "a=b");
  if (query.has("etag")) response.setHeader("ETag", '"1"');
  if (query.has("once") && asked > 1) response.statusCode = 503;
  if (query.has("etag") && request.headers["if-none-match"] === '"1"') response.statusCode = 304;
  if (query.has("silent")) return;
  const body = "x".repeat(Number(query.get("size") ?? 1));
  setTimeout(
    () => response.end(response.statusCode === 304 ? undefined : body),
    Number(query.get("delay") ?? 0),
  );
}

async function stageWith(settings: Partial<Record<SettingName, string>>): Promise<Stage> {
  const asked = new Map<string, number>();
  const origin = await startOrigin((request, response) => {
    const url = request.url ?? "";
    asked.set(url, (asked.get(url) ?? 0) + 1);
    answer(request, response, asked.get(url) ?? 0);
  });
  const site = await startSite({ settings: { ORIGINS: origin.url, ...settings } });
  let urls = 0;
  const stage: Stage = {
    site,
    origin,
    fresh: (query = "") => `/page?n=${++urls}&${query}`,
    async second(query, { advance = 0, query: more = "", headers } = {}) {
      const path = stage.fresh(query);
      await site.get(path);
      if (advance > 0) site.advance(advance);
      return (await site.get(path + more, headers)).header("x-cache");
    },
  };
  return stage;
}

describe("a reload changes for the next request", () => {
  it.each(Object.entries(PROOFS))("%s", async (name, proof) => {
    const stage = await stageWith({ [name]: proof.before, ...proof.with });
    expect(await proof.observe(stage)).toEqual(proof.was);
    const reloaded = await stage.site.reload({ [name]: proof.after });
    expect(reloaded.json()).toMatchObject({
      changes: expect.arrayContaining([
        { name, from: proof.before, to: expect.any(String), effect: "applied" },
      ]),
    });
    expect(await proof.observe(stage)).toEqual(proof.is);
  });
});

it("a reload changes how often origins are checked", async () => {
  const { site, origin } = await stageWith({ HEALTH_CHECK_PATH: "/up", HEALTH_CHECK_INTERVAL: "1h" });
  const checks = () => origin.requests.filter(({ url }) => url === "/up").length;
  expect(checks()).toBe(1);
  await site.reload({ HEALTH_CHECK_INTERVAL: "20ms" });
  await site.until("it is checked again and again", () => checks() > 4);
});

/** What the log goes by, which is not a part of what is started. */
const OF_THE_LOG: readonly SettingName[] = ["LOG_LEVEL", "LOG_SAMPLE"];

it("every setting that a reload changes is read again by those who hold it", () => {
  const config = configFor({ ORIGINS: "http://localhost:1" });
  const read = new Set<string | symbol>(OF_THE_LOG);
  const spied = new Proxy(config, {
    get(target, name) {
      read.add(name);
      return target[name as SettingName];
    },
  });
  liveSettings(config, Number.POSITIVE_INFINITY).apply(spied);
  originOptions(spied, () => {}, Date.now);
  expect(SETTING_NAMES.filter((name) => isLive(name) && !read.has(name))).toEqual([]);
});
