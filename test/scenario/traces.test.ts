import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { type Collector, type ReceivedSpan, startCollector } from "../observe/collector.ts";
import { startRedis } from "../redis-server.ts";
import { until } from "../until.ts";
import { get, startFleet } from "./fleet.ts";
import { startOrigin } from "./own-origin.ts";
import { startProgram } from "./program.ts";
import { keptGet, rawClient } from "./raw.ts";
import { type Answer, ask, startSite } from "./site.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const PARENT = { traceparent: `00-${TRACE}-${SPAN}-01` };
const SERVER = 2;
const CLIENT = 3;

const tracingTo = (collector: { readonly url: string }) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_BSP_SCHEDULE_DELAY: "10",
});

const isRequest = ({ kind }: ReceivedSpan) => kind === SERVER;
const called = (name: string) => (span: ReceivedSpan) => span.name === name;
/** Each span by its name, with the name of what it is a part of. */
const tree = (spans: readonly ReceivedSpan[]): string[] =>
  spans
    .map(({ name, kind, parentSpanId }) => {
      const parent = spans.find(({ spanId }) => spanId === parentSpanId);
      const above = parent === undefined ? (parentSpanId ?? "-") : parent.name;
      return `${above} > ${kind === CLIENT && name === "GET" ? "origin GET" : name}`;
    })
    .sort();

/** An origin of a minute's freshness, and what it was told of traces. */
async function tellingOrigin(cacheControl = "max-age=60") {
  const origin = await startOrigin((request, response) => {
    response.setHeader("cache-control", cacheControl).setHeader("etag", '"1"');
    if (request.headers["if-none-match"] !== undefined) response.writeHead(304).end();
    else response.end("body");
  });
  return { ...origin, parents: () => origin.requests.map(({ headers }) => headers["traceparent"]) };
}

it("a miss is a span of the client's trace, with its look in memory and its fetch; the origin hears of ours", async () => {
  const collector = await startCollector();
  const origin = await tellingOrigin();
  const site = await startSite({
    settings: {
      ORIGINS: origin.url,
      ...tracingTo(collector),
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20secret",
      OTEL_SERVICE_NAME: "shop cache",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
    },
  });
  const answer = await site.get("/data?id=1&token=secret", {
    ...PARENT,
    tracestate: "x=1",
    "X-Request-Id": "r1",
  });
  expect(answer.cache).toBe("MISS/MISS");
  const spans = await collector.received(3);
  expect(tree(spans)).toEqual([`${SPAN} > GET`, "GET > lookup memory", "GET > origin GET"]);
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
  const [request] = spans.filter(isRequest);
  const [sent] = spans.filter(({ kind }) => kind === CLIENT);
  const { port } = site.proxy;
  expect(request?.attributes).toEqual({
    "http.request.method": "GET",
    "url.scheme": "http",
    "url.path": "/data",
    "url.query": "id=1&token=***",
    "server.address": "127.0.0.1",
    "server.port": port,
    "http.response.status_code": 200,
    "http.response.body.size": 4,
    "cache.status": "MISS",
    "cache.key_hash": expect.stringMatching(/^[0-9a-f]{16}$/),
    "cache.origin": origin.url,
    "freshline.request_id": "r1",
  });
  expect(sent?.attributes).toEqual({
    "http.request.method": "GET",
    "url.scheme": "http",
    "url.path": "/data",
    "url.query": "id=1&token=***",
    "server.address": "127.0.0.1",
    "server.port": Number(new URL(origin.url).port),
    "http.response.status_code": 200,
  });
  expect(spans.find(called("lookup memory"))?.attributes).toEqual({
    "cache.tier": "memory",
    "cache.lookup": "uri-miss",
  });
  expect(request?.resource).toMatchObject({
    "service.name": "shop cache",
    "deployment.environment.name": "test",
  });
  for (const { start, end } of spans) expect(end).toBeGreaterThanOrEqual(start);
  expect(origin.parents()).toEqual([`00-${TRACE}-${sent?.spanId}-01`]);
  expect(origin.requests[0]?.headers["tracestate"]).toBe("x=1");
  expect(collector.requests[0]?.headers["authorization"]).toBe("Bearer secret");
  expect(
    JSON.stringify(collector.spans, (_, value) => (typeof value === "bigint" ? 0 : value)),
  ).not.toContain("secret");
  expect(site.events).toContainEqual(expect.objectContaining({ type: "answered", traceId: TRACE }));
});

