import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { startOrigin } from "../scenario/own-origin.ts";
import { exchange, rawClient } from "../scenario/raw.ts";
import { ask, startSite } from "../scenario/site.ts";
import { until } from "../until.ts";
import { watched } from "./drive.ts";
import { bytes, get, HOST, post } from "./rows.ts";

const CLOSE = "Connection: close";
const CHUNKED = "Transfer-Encoding: chunked";
const statusOf = (seen: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(seen)?.[1]);
const chunk = (length: number): string => `${length.toString(16)}\r\n${"x".repeat(length)}\r\n`;

describe("the longest that is taken, and a byte or a line more", () => {
  const { port, reached } = watched({
    MAX_URL_BYTES: "1024",
    MAX_HEADER_COUNT: "20",
    MAX_BODY_BYTES: "5000",
  });
  const asking = async (sent: string) => statusOf(await exchange(port(), sent));
  const target = (length: number) => `/${"a".repeat(length - 1)}`;
  const lines = (count: number) => [CLOSE, ...Array.from({ length: count - 2 }, (_, i) => `X-${i}: 1`)];

  it("MAX_URL_BYTES: 414", async () => {
    expect(await asking(bytes(`GET ${target(1024)} HTTP/1.1`, [HOST, CLOSE]))).toBe(200);
    expect(await asking(bytes(`GET ${target(1025)} HTTP/1.1`, [HOST, CLOSE]))).toBe(414);
    expect(await asking(bytes(`POST ${target(1025)} HTTP/1.1`, [HOST, CLOSE]))).toBe(414);
    // Longer than any head: Node's parser gives up in the middle of the line.
    expect(await asking(bytes(`GET ${target(20_000)} HTTP/1.1`, [HOST, CLOSE]))).toBe(414);
    expect((await reached()).requests).toHaveLength(1);
  });

  it("MAX_HEADER_COUNT: 431", async () => {
    expect(await asking(get(...lines(20)))).toBe(200);
    expect(await asking(get(...lines(21)))).toBe(431);
    expect(await asking(post("", ...lines(21)))).toBe(431);
    expect((await reached()).requests).toHaveLength(1);
  });

  it("MAX_BODY_BYTES by Content-Length: 413, and the origin hears nothing of it", async () => {
    expect(await asking(post("x".repeat(5000), CLOSE, "Content-Length: 5000"))).toBe(200);
    expect(await asking(post("x".repeat(5001), CLOSE, "Content-Length: 5001"))).toBe(413);
    expect(await asking(post("", CLOSE, "Content-Length: 5001"))).toBe(413);
    const { requests, cut, ambiguous } = await reached();
    expect(requests.map(({ body }) => body.length)).toEqual([5000]);
    expect({ cut, ambiguous }).toEqual({ cut: [], ambiguous: [] });
  });

  it("MAX_BODY_BYTES in chunks: 413, and what the origin has of it is cut", async () => {
    const last = "0\r\n\r\n";
    expect(await asking(post(chunk(2500) + chunk(2500) + last, CLOSE, CHUNKED))).toBe(200);
    expect(await asking(post(chunk(2500) + chunk(2501) + last, CLOSE, CHUNKED))).toBe(413);
    const client = await rawClient(port());
    client.write(post("", CHUNKED));
    for (let sent = 0; sent < 6000; sent += 1000) {
      client.write(chunk(1000));
      await pause(5);
    }
    expect(statusOf(await client.end())).toBe(413);
    const { requests, ambiguous } = await reached();
    expect(requests.map(({ body }) => body.length)).toEqual([5000]);
    expect(ambiguous).toEqual([]);
  });
});

describe("6 KiB of fields", () => {
  const { port, reached } = watched();
  const one = [`X: ${"x".repeat(6144)}`];
  const many = Array.from({ length: 150 }, (_, i) => `X-${i}: ${"x".repeat(40)}`);

  it.each([
    ["in one line of a GET", get(...one, CLOSE)],
    ["in many lines of a GET", get(...many, CLOSE)],
    ["in one line of an upload", post("x", ...one, CLOSE, "Content-Length: 1")],
  ])("%s pass", async (_, sent) => {
    expect(statusOf(await exchange(port(), sent))).toBe(200);
    const { requests } = await reached();
    const passed = requests[0]?.fields.filter(([name]) => /^x(-\d+)?$/.test(name)) ?? [];
    expect(passed.join("").length).toBeGreaterThan(6144);
  });
});

