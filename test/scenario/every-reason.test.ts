import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { codeOf, codeOfPurge, codeOfRefresh } from "../../src/policy/codes.ts";
import { REASON_CODES, type ReasonCode, reasonOf } from "../../src/policy/reasons.ts";
import { createApp } from "../../src/server/app.ts";
import { certificateFolder } from "../certificates.ts";
import { freePort } from "../free-port.ts";
import { APP_SETTINGS } from "../server/app-settings.ts";
import { startOrigin } from "./own-origin.ts";
import { exchange, rawClient } from "./raw.ts";
import { answerOf, startRawOrigin } from "./raw-origin.ts";
import { type Ask, type Site, startSite } from "./site.ts";

const MINUTE = "cache-control=max-age=60";
const SECOND = "cache-control=max-age=1";
const HONOUR = { CACHE_CLIENT_DIRECTIVES: "honour" };

/** A word for each decision that an event tells of. */
function codeIn(event: CacheEvent): ReasonCode | undefined {
  switch (event.type) {
    case "answered":
      return codeOf(event.outcome);
    case "not-stored":
      return event.reason;
    case "refreshed":
      return codeOfRefresh(event.result);
    case "purged":
      return codeOfPurge(event.mode);
    case "connection-refused":
      return "too_many_connections";
    default:
      return undefined;
  }
}
const codesIn = (site: Site) => site.events.map(codeIn).filter((code) => code !== undefined);

/** What GET /explain says of the next request, and of the key. */
async function explained(site: Site, path: string, ...headers: string[]): Promise<ReasonCode[]> {
  const query = new URLSearchParams({ url: `http://127.0.0.1:${site.proxy.port}${path}` });
  for (const header of headers) query.append("header", header);
  const said = (await site.admin(`/explain?${query}`)).json<{
    next: { reason: ReasonCode };
    key_parts: { ignored_because: { reason: ReasonCode }[] };
  }>();
  return [said.next.reason, ...said.key_parts.ignored_because.map(({ reason }) => reason)];
}

/** The words told while these requests were made one after the other. */
async function told(
  settings: Record<string, string>,
  requests: readonly (readonly [path: string, how?: Ask] | ((site: Site) => unknown))[],
): Promise<() => ReasonCode[]> {
  const site = await startSite({ settings });
  for (const request of requests) {
    if (typeof request === "function") await request(site);
    else await site.ask(...request).catch(() => {});
  }
  return () => codesIn(site);
}

const wait = (site: Site) =>
  site.until("it is stored", () => site.events.some(({ type }) => type === "stored"));
const later = (site: Site) => site.advance(5);
const failing = (site: Site) => site.behave({ status: 503 });
const once = (path: string, how: Ask = {}, settings = {}) => told(settings, [[path, how]]);
const field = (...pairs: readonly [string, string][]) => `/headers?${new URLSearchParams([...pairs])}`;
const purge = (mode: string) => (site: Site) =>
  site.admin("/purge", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ everything: true, mode }),
  });
const stale = (more: string) => `/data?id=1&cache-control=max-age=1,${more}`;

/** Stores one answer, and asks what the next request would meet. */
async function next(
  path: string,
  then: (site: Site) => unknown = () => {},
  headers: readonly string[] = [],
  settings = {},
  explainedPath = path,
) {
  const site = await startSite({ settings });
  await site.get(path);
  await wait(site);
  await then(site);
  const codes = await explained(site, explainedPath, ...headers);
  return () => codes;
}

async function refreshed(then: (site: Site) => unknown, settings = {}) {
  const path = stale("stale-while-revalidate=60");
  return told(settings, [[path], wait, later, then, [path]]);
}

const rawOrigin = async (bytes: string, path = "/") => {
  const origin = await startRawOrigin(({ socket }) => socket.end(bytes));
  return told({ ORIGINS: origin.url }, [[path]]);
};

const lostRedis = async (on: string) => ({
  REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
  CACHE_ON_STORE_FAILURE: on,
});

/** A request that a defect of ours costs: nothing a client sends leads to one. */
async function broken() {
  const events: CacheEvent[] = [];
  const app = createApp({
    handle: () => Promise.reject(new Error("a defect of this test")),
    emit: (event) => events.push(event),
    hold: () => () => {},
    settings: APP_SETTINGS,
    elapsed: () => performance.now(),
  });
  const server = createServer((request, response) => void app.serve(request, response));
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  await exchange(
    (server.address() as AddressInfo).port,
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  );
  return () => events.map(codeIn).filter((code) => code !== undefined);
}