it.each([
  ["in the plain lane", "on"],
  ["by Hono", "off"],
])(
  "a hit %s is a span with its look in memory, and no traceparent is in its key or stored",
  async (_, lane) => {
    const collector = await startCollector();
    const origin = await tellingOrigin();
    const site = await startSite({
      settings: { ORIGINS: origin.url, ...tracingTo(collector), PLAIN_LANE: lane },
    });
    expect((await site.get("/a", PARENT)).cache).toBe("MISS/MISS");
    const other = "1".repeat(32);
    const parent = { traceparent: `00-${other}-${SPAN}-01`, tracestate: "x=1" };
    const hit = await keptGet(site.proxy.port, "/a", parent, "\r\n\r\nbody");
    expect(hit).toContain("X-Cache: HIT\r\n");
    expect(hit).not.toMatch(/trace|4bf92f/i);
    const spans = await collector.received(2, ({ traceId }) => traceId === other);
    expect(tree(spans)).toEqual([`${SPAN} > GET`, "GET > lookup memory"]);
    expect(spans.find(isRequest)?.attributes).toMatchObject({
      "cache.status": "HIT",
      "cache.tier": "memory",
    });
    expect(spans.find(called("lookup memory"))?.attributes).toMatchObject({ "cache.lookup": "found" });
  },
);

it.each([
  ["is missing", {}],
  ["is malformed", { traceparent: "00-zz-1-1" }],
])("where traceparent %s a new trace begins, and what came with it ends", async (_, fields) => {
  const collector = await startCollector();
  const origin = await tellingOrigin("no-store");
  const site = await startSite({ settings: { ORIGINS: origin.url, ...tracingTo(collector) } });
  await site.get("/a", { ...fields, tracestate: "x=1" });
  const [request] = await collector.received(1, isRequest);
  expect(request).not.toHaveProperty("parentSpanId");
  expect(request?.traceId).not.toBe(TRACE);
  expect(origin.parents()).toEqual([expect.stringMatching(`^00-${request?.traceId}-[0-9a-f]{16}-01$`)]);
  expect(origin.requests[0]?.headers["tracestate"]).toBeUndefined();
});

it("what the client does not want recorded is not, and the origin is told so", async () => {
  const collector = await startCollector();
  const origin = await tellingOrigin("no-store");
  const site = await startSite({ settings: { ORIGINS: origin.url, ...tracingTo(collector) } });
  await site.get("/unsampled", { traceparent: `00-${TRACE}-${SPAN}-00` });
  await site.get("/sampled", PARENT);
  await collector.received(3);
  await site.proxy.stop();
  expect(new Set(collector.spans.flatMap(({ attributes }) => attributes["url.path"] ?? []))).toEqual(
    new Set(["/sampled"]),
  );
  const [unsampled] = origin.parents();
  expect(unsampled).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
  expect(site.events.filter((event) => event.type === "answered").map(({ traceId }) => traceId)).toEqual([
    undefined,
    TRACE,
  ]);
});

it("without a collector traceparent and tracestate pass as they came", async () => {
  const origin = await tellingOrigin("no-store");
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  const fields = { traceparent: "cc-what-ever", tracestate: "x=1" };
  await site.get("/a", fields);
  expect(origin.requests[0]?.headers).toMatchObject(fields);
});

it("who waits for another's fetch has a span for that, in its own trace, and no fetch", async () => {
  const collector = await startCollector();
  const held: (() => void)[] = [];
  const origin = await startOrigin((_, response) =>
    held.push(() => response.setHeader("cache-control", "max-age=60").end("body")),
  );
  const site = await startSite({ settings: { ORIGINS: origin.url, ...tracingTo(collector) } });
  const first = site.get("/a", { traceparent: `00-${"a".repeat(32)}-${SPAN}-01` });
  await site.until("the origin is asked", () => held.length === 1);
  const second = site.get("/a", { traceparent: `00-${"b".repeat(32)}-${SPAN}-01` });
  // It waits once it has looked in memory.
  await collector.received(1, ({ name, traceId }) => name === "lookup memory" && traceId.startsWith("b"));
  held[0]?.();
  await Promise.all([first, second]);
  const followed = await collector.received(3, ({ traceId }) => traceId.startsWith("b"));
  expect(tree(followed)).toEqual([`${SPAN} > GET`, "GET > lookup memory", "GET > wait"]);
  expect(followed.find(called("wait"))?.attributes).toEqual({ "cache.wait.for": "leader" });
  expect(followed.find(isRequest)?.attributes).toMatchObject({
    "cache.collapsed": true,
    "cache.status": "MISS",
  });
  expect(tree(await collector.received(3, ({ traceId }) => traceId.startsWith("a")))).toContain(
    "GET > origin GET",
  );
});

