import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { PurgeTarget } from "../../src/cache/ports/purge-log.ts";
import { createLogger, type LogOptions } from "../../src/observe/log.ts";
import { anAnswer, HIT, MISS } from "./an-event.ts";

const NOON = Date.UTC(2026, 10, 21, 12, 0, 1, 250);

function aLog(options: Partial<LogOptions> & { readonly isTTY?: boolean } = {}) {
  const text: string[] = [];
  const { isTTY = false, ...rest } = options;
  const log = createLogger({
    level: "info",
    format: "json",
    now: () => NOON,
    env: {},
    destination: { isTTY, write: (line) => text.push(line) },
    ...rest,
  });
  return { ...log, text, lines: () => text.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test("a request is one JSON line with everything that is known about it", () => {
  const { listen, text, lines } = aLog();
  listen(
    anAnswer({
      uri: "http://shop.example:8080/data?id=1&token=s3cret",
      outcome: {
        word: "STALE",
        body: "cache",
        fwd: "stale",
        reason: "stale-if-error",
        ttl: -7,
        age: 67,
        collapsed: true,
      },
      tier: "redis",
      origin: "http://127.0.0.1:4001",
      aborted: true,
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    }),
  );
  expect(text).toHaveLength(1);
  expect(text[0]).toMatch(/^\{[^\n]*\}\n$/);
  expect(lines()[0]).toEqual({
    level: "info",
    time: "2026-11-21T12:00:01.250Z",
    msg: "request",
    request_id: "r-1",
    method: "GET",
    path: "/data?id=1&token=***",
    host: "shop.example:8080",
    key_hash: createHash("sha256")
      .update("http://shop.example:8080/data?id=1&token=s3cret")
      .digest("hex")
      .slice(0, 16),
    trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
    status: 200,
    cache: "STALE",
    x_cache_status: "HIT",
    reason: "stale-if-error",
    tier: "redis",
    age: 67,
    ttl: -7,
    origin: "http://127.0.0.1:4001",
    bytes: 512,
    head_ms: 0.123,
    duration_ms: 1.235,
    collapsed: true,
    aborted: true,
  });
});

test("a line has the time at which it is written", () => {
  let now = NOON;
  const { listen, lines } = aLog({ now: () => now });
  for (const milliseconds of [0, 1, 0, 747, 1, 0]) {
    now += milliseconds;
    listen(anAnswer());
  }
  expect(lines().map(({ time }) => String(time).slice(-13))).toEqual([
    "12:00:01.250Z",
    "12:00:01.251Z",
    "12:00:01.251Z",
    "12:00:01.998Z",
    "12:00:01.999Z",
    "12:00:01.999Z",
  ]);
});

test("what is not known is left out", () => {
  const { listen, lines } = aLog();
  const { tier: _, ...answer } = anAnswer({ outcome: MISS });
  listen(answer);
  expect(lines()[0]).not.toHaveProperty("tier");
  expect(lines()[0]).not.toHaveProperty("reason");
  expect(lines()[0]).not.toHaveProperty("origin");
  expect(lines()[0]).not.toHaveProperty("age");
  expect(lines()[0]).not.toHaveProperty("ttl");
  expect(lines()[0]).toMatchObject({ x_cache_status: "MISS", collapsed: false, aborted: false });
});

test("a line repeats of the last one of its URI only what is the same", () => {
  const { listen, lines } = aLog();
  const plain = anAnswer({ outcome: HIT, tier: "memory" });
  const { tier: _, ...untold } = plain;
  const others = [
    { method: "HEAD" },
    { status: 404 },
    { bytes: 7 },
    { tier: "redis" },
    { origin: "http://127.0.0.1:4001" },
    { outcome: MISS },
    { outcome: { ...HIT, word: "UPDATING" } },
    { outcome: { ...HIT, body: "none" } },
    { outcome: { ...HIT, reason: "stale-if-error" } },
    { aborted: true },
    { outcome: { ...HIT, collapsed: true } },
    { outcome: { ...HIT, ttl: 41 } },
    { outcome: { ...HIT, age: 18 } },
    { traceId: "4bf92f3577b34da6a3ce929d0e0e4736" },
    { headMs: 0.999, durationMs: 1000.9996 },
  ] as const;
  for (const other of others) for (const each of [plain, { ...plain, ...other }]) listen(each);
  listen(untold);
  const said = lines();
  const [first] = said;
  expect(said.filter((_, i) => i % 2 === 0 && i < said.length - 1)).toEqual(others.map(() => first));
  expect(said.filter((_, i) => i % 2 === 1)).toEqual([
    { ...first, method: "HEAD" },
    { ...first, status: 404 },
    { ...first, bytes: 7 },
    { ...first, tier: "redis" },
    { ...first, origin: "http://127.0.0.1:4001" },
    { ...first, cache: "MISS", x_cache_status: "MISS", ttl: undefined },
    { ...first, cache: "UPDATING" },
    { ...first, x_cache_status: "MISS" },
    { ...first, reason: "stale-if-error" },
    { ...first, aborted: true },
    { ...first, collapsed: true },
    { ...first, ttl: 41 },
    { ...first, age: 18 },
    { ...first, trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" },
    { ...first, head_ms: 0.999, duration_ms: 1001 },
  ]);
  expect(said.at(-1)).not.toHaveProperty("tier");
});

test("a line is what it would be without those before it, whatever of its times and its id has changed", () => {
  const uri = "http://shop.example/\u00e9/\u20ac?a=1";
  const id = "6f1d3f0c-6f0e-4d7a-9a7b-0d6a5a1f2b3c";
  const changes = [
    {},
    { requestId: id.replaceAll("6", "7") },
    { requestId: "short" },
    { headMs: 0.999, durationMs: 0.998 },
    { headMs: 12.5 },
    { durationMs: 1234.567 },
    { outcome: { ...HIT, age: 18, ttl: 42 } },
    { outcome: { ...HIT, age: 9, ttl: 51 } },
    { outcome: { ...HIT, age: 100 } },
    { outcome: { ...HIT, ttl: -1 } },
    { aborted: true },
  ];
  const plain = { ...anAnswer({ uri, requestId: id, outcome: HIT }), headMs: 0.012, durationMs: 0.012 };
  let now = NOON;
  const all = aLog({ now: () => now });
  const alone = changes.flatMap((first) =>
    changes.flatMap((second) =>
      [first, second].map((change) => {
        now += 749;
        const event = { ...plain, ...change };
        all.listen(event);
        const fresh = aLog({ now: () => now });
        fresh.listen(event);
        return fresh.text[0];
      }),
    ),
  );
  expect(all.text).toEqual(alone);
});

test.each([
  ["http://shop.example/", "shop.example", "/"],
  ["http://shop.example", "shop.example", "/"],
  ["http://shop.example?x=1", "shop.example", "?x=1"],
  ["https://[::1]:8443//a/../b?u=http://x/", "[::1]:8443", "//a/../b?u=http://x/"],
  ["/a?u=http://x/y", undefined, "/a?u=http://x/y"],
  ["*", undefined, "*"],
])("the URI %s is split without being tidied", (uri, host, path) => {
  const { listen, lines } = aLog();
  listen(anAnswer({ uri }));
  expect(lines()[0]?.["host"]).toBe(host);
  expect(lines()[0]?.["path"]).toBe(path);
});

test("a 5xx that we made is a warning, an origin's own is not", () => {
  const { listen, lines } = aLog();
  listen(anAnswer({ status: 502, outcome: { word: "MISS", body: "none", reason: "origin_unreachable" } }));
  listen(anAnswer({ status: 503, outcome: { word: "MISS", body: "origin", reason: "status" } }));
  listen(anAnswer({ status: 400, outcome: { word: "BYPASS", body: "none", reason: "bad_request" } }));
  expect(lines().map((line) => line["level"])).toEqual(["warn", "info", "info"]);
});

test("at level warn requests are silent, our own 5xx are not", () => {
  const { listen, lines } = aLog({ level: "warn" });
  listen(anAnswer());
  listen(anAnswer({ status: 504, outcome: { word: "MISS", body: "none", reason: "origin_timeout" } }));
  expect(lines().map((line) => line["status"])).toEqual([504]);
});

test("a purge's line says what was purged and how, without secrets", () => {
  const { listen, lines } = aLog();
  const targets: PurgeTarget[] = [
    { type: "path", path: "/a?token=s3cret" },
    { type: "prefix", site: "http://h", path: "/a" },
    { type: "site", site: "http://h" },
    { type: "tag", tag: "news" },
    { type: "tag", site: "http://h", tag: "news" },
    { type: "group", site: "http://h", group: "g" },
  ];
  for (const target of targets) listen({ type: "purged", target, mode: "invalidate", epoch: 7 });
  const said = (fields: object) => ({
    level: "info",
    msg: "purged",
    mode: "invalidate",
    epoch: 7,
    ...fields,
  });
  expect(lines().map(({ time: _, ...line }) => line)).toEqual([
    said({ target: "path", path: "/a?token=***" }),
    said({ target: "prefix", prefix: "http://h/a" }),
    said({ target: "site", site: "http://h" }),
    said({ target: "tag", tag: "news" }),
    said({ target: "tag", tag: "news", site: "http://h" }),
    said({ target: "group", group: "g", site: "http://h" }),
  ]);
});

test("changes, failures and purges have a line each; what the request line says has none", () => {
  const { listen, lines } = aLog();
  const origin = "http://127.0.0.1:4001";
  listen({ type: "origin-health", origin, healthy: false, detail: "503" });
  listen({ type: "origin-health", origin, healthy: true, detail: "200" });
  listen({ type: "origin-ejected", origin, forMs: 10_000, detail: "failed 5 times in a row" });
  listen({ type: "coalesced", key: "k", scope: "process", waitedMs: 3 });
  listen({ type: "store-asked", tier: "redis", operation: "lookup", ms: 1 });
  listen({ type: "store-state", up: false, detail: "ECONNREFUSED" });
  listen({ type: "store-state", up: true, detail: "ready" });
  listen({ type: "refreshed", key: "http://h/a?token=s3cret", result: "failed" });
  listen({ type: "refreshed", key: "k", result: "validated" });
  listen({ type: "purged", target: { type: "everything" }, mode: "delete", epoch: 7 });
  listen({ type: "purged", target: { type: "url", key: "http://h/a?sig=s3cret" }, mode: "delete", epoch: 8 });
  listen({ type: "foreign-value", key: "k", detail: "unknown version" });
  listen({ type: "stored", key: "k", bytes: 1, until: 0, epoch: 0, tags: [] });
  listen({ type: "not-stored", key: "k", reason: "private" });
  listen({ type: "origin-answered", origin, status: 200, headMs: 1, conditional: false });
  for (let i = 0; i < 3; i++) listen({ type: "connection-refused", answered: i === 0 });
  listen({ type: "spans-lost", spans: 3, detail: "answered 400" });

  expect(lines().map(({ time: _, ...line }) => line)).toEqual([
    { level: "warn", msg: "origin unhealthy", origin, detail: "503" },
    { level: "info", msg: "origin healthy", origin, detail: "200" },
    { level: "warn", msg: "origin ejected", origin, detail: "failed 5 times in a row", for_ms: 10_000 },
    { level: "warn", msg: "store down", detail: "ECONNREFUSED" },
    { level: "info", msg: "store up", detail: "ready" },
    { level: "warn", msg: "refresh failed", key: "http://h/a?token=***" },
    { level: "info", msg: "purged", target: "everything", mode: "delete", epoch: 7 },
    { level: "info", msg: "purged", target: "url", key: "http://h/a?sig=***", mode: "delete", epoch: 8 },
    { level: "warn", msg: "connection refused: as many are open as MAX_CONNECTIONS lets in" },
    { level: "warn", msg: "spans lost", spans: 3, detail: "answered 400" },
  ]);
});

test("of many requests a sample has a line, and each that fails or breaks off", () => {
  let at = 0;
  const { listen, lines, apply } = aLog({ sample: 0.25, random: () => ((at++ + 4) % 8) / 8 });
  for (let i = 0; i < 80; i++) listen(anAnswer({ requestId: "well" }));
  listen(anAnswer({ requestId: "5xx", status: 503 }));
  listen(anAnswer({ requestId: "aborted", aborted: true }));
  const written = lines().map((line) => line["request_id"]);
  expect(written).toEqual([...Array.from({ length: 20 }, () => "well"), "5xx", "aborted"]);
  apply({ level: "info", sample: 1 });
  listen(anAnswer());
  apply({ level: "warn", sample: 1 });
  listen(anAnswer());
  expect(lines()).toHaveLength(23);
});

test("foreign values are told at level debug", () => {
  const { listen, lines } = aLog({ level: "debug" });
  listen({ type: "foreign-value", key: "k", detail: "unknown version" });
  expect(lines()[0]).toMatchObject({
    level: "debug",
    msg: "foreign value",
    key: "k",
    detail: "unknown version",
  });
});

test("a store that fails with every request says so once a second, and how often it kept quiet", () => {
  let now = NOON;
  const { listen, lines } = aLog({ now: () => now });
  const failed = {
    type: "store-failed",
    tier: "redis",
    operation: "lookup",
    code: "timeout",
    message: "50 ms",
  } as const;
  for (let i = 0; i < 500; i++) listen(failed);
  listen({ ...failed, operation: "put" });
  listen({ ...failed, code: "unavailable" });
  now += 1_000;
  listen(failed);

  expect(lines().map(({ time: _, ...line }) => line)).toEqual([
    {
      level: "warn",
      msg: "store failed",
      tier: "redis",
      operation: "lookup",
      code: "timeout",
      detail: "50 ms",
    },
    { level: "warn", msg: "store failed", tier: "redis", operation: "put", code: "timeout", detail: "50 ms" },
    {
      level: "warn",
      msg: "store failed",
      tier: "redis",
      operation: "lookup",
      code: "unavailable",
      detail: "50 ms",
    },
    {
      level: "warn",
      msg: "store failed",
      tier: "redis",
      operation: "lookup",
      code: "timeout",
      detail: "50 ms",
      suppressed: 499,
    },
  ]);
});

test("an origin that fails is told once a second as well", () => {
  const { listen, lines } = aLog();
  for (let i = 0; i < 10; i++)
    listen({ type: "origin-failed", origin: "http://o", code: "refused", message: "no" });
  expect(lines()).toMatchObject([
    { msg: "origin failed", origin: "http://o", code: "refused", detail: "no" },
  ]);
});

const clock = new Date(NOON).toTimeString().slice(0, 8);

test("for people a request is one short line", () => {
  const { listen, text } = aLog({ format: "pretty" });
  listen(anAnswer());
  listen(
    anAnswer({
      outcome: { word: "STALE", body: "cache", reason: "stale-if-error", collapsed: true },
      aborted: true,
    }),
  );
  expect(text).toEqual([
    `${clock} GET /data?id=1 200 HIT 1.2ms\n`,
    `${clock} GET /data?id=1 200 STALE 1.2ms stale-if-error collapsed aborted\n`,
  ]);
});

test("for people everything else is one line too, with its fields", () => {
  const { listen, logger, text } = aLog({ format: "pretty" });
  listen({ type: "origin-health", origin: "http://o", healthy: false, detail: "503" });
  logger.info("listening");
  expect(text[0]).toBe(`${clock} WARN origin unhealthy {"origin":"http://o","detail":"503"}\n`);
  expect(text[1]?.trimEnd()).toBe(`${clock} INFO listening`);
  expect(text[1]?.match(/\n/g)).toHaveLength(1);
});

test("control characters in a request-target or a detail do not reach the terminal", () => {
  const { listen, text } = aLog({ format: "pretty", isTTY: true, env: { NO_COLOR: "1" } });
  listen(anAnswer({ uri: "http://h/\x1b[2J\x9b31m\r\n" }));
  listen({ type: "origin-health", origin: "http://o", healthy: false, detail: "\x1b[2J\x9b31m" });
  expect(text[0]).toContain(" /?[2J?31m?? ");
  expect(text.join("")).not.toMatch(/(?!\n)\p{Cc}/u);
});

test.each([
  ["auto", true, {}, "colour"],
  ["auto", true, { NO_COLOR: "1" }, "plain"],
  ["auto", true, { NO_COLOR: "" }, "colour"],
  ["auto", false, {}, "json"],
  ["pretty", false, {}, "plain"],
  ["pretty", false, { FORCE_COLOR: "1" }, "colour"],
  ["pretty", false, { FORCE_COLOR: "1", NO_COLOR: "1" }, "plain"],
  ["auto", false, { FORCE_COLOR: "1" }, "json"],
  ["json", true, {}, "json"],
] as const)("format %s, terminal %s, environment %o: %s", (format, isTTY, env, expected) => {
  const { listen, logger, text } = aLog({ format, isTTY, env });
  listen(anAnswer());
  logger.warn({ a: 1 }, "other");
  for (const line of text) {
    const kind = line.startsWith("{") ? "json" : line.includes("\x1b[") ? "colour" : "plain";
    expect(kind).toBe(expected);
  }
});