it.each([
  ["for its length", 413, post("x", "Content-Length: 100000000")],
  ["for its framing", 400, post("x", "Content-Length: 5", "Content-Length: 6")],
  ["for its Host", 400, bytes("POST /a HTTP/1.1", ["Content-Length: 2500"], "x")],
  ["in the middle of its body", 413, post(chunk(5000), CHUNKED)],
])(
  "a client that is refused %s and goes on sending gets its %i all the same (RFC 9112 §9.6)",
  async (_, status, begin) => {
    const origin = await startOrigin(() => {});
    const site = await startSite({ settings: { ORIGINS: origin.url, MAX_BODY_BYTES: "3000" } });
    const client = await rawClient(site.proxy.port);
    client.socket.pause();
    client.write(begin);
    await site.until("it is refused", () => site.events.some(({ type }) => type === "answered"));
    // What meets a closed connection breaks it, and what was not read yet is lost.
    for (let i = 0; i < 5; i++) {
      client.write("x".repeat(1000));
      await pause(20);
    }
    client.socket.resume();
    expect(statusOf(await client.end())).toBe(status);
  },
);

describe("BODY_TIMEOUT", () => {
  const { port, reached } = watched({ BODY_TIMEOUT: "300ms" });

  it.each([
    ["that stops, by its length", post("he", "Content-Length: 5"), ""],
    ["that stops, in chunks", post("2\r\nhe\r\n", CHUNKED), ""],
    ["that never begins", post("", "Content-Length: 5"), ""],
    ["that comes a byte at a time", post("", "Content-Length: 100000"), "x"],
    ["that comes a chunk of a byte at a time", post("", CHUNKED), "1\r\nx\r\n"],
  ])("a body %s is answered 408, and cut at the origin", async (_, begin, more) => {
    const client = await rawClient(port());
    client.write(begin);
    const drip = setInterval(() => more !== "" && client.write(more), 20);
    const seen = await client.end();
    clearInterval(drip);
    expect(statusOf(seen)).toBe(408);
    expect(seen).toMatch(/\r\nConnection: close\r\n/i);
    const { requests, ambiguous } = await reached();
    expect({ requests, ambiguous }).toEqual({ requests: [], ambiguous: [] });
  });

  it("a body that is slow and comes on is taken", async () => {
    const client = await rawClient(port());
    client.write(post("", "Content-Length: 8192", CLOSE));
    for (let sent = 0; sent < 8192; sent += 1024) {
      client.write("x".repeat(1024));
      await pause(80);
    }
    expect(statusOf(await client.end())).toBe(200);
    expect((await reached()).requests.map(({ body }) => body.length)).toEqual([8192]);
  });
});

describe("REQUEST_TIMEOUT", () => {
  const { port, reached } = watched({ HEADERS_TIMEOUT: "200ms", REQUEST_TIMEOUT: "500ms" });

  it.each([
    ["by its length", post("", "Content-Length: 100000000"), "x".repeat(2048)],
    ["in chunks", post("", CHUNKED), chunk(2048)],
  ])("a body %s that comes on for ever is answered 408, and cut at the origin", async (_, begin, more) => {
    const client = await rawClient(port());
    client.write(begin);
    const flow = setInterval(() => client.write(more), 20);
    const seen = await client.end();
    clearInterval(flow);
    expect(statusOf(seen)).toBe(408);
    const { requests, ambiguous } = await reached();
    expect({ requests, ambiguous }).toEqual({ requests: [], ambiguous: [] });
  });
});