it("a refresh in the background is a part of the trace that set it off, with its fetch", async () => {
  const collector = await startCollector();
  const origin = await tellingOrigin("max-age=1, stale-while-revalidate=60");
  const site = await startSite({ settings: { ORIGINS: origin.url, ...tracingTo(collector) } });
  await site.get("/a");
  site.advance(2);
  expect((await site.get("/a", PARENT)).cache).toBe("HIT/UPDATING");
  const spans = await collector.received(4, ({ traceId }) => traceId === TRACE);
  expect(tree(spans)).toEqual([
    `${SPAN} > GET`,
    "GET > lookup memory",
    "GET > refresh",
    "refresh > origin GET",
  ]);
  expect(spans.find(called("refresh"))?.attributes).toEqual({ "cache.status": "REVALIDATED" });
  expect(spans.find(isRequest)?.attributes).toMatchObject({
    "cache.status": "UPDATING",
    "cache.reason": "stale-while-revalidate",
  });
});

it("a purge is a span: by the admin API a trace of its own, by PURGE a part of its request's", async () => {
  const collector = await startCollector();
  const site = await startSite({ settings: { ...tracingTo(collector), PURGE_ALLOW: "127.0.0.1" } });
  expect((await site.admin("/cache/data?id=1", { method: "DELETE" })).status).toBe(200);
  const [alone] = await collector.received(1, called("purge"));
  expect(alone).not.toHaveProperty("parentSpanId");
  expect(alone?.attributes).toMatchObject({ "cache.purge.mode": "delete", "cache.purge.types": "path" });
  await site.ask("/data?id=1", { method: "PURGE", headers: PARENT });
  const spans = await collector.received(2, ({ traceId }) => traceId === TRACE);
  expect(tree(spans)).toEqual([`${SPAN} > HTTP`, "HTTP > purge"]);
});

it("an origin that fails is an error of the fetch and of the request, with what was tried", async () => {
  const collector = await startCollector();
  const origin = await startOrigin((_, response) => response.destroy());
  const site = await startSite({ settings: { ORIGINS: origin.url, ...tracingTo(collector) } });
  expect((await site.get("/a", PARENT)).status).toBe(502);
  const spans = await collector.received(3);
  const sent = spans.find(({ kind }) => kind === CLIENT);
  expect(sent).toMatchObject({ failed: true, attributes: { "error.type": "reset" } });
  expect(sent?.events[0]).toEqual({ name: "origin-failed", attributes: { "error.type": "reset" } });
  expect(spans.find(isRequest)).toMatchObject({
    failed: true,
    attributes: { "error.type": "502", "cache.reason": "origin_unreachable" },
  });
});

it.each<[string, () => Promise<Collector>]>([
  [
    "is down",
    async () => {
      const collector = await startCollector();
      await collector.close();
      return collector;
    },
  ],
  ["never answers", () => startCollector(() => {})],
  ["fails", () => startCollector((response) => response.writeHead(500).end())],
])("a collector that %s hurts no request, and what is lost is told", async (_, open) => {
  const collector = await open();
  const origin = await tellingOrigin();
  const site = await startSite({
    settings: {
      ORIGINS: origin.url,
      ...tracingTo(collector),
      OTEL_BSP_MAX_QUEUE_SIZE: "5",
      OTEL_EXPORTER_OTLP_TIMEOUT: "100",
    },
  });
  const answers: Answer[] = [];
  for (let i = 0; i < 20; i++) answers.push(await site.get(`/${i}`));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  await site.proxy.stop();
  const lost = site.events.flatMap((event) => (event.type === "spans-lost" ? event.spans : []));
  expect(lost.reduce((sum, spans) => sum + spans, 0)).toBe(60);
});

it("what waits is sent when the process ends, of each of several workers", async () => {
  const collector = await startCollector();
  const origin = await tellingOrigin();
  const program = await startProgram({
    ORIGINS: origin.url,
    WORKERS: "2",
    LOG_FORMAT: "json",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: "3600000",
  });
  const url = `http://127.0.0.1:${program.port}`;
  const requests = () => program.lines().filter(({ msg }) => msg === "request");
  let asked = 0;
  await until("both workers have answered", async () => {
    await ask(`${url}/${asked++}`, { headers: PARENT });
    return new Set(requests().map(({ worker }) => worker)).size === 2;
  });
  const purged = await ask(`http://127.0.0.1:${program.adminPort}/cache/0`, { method: "DELETE" });
  expect(purged.status, purged.text).toBe(200);
  expect(collector.spans).toEqual([]);
  program.child.kill("SIGTERM");
  expect(await program.exited).toBe(0);
  expect(collector.spans.filter(isRequest)).toHaveLength(asked);
  expect(new Set(collector.spans.filter(isRequest).map(({ resource }) => resource["process.pid"])).size).toBe(
    2,
  );
  expect(collector.spans.filter(called("purge"))).toHaveLength(1);
  expect(requests().map((line) => line["trace_id"])).toEqual(Array.from({ length: asked }, () => TRACE));
});

