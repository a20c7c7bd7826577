import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { hiding } from "../../src/cache/hide-fields.ts";
import { createHits } from "../../src/cache/hit.ts";
import type { Entry } from "../../src/cache/ports/store.ts";
import { createRepeatedHits } from "../../src/server/repeated-hits.ts";
import { aStored, later } from "../policy/builders.ts";
import { exchange } from "../scenario/raw.ts";
import { APP_SETTINGS } from "./app-settings.ts";

const lines = (...more: readonly string[]): string =>
  `${["Host: shop.example", ...more].join("\r\n")}\r\n\r\n`;
const GET = `GET /data?id=1 HTTP/1.1\r\n${lines()}`;
const LAST = `GET /last HTTP/1.1\r\n${lines("Connection: close")}`;

/** Node's server, which says `more to do` where nothing was answered. */
async function open({ bodyBytes = 1, freshFor = 60, draining = false, broken = false } = {}) {
  const clock = { at: later(1) };
  const events: CacheEvent[] = [];
  const stored = aStored({
    fields: { Date: "Thu, 15 Jan 2026 12:00:00 GMT" },
    bodyLength: bodyBytes,
    freshnessLifetime: freshFor,
  });
  const entry: { stored: typeof stored; body: Entry["body"] } = {
    stored,
    body: Buffer.alloc(bodyBytes, "x"),
  };
  const found = { type: "found", entry, tier: "memory" } as const;
  const variances = { keyFor: (uri: string) => uri } as Parameters<typeof createHits>[0]["variances"];
  const lookupNear = (uri: string) => {
    if (broken) throw new Error("a defect");
    return uri.includes("/data?id=1") ? found : undefined;
  };
  const hits = createHits({ lookupNear, variances, hide: hiding(new Set()), now: () => clock.at });
  const held = { bytes: 0, begun: 0 };
  const answer = createRepeatedHits({
    hits,
    emit: (event) => void events.push(event),
    hold({ length }) {
      held.begun++;
      held.bytes += length;
      return () => {
        held.bytes -= length;
      };
    },
    keepAliveTimeoutMs: 5000,
    settings: APP_SETTINGS,
    elapsed: () => 0,
  });
  const server = createServer((incoming, outgoing) => {
    if (draining) outgoing.shouldKeepAlive = false;
    if (!answer(incoming, outgoing)) outgoing.end("more to do");
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  /** What each answer is: `more to do`, or its lines that change. */
  const ask = async (...requests: readonly string[]): Promise<string> =>
    (await exchange(port, `${requests.join("")}${LAST}`)).toString();
  return { clock, events, held, entry, ask };
}

const ids = (text: string): string[] =>
  [...text.matchAll(/^X-Request-Id: (.*)\r$/gm)].map(([, id = ""]) => id);
const undone = (text: string): number => text.split("more to do").length - 1;

it("a request that repeats its connection's lines is answered, with an id of its own each time", async () => {
  const { ask, events } = await open();
  const text = await ask(GET, GET, GET);
  expect(undone(text)).toBe(2);
  expect(text.match(/^Age: 1\r$/gm)).toHaveLength(2);
  expect(new Set(ids(text)).size).toBe(2);
  expect(events).toMatchObject(
    ids(text).map((requestId) => ({
      type: "answered",
      requestId,
      method: "GET",
      uri: "http://shop.example/data?id=1",
      status: 200,
      tier: "memory",
      bytes: 1,
      aborted: false,
      outcome: { word: "HIT", age: 1, ttl: 59 },
      asker: { httpVersion: "1.1", address: "127.0.0.1", fields: ["Host", "shop.example"] },
    })),
  );
});

it("there is more to do where the connection ends with the answer", async () => {
  const { ask, events } = await open({ draining: true });
  expect(undone(await ask(GET, GET))).toBe(1);
  expect(events).toEqual([]);
});

it("there is more to do where looking it up fails", async () => {
  const { ask, events } = await open({ broken: true });
  expect(undone(await ask(GET, GET))).toBe(3);
  expect(events).toEqual([]);
});

it("its own id is the client's again", async () => {
  const { ask } = await open();
  const own = `GET /data?id=1 HTTP/1.1\r\n${lines("X-Request-Id: mine")}`;
  expect(ids(await ask(own, own, own))).toEqual(["mine", "mine"]);
});

it.each([
  ["of another method", `POST /data?id=1 HTTP/1.1\r\n${lines()}`],
  ["of HTTP/1.0", `GET /data?id=1 HTTP/1.0\r\n${lines("Connection: keep-alive")}`],
  ["in absolute form", `GET http://shop.example/data?id=1 HTTP/1.1\r\n${lines()}`],
  ["with a fragment", `GET /data?id=1#part HTTP/1.1\r\n${lines()}`],
  ["with a target that is too long", `GET /data?id=1&${"l".repeat(8192)} HTTP/1.1\r\n${lines()}`],
  ["for what is not stored", `GET /other HTTP/1.1\r\n${lines()}`],
  ["for a range", `GET /data?id=1 HTTP/1.1\r\n${lines("Range: bytes=0-0")}`],
  ["with a precondition", `GET /data?id=1 HTTP/1.1\r\n${lines('If-Match: "a"')}`],
  ["that asks for its trace", `GET /data?id=1 HTTP/1.1\r\n${lines("X-Freshline-Debug: 1")}`],
])("there is more to do for a request %s", async (_, request) => {
  const { ask, events } = await open();
  await ask(request, request, request);
  expect(events).toEqual([]);
});

it("a HEAD has the lines of a GET, and no content", async () => {
  const { ask } = await open();
  const text = await ask(GET, GET.replace("GET", "HEAD"), GET);
  const [, head = "", whole = ""] = text.split(/(?=HTTP\/1\.1 )/);
  const withoutId = (answer: string) => answer.replace(/^X-Request-Id: .*$/m, "");
  expect(withoutId(whole)).toBe(`${withoutId(head)}x`);
});

it("each second has its own age, and what is stale is not answered", async () => {
  const { ask, clock } = await open();
  const age = async () => /^Age: .*(?=\r$)/m.exec(await ask(GET, GET))?.[0];
  expect(await age()).toBe("Age: 1");
  clock.at = later(2);
  expect(await age()).toBe("Age: 2");
  clock.at = later(60);
  expect(await age()).toBeUndefined();
});

it("its age and its ttl are each told anew where the other is the same", async () => {
  const { ask, clock } = await open({ freshFor: 60.5 });
  const times = async () => (await ask(GET, GET)).match(/^Age: \d+|ttl=\d+/gm);
  clock.at = later(0.9);
  expect(await times()).toEqual(["Age: 0", "ttl=60"]);
  clock.at = later(1);
  expect(await times()).toEqual(["Age: 1", "ttl=60"]);
  clock.at = later(1.5);
  expect(await times()).toEqual(["Age: 1", "ttl=59"]);
});

it("a body is counted as long as its client takes it, and one that goes out in slices is not answered", async () => {
  const { ask, held, events } = await open({ bodyBytes: 65_536 });
  // The second is due behind the first.
  await ask(GET, GET, GET);
  expect(events).toHaveLength(2);
  expect(held.begun).toBeGreaterThan(0);
  expect(held.bytes).toBe(0);
  const longer = await open({ bodyBytes: 65_537 });
  await longer.ask(GET, GET);
  expect(longer.events).toEqual([]);
});

it("a long content is the one that is in memory by now; where it is elsewhere there is more to do", async () => {
  const { ask, entry, events } = await open({ bodyBytes: 20_000 });
  expect(await ask(GET, GET)).toContain("x".repeat(20_000));
  entry.body = Buffer.alloc(20_000, "y");
  expect(await ask(GET, GET)).toContain("y".repeat(20_000));
  entry.body = {
    length: 20_000,
    checksum: 0,
    read: () => {
      throw new Error("expected that nobody reads it");
    },
  };
  expect(undone(await ask(GET, GET))).toBe(3);
  expect(events).toHaveLength(2);
});