it("clients whose uploads break a limit do not make the origin look broken", async () => {
  const origin = await startOrigin((request, response) => {
    request.on("error", () => {}).resume();
    request.once("end", () => response.end("ok"));
  });
  const settings = { ORIGINS: origin.url, MAX_BODY_BYTES: "3000", BODY_TIMEOUT: "200ms" };
  const site = await startSite({ settings });
  for (let i = 0; i < 12; i++) {
    const long = post(chunk(2000) + chunk(2000), CHUNKED);
    expect(statusOf(await exchange(site.proxy.port, long))).toBe(413);
  }
  const slow = Array.from({ length: 12 }, () => exchange(site.proxy.port, post(chunk(2000), CHUNKED)));
  for (const seen of await Promise.all(slow)) expect(statusOf(seen)).toBe(408);
  expect((await site.get("/other")).status).toBe(200);
  expect(site.events.filter((event) => event.type === "origin-health" && !event.healthy)).toEqual([]);
});

describe("connections", () => {
  const { port } = watched({ MAX_CONNECTIONS: "3", KEEP_ALIVE_TIMEOUT: "200ms" });

  it("beyond MAX_CONNECTIONS are answered 503, and those that are open go on", async () => {
    const open = await Promise.all([rawClient(port()), rawClient(port()), rawClient(port())]);
    const client = await rawClient(port());
    expect(statusOf(await client.end())).toBe(503);
    for (const each of open) {
      each.write(get(CLOSE));
      expect(await each.end()).toContain(" 200 OK");
    }
    await until("there is room again", async () => (await exchange(port(), get(CLOSE))).includes(" 200 OK"));
  });

  it("that are idle beyond KEEP_ALIVE_TIMEOUT are closed", async () => {
    const client = await rawClient(port());
    client.write(get());
    await client.sees("<GET /a>");
    expect(await client.end()).toMatch(/<GET \/a>$/);
  });
});

describe("200 connections that send a byte now and then", () => {
  const { port } = watched({ ORIGIN_CONNECTIONS: "256" });

  it.each([
    ["of a head", (i: number) => `GET /${i} HTTP/1.1\r\nHost: a.example\r\nX: `],
    ["of a body", () => post("", "Content-Length: 100000")],
  ])(
    "%s are cut within 12 s, and nobody else waits for them",
    async (_, begin) => {
      const slow = await Promise.all(Array.from({ length: 200 }, () => rawClient(port())));
      const startedAt = performance.now();
      for (const [i, client] of slow.entries()) client.write(begin(i));
      const drip = setInterval(() => {
        for (const { socket } of slow) if (!socket.destroyed) socket.write("x");
      }, 400);
      const waits: number[] = [];
      const open = () => slow.filter(({ socket }) => !socket.destroyed).length;
      while (open() > 0 && performance.now() - startedAt < 15_000) {
        const askedAt = performance.now();
        expect((await ask(`http://127.0.0.1:${port()}/other`)).status).toBe(200);
        waits.push(performance.now() - askedAt);
        await pause(50);
      }
      clearInterval(drip);
      expect(performance.now() - startedAt).toBeLessThan(12_000);
      expect(open()).toBe(0);
      for (const client of slow) expect(statusOf(client.received())).toBe(408);
      // The machine has two cores, and other tests run on them.
      expect(Math.max(...waits.slice(1))).toBeLessThan(2_000);
    },
    30_000,
  );
});

it("requests beyond ORIGIN_CONNECTIONS and ORIGIN_QUEUE are answered 503 at once", async () => {
  const held: (() => void)[] = [];
  const origin = await startOrigin((_, response) => held.push(() => response.end("ok")));
  const site = await startSite({
    settings: { ORIGINS: origin.url, ORIGIN_CONNECTIONS: "1", ORIGIN_QUEUE: "1" },
  });
  const first = site.ask("/1", { method: "POST" });
  await site.until("it is at the origin", () => held.length === 1);
  const second = site.ask("/2", { method: "POST" });
  const third = await site.ask("/3", { method: "POST" });
  expect(third.status).toBe(503);
  held[0]?.();
  await site.until("the next is at the origin", () => held.length === 2);
  held[1]?.();
  expect([(await first).status, (await second).status]).toEqual([200, 200]);
});