it("with Redis each look there has a span, and so has the wait for another instance", async () => {
  await using redis = await startRedis();
  const collector = await startCollector();
  const { sites, asked, waiting, held } = await startFleet(redis, 2, {
    ...tracingTo(collector),
    LEASE_TTL: "60s",
    COALESCE_PATIENCE: "60s",
  });
  const [a, b] = sites;
  const first = get(a, "/a", { traceparent: `00-${"a".repeat(32)}-${SPAN}-01` });
  await asked(1);
  const second = get(b, "/a", { traceparent: `00-${"b".repeat(32)}-${SPAN}-01` });
  await waiting("/a", 1);
  held[0]?.setHeader("cache-control", "max-age=60").end("body");
  await Promise.all([first, second]);
  const led = await collector.received(4, ({ traceId }) => traceId.startsWith("a"));
  expect(tree(led)).toEqual([
    `${SPAN} > GET`,
    "GET > lookup memory",
    "GET > lookup redis",
    "GET > origin GET",
  ]);
  const waited = await collector.received(
    1,
    ({ name, traceId }) => name === "wait" && traceId.startsWith("b"),
  );
  expect(waited[0]?.attributes).toMatchObject({ "cache.wait.for": "instance" });
  expect(collector.spans.find(called("lookup redis"))).toMatchObject({
    kind: CLIENT,
    attributes: { "db.system.name": "redis", "cache.tier": "redis", "cache.lookup": "uri-miss" },
  });
  const hit = await get(b, "/a", { traceparent: `00-${"c".repeat(32)}-${SPAN}-01` });
  expect(hit.cache).toBe("HIT/HIT");
});

it("what the plain lane looks up in Redis is a part of the request that it answers", async () => {
  await using redis = await startRedis();
  const collector = await startCollector();
  const origin = await tellingOrigin();
  const site = await startSite({
    settings: { ORIGINS: origin.url, ...tracingTo(collector), CACHE_MEMORY_BYTES: "0" },
    redisUrl: redis.url,
  });
  await site.get("/a");
  await site.until("it is stored", () => site.events.some(({ type }) => type === "stored"));
  const hit = await keptGet(site.proxy.port, "/a", PARENT, "\r\n\r\nbody");
  expect(hit).toContain("X-Cache: HIT\r\n");
  const spans = await collector.received(3, ({ traceId }) => traceId === TRACE);
  expect(tree(spans)).toEqual([`${SPAN} > GET`, "GET > lookup memory", "GET > lookup redis"]);
  expect(spans.find(called("lookup redis"))?.attributes).toMatchObject({ "cache.lookup": "found" });
});

it("what a client of the plain lane does not take is a span that says so", async () => {
  const collector = await startCollector();
  const origin = await startOrigin((_, response) =>
    response.setHeader("cache-control", "max-age=60").end(Buffer.alloc(60_000)),
  );
  const site = await startSite({
    settings: { ORIGINS: origin.url, ...tracingTo(collector), WRITE_TIMEOUT: "100ms" },
  });
  await site.get("/a");
  const client = await rawClient(site.proxy.port);
  client.socket.pause();
  // More than any two sockets take.
  const head = `GET /a HTTP/1.1\r\nHost: 127.0.0.1:${site.proxy.port}\r\ntraceparent: ${PARENT.traceparent}\r\n\r\n`;
  client.write(head.repeat(400));
  const [aborted] = await collector.received(1, ({ attributes }) => attributes["error.type"] === "aborted");
  expect(aborted).toMatchObject({ traceId: TRACE, name: "GET", failed: false });
  expect(aborted?.attributes).toMatchObject({ "cache.status": "HIT", "http.response.status_code": 200 });
});

it("an upgrade is a span, and so is what the origin is asked for it", async () => {
  const collector = await startCollector();
  const parents: (string | undefined)[] = [];
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => server.close());
  server.on("connection", (_, { headers }) => parents.push(headers["traceparent"] as string | undefined));
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const site = await startSite({ settings: { ORIGINS: url, ...tracingTo(collector) } });
  const socket = new WebSocket(`ws://127.0.0.1:${site.proxy.port}/ws`, { headers: PARENT });
  onTestFinished(() => socket.terminate());
  await once(socket, "open");
  const spans = await collector.received(2);
  expect(tree(spans)).toEqual([`${SPAN} > GET`, "GET > origin GET"]);
  for (const { attributes } of spans) expect(attributes).toMatchObject({ "http.response.status_code": 101 });
  expect(parents).toEqual([`00-${TRACE}-${spans.find(({ kind }) => kind === CLIENT)?.spanId}-01`]);
});