/** For each word what makes the proxy say it; the compiler keeps the list complete. */
const SCENARIOS = {
  method: () => once("/echo", { method: "POST" }),
  upgrade: () =>
    told({}, [
      async (site) => {
        const head = ["GET /ws HTTP/1.1", "Host: a", "Upgrade: nonsense", "Connection: Upgrade"];
        await exchange(site.proxy.port, `${head.join("\r\n")}\r\n\r\n`);
      },
    ]),
  "client-no-store": () => once("/data?id=1", { headers: { "Cache-Control": "no-store" } }, HONOUR),
  precondition: () => once("/data?id=1", { headers: { "If-Match": '"1"' } }),
  "request-body": () => once("/data?id=1", { headers: { "Content-Length": "1" }, body: "x" }),

  fresh: () => told({}, [[`/data?id=1&${MINUTE}`], wait, [`/data?id=1&${MINUTE}`]]),
  "stale-while-revalidate": () => refreshed(() => {}),
  "stale-if-error": () =>
    told({}, [[stale("stale-if-error=60")], wait, later, failing, [stale("stale-if-error=60")]]),
  "client-max-stale": () =>
    told(HONOUR, [
      [`/data?id=1&${SECOND}`],
      wait,
      later,
      [`/data?id=1&${SECOND}`, { headers: { "Cache-Control": "max-stale" } }],
    ]),

  "uri-miss": async () => {
    const codes = await explained(await startSite(), "/data?id=1");
    return () => codes;
  },
  "vary-miss": () => next(field(["Vary", "X-A"], ["Cache-Control", "max-age=60"]), () => {}, ["X-A: 1"]),
  incomplete: async () => {
    const site = await startSite();
    await site.get(`/bytes?n=1000&${MINUTE}`, { Range: "bytes=0-9" });
    await wait(site);
    const codes = await explained(site, `/bytes?n=1000&${MINUTE}`);
    return () => codes;
  },
  only_if_cached: () => once("/data?id=1", { headers: { "Cache-Control": "only-if-cached" } }, HONOUR),
  no_healthy_origin: async () => once("/", {}, { ORIGINS: `http://127.0.0.1:${await freePort()}` }),
  origin_unreachable: () => told({}, [(site) => site.behave({ cut_before_head: true }), ["/data?id=1"]]),
  origin_certificate: async () => {
    const certificates = certificateFolder();
    certificates.certify("origin");
    const server = createTlsServer({
      key: certificates.pem("origin.key"),
      cert: certificates.pem("origin.pem"),
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return once("/", {}, { ORIGINS: `https://localhost:${(server.address() as AddressInfo).port}` });
  },
  origin_error: () => told({}, [[`/data?id=1&${SECOND}`], wait, later, failing, [`/data?id=1&${SECOND}`]]),
  origin_timeout: () =>
    told({ ORIGIN_TIMEOUT: "100ms" }, [(site) => site.behave({ delay_ms: 5000 }), ["/data?id=1"]]),
  origin_overloaded: () =>
    told({ ORIGIN_CONNECTIONS: "1", ORIGIN_QUEUE: "0" }, [
      (site) => site.behave({ delay_ms: 500 }),
      (site) => Promise.all([1, 2, 3].map((id) => site.get(`/data?id=${id}`))),
    ]),
  store_unavailable: async () => once("/data?id=1", {}, await lostRedis("503")),
  too_many_connections: () =>
    told({ MAX_CONNECTIONS: "1" }, [(site) => rawClient(site.proxy.port), ["/data?id=1"]]),
  bad_request: () => once(`/${"x".repeat(9000)}`),
  purge_forbidden: () => once("/data?id=1", { method: "PURGE" }, { PURGE_ALLOW: "192.0.2.0/24" }),
  internal_error: broken,

  stale: () => next(`/data?id=1&${SECOND}`, later),
  request: () => next(`/data?id=1&${MINUTE}`, () => {}, ["Cache-Control: no-cache"], HONOUR),
  "no-cache": () => next("/data?id=1&cache-control=no-cache"),
  validated: () => told({}, [[`/data?id=1&${SECOND}`], wait, later, [`/data?id=1&${SECOND}`]]),
  "refresh-validated": () => refreshed(() => {}),
  "refresh-replaced": () =>
    refreshed((site) => site.origin("/data?id=1", { method: "PUT", body: '{"value":2}' })),
  "refresh-failed": () => refreshed(failing),
  "refresh-dropped": () => {
    const path = (id: number) => `/data?id=${id}&cache-control=max-age=1,stale-while-revalidate=60`;
    const stored = (site: Site) =>
      site.until("both are stored", () => site.events.filter(({ type }) => type === "stored").length === 2);
    const slow = (site: Site) => site.behave({ delay_ms: 500 });
    return told({ REFRESH_CONCURRENCY: "1" }, [
      [path(1)],
      [path(2)],
      stored,
      later,
      slow,
      [path(1)],
      [path(2)],
    ]);
  },
  collapsed: () =>
    told({}, [
      (site) => site.behave({ delay_ms: 300 }),
      (site) => Promise.all([1, 2].map(() => site.get(`/data?id=1&${MINUTE}`))),
    ]),

  stored: () => once(`/data?id=1&${MINUTE}`),
  replaced: () =>
    told({}, [
      [`/data?id=1&${SECOND},stale-if-error=60`],
      wait,
      later,
      (site) => site.origin("/data?id=1", { method: "PUT", body: '{"value":2}' }),
      [`/data?id=1&${SECOND},stale-if-error=60`],
    ]),
  status: () => once("/status?code=302"),
  "no-store": () => once("/data?id=1&cache-control=no-store"),
  private: () => once("/data?id=1&cache-control=private"),
  authorization: () => once(`/data?id=1&${MINUTE}`, { headers: { Authorization: "Basic eA==" } }),
  cookie: () => once("/vulnerable/account/x.css", { headers: { Cookie: "session=1" } }),
  "unkeyed-field": () => once(`/data?id=1&${MINUTE}`, { headers: { "X-Debug": "1" } }),
  "vary-star": () => once(field(["Vary", "*"], ["Cache-Control", "max-age=60"])),
  "set-cookie": () => once(field(["Set-Cookie", "a=1"], ["Cache-Control", "max-age=60"])),
  "event-stream": () => once("/events?n=1"),
  "too-many-tags": async () => {
    const origin = await startOrigin((_, response) => {
      const tags = Array.from({ length: 1001 }, (_, i) => i).join(" ");
      response.writeHead(200, { "Cache-Control": "max-age=60", "Surrogate-Key": tags }).end();
    });
    return once("/", {}, { ORIGINS: origin.url });
  },
  "no-freshness": () => once("/headers"),
  "too-large": () => once(`/bytes?n=100&${MINUTE}`, {}, { CACHE_MAX_OBJECT_BYTES: "10" }),
  "flights-full": () => once(`/bytes?n=100&${MINUTE}&chunked=1`, {}, { CACHE_FLIGHT_BYTES: "1" }),
  partial: () => once("/puzzles/20"),
  "close-delimited": () => rawOrigin("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\nx"),
  "cut-off": () => told({}, [(site) => site.behave({ cut_after_bytes: 10 }), [`/bytes?n=100&${MINUTE}`]]),
  purged: () =>
    told({}, [
      (site) => site.behave({ delay_ms: 300 }),
      async (site) => {
        const answer = site.get(`/data?id=1&${MINUTE}`);
        await site.until("the origin is asked", async () => (await site.counts()).total > 0);
        await purge("delete")(site);
        await answer;
      },
    ]),
  "range-request": () => rawOrigin(answerOf("416 Range Not Satisfiable", ["Cache-Control: max-age=60"])),
  "head-request": () => once(`/data?id=1&${MINUTE}`, { method: "HEAD" }),
  "store-failed": async () => once(`/data?id=1&${MINUTE}`, {}, await lostRedis("origin")),

  "purge-deleted": () => told({}, [purge("delete")]),
  "purge-invalidated": () => told({}, [purge("invalidate")]),
  evicted: () => {
    const path = (i: number) => `/bytes?n=2000&seed=${i}&${MINUTE}`;
    const many = async (site: Site) => {
      for (let i = 2; i < 40; i++) await site.get(path(i));
    };
    return next(path(1), many, [], { CACHE_MEMORY_BYTES: "40KiB" });
  },
  expired: () => next(field(["Cache-Control", "max-age=1"]), later),
  "ignored-parameter": () =>
    next(
      `/data?id=1&${MINUTE}`,
      () => {},
      [],
      { CACHE_KEY_IGNORE_PARAMS: "utm_*" },
      `/data?id=1&${MINUTE}&utm_a=1`,
    ),
  "ignored-search": () => {
    const path = field(["No-Vary-Search", 'params=("x")'], ["Cache-Control", "max-age=60"]);
    return next(path, () => {}, [], {}, `${path}&x=1`);
  },
} as const satisfies Readonly<Record<ReasonCode, () => Promise<() => ReasonCode[]>>>;

it.each(REASON_CODES)("a real request leads to %s", { timeout: 20_000 }, async (code) => {
  const codes = await SCENARIOS[code]();
  await expect.poll(codes, { timeout: 5000 }).toContain(code);
});

it("every reason has a sentence, what decided it and what would change it", () => {
  for (const code of REASON_CODES) {
    const { sentence, decidedBy, change } = reasonOf(code);
    expect(sentence, code).toMatch(/^[A-Z].*\.$/);
    expect(change, code).toMatch(/^[A-Z].*\.$/);
    expect(decidedBy, code).not.toBe("");
  }
});
