import { describe, expect, it } from "vitest";
import { MAX_DUE } from "../../src/server/lane/connection.ts";
import { exchange, rawClient } from "../scenario/raw.ts";
import { answerOf, startRawOrigin } from "../scenario/raw-origin.ts";
import { startSite } from "../scenario/site.ts";
import { until } from "../until.ts";
import { type Watched, watched, writeAll } from "./drive.ts";
import { bytes, get, HOST, post } from "./rows.ts";

const SITES: readonly Watched[] = [watched(), watched({ PLAIN_LANE: "off" })];

describe("an origin that closes a kept connection as the next request comes (RFC 9112 §9.3.1)", () => {
  /** Answers the first request of each connection, and meets the second with a closed one. */
  async function racing(first: "GET" | "POST") {
    const served = new WeakSet<object>();
    const origin = await startRawOrigin((connection) => {
      const { socket } = connection;
      if (served.has(socket)) {
        socket.destroy();
        return;
      }
      served.add(socket);
      socket.write(answerOf("200 OK", ["Cache-Control: no-store"], "ok"));
    });
    const site = await startSite({ settings: { ORIGINS: origin.url, ORIGIN_CONNECTIONS: "1" } });
    expect((await site.ask("/first", { method: first })).status).toBe(200);
    return { origin, site };
  }

  it.each(["GET", "HEAD"])("is asked again on a new one for a %s", async (method) => {
    const { origin, site } = await racing("GET");
    expect((await site.ask("/second", { method })).status).toBe(200);
    expect(origin.heads.filter((head) => head.startsWith(`${method} /second`))).toHaveLength(2);
  });

  it.each([
    ["POST", "hello"],
    ["POST", undefined],
    ["PUT", "hello"],
    ["PATCH", "hello"],
    ["DELETE", undefined],
    ["GET", "hello"],
  ])("is never sent a %s with the content %s twice", async (method, body) => {
    // Connections of plain requests are not theirs.
    const { origin, site } = await racing("POST");
    const sent = body === undefined ? { method } : { method, body, headers: { "Content-Length": "5" } };
    expect((await site.ask("/second", sent)).status).toBe(502);
    await site.get("/third");
    expect(origin.heads.filter((head) => head.startsWith(`${method} /second`))).toHaveLength(1);
  });
});

describe("requests that are sent without waiting (RFC 9112 §9.3.2)", () => {
  const names = (reached: { requests: readonly { method: string; target: string }[] }) =>
    reached.requests.map(({ method, target }) => `${method} ${target}`);

  it("are worked on in their order where one is unsafe", async () => {
    for (const { port, reached } of SITES) {
      const client = await rawClient(port());
      const sent = [
        get(),
        post("x", "Content-Length: 1"),
        bytes("GET /b HTTP/1.1", [HOST]),
        post("y", "Content-Length: 1"),
      ];
      client.write(sent.join("") + bytes("GET /c HTTP/1.1", [HOST, "Connection: close"]));
      const seen = await client.end();
      const order = ["GET /a", "POST /a", "GET /b", "POST /a", "GET /c"];
      expect(seen.match(/<[^>]+>/g)).toEqual(order.map((name) => `<${name}>`));
      expect(names(await reached())).toEqual(order);
    }
  });

  it("a thousand of them are answered in their order, each once", async () => {
    for (const { port, reached } of SITES) {
      const client = await rawClient(port());
      const paths = Array.from({ length: 1000 }, (_, i) => `/${i}`);
      const all = paths.map((path) => bytes(`GET ${path} HTTP/1.1`, [HOST])).join("");
      await writeAll(client, all.match(/.{1,1501}/gs) ?? []);
      await client.sees(/<GET \/999>$/);
      expect(client.received().match(/<[^>]+>/g)).toEqual(paths.map((path) => `<GET ${path}>`));
      expect(names(await reached()).sort()).toEqual(paths.map((path) => `GET ${path}`).sort());
    }
  });

  it("are worked on a few at a time, however many they are", async () => {
    let held: (() => void)[] | undefined = [];
    const origin = await startRawOrigin(({ socket }, head) => {
      const answer = () => socket.write(answerOf("200 OK", ["Cache-Control: no-store"], "ok"));
      if (head.startsWith("GET /held") && held !== undefined) held.push(answer);
      else answer();
    });
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const client = await rawClient(site.proxy.port);
    // Not for the lane, which has a bound of its own.
    const sent = Array.from({ length: 100 }, (_, i) =>
      bytes(`GET /held${i} HTTP/1.1`, [HOST, "TE: trailers"]),
    );
    client.write(sent.join(""));
    await until("the first ones are asked for", () => held?.length === MAX_DUE);
    await site.get("/meanwhile");
    expect(held).toHaveLength(MAX_DUE);
    const waiting = held;
    held = undefined;
    for (const answer of waiting) answer();
    await until("all are answered", () => client.received().match(/\r\n\r\nok/g)?.length === sent.length);
  });

  it("behind one that is refused are no hits either, where their connection repeats what was one", async () => {
    const site = await startSite({ settings: { PLAIN_LANE: "off" } });
    const hit = bytes("GET /data?id=1&cache-control=max-age=600 HTTP/1.1", [HOST]);
    const refused = `${bytes("POST /bad HTTP/1.1", [HOST, "Transfer-Encoding: gzip, chunked"])}0\r\n\r\n`;
    await exchange(site.proxy.port, hit + bytes("GET / HTTP/1.1", [HOST, "Connection: close"]));
    const before = site.events.length;
    await exchange(site.proxy.port, hit.repeat(3) + refused + hit);
    const told = site.events.slice(before).map((event) => event.type === "answered" && event.status);
    expect(told.sort()).toEqual([200, 200, 200, 501]);
  });

  it("behind one that is refused are not read at all", async () => {
    for (const { port, reached } of SITES) {
      const bad = [
        bytes("GET /bad HTTP/1.1", ["Host: a", "Host: b"]),
        bytes("GET /bad HTTP/1.1", [HOST, "X : 1"]),
        bytes("GET /bad HTTP/2.0", [HOST]),
      ];
      for (const refused of bad) {
        const seen = await exchange(port(), get() + refused + bytes("GET /hidden HTTP/1.1", [HOST]));
        expect(seen.match(/HTTP\/1\.1 \d/g)).toHaveLength(2);
        expect(names(await reached())).toEqual(["GET /a"]);
      }
    }
  });
});

describe("a client that ends its side behind its request (half-close)", () => {
  it.each([
    ["a GET", get(), "<GET /a>"],
    ["an upload", post("hello", "Content-Length: 5"), "<POST /a>"],
    ["an upload in chunks", post("5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), "<POST /a>"],
    ["two GETs", get() + bytes("GET /b HTTP/1.1", [HOST]), "<GET /b>"],
  ])("gets its answer to %s, and then the end", async (_, sent, last) => {
    for (const { port } of SITES) {
      const client = await rawClient(port());
      client.write(sent);
      client.socket.end();
      expect((await client.end()).endsWith(last)).toBe(true);
    }
  });
});

it("bytes behind a wish to change protocols that is not granted are answered, or the connection ends", async () => {
  for (const { port, reached } of SITES) {
    const wish = get("Connection: Upgrade", "Upgrade: h2c");
    const next = bytes("GET /next HTTP/1.1", [HOST]);
    for (let split = wish.length; split <= wish.length + next.length; split += 7) {
      const all = wish + next + next;
      const client = await rawClient(port());
      await writeAll(client, [all.slice(0, split), all.slice(split)]);
      const over = () => client.socket.destroyed || client.received().match(/<GET \/next>/g)?.length === 2;
      await expect.poll(over, { timeout: 3000 }).toBe(true);
      expect(client.received()).not.toMatch(/HTTP\/1\.1 [45]/);
      expect((await reached()).ambiguous).toEqual([]);
      client.socket.destroy();
    }
  }
});

it("targets that differ in a byte are different resources, and are stored under what they are", async () => {
  const targets = [
    ...[
      "/b",
      "//b",
      "/./b",
      "/a/../b",
      "/%62",
      "/b?",
      "/b??",
      "/b/",
      "/B",
      "/b%20",
      "/b\\",
      "/b%5C",
      "/b%5c",
    ],
    ...[
      "/b;c",
      "/b?c",
      "/b?c=",
      "/b?c&",
      "/b?&c",
      "/b?c=1&d=2",
      "/b?d=2&c=1",
      "/..//b",
      "/b%00",
      "/b|",
      "/b%7C",
    ],
  ];
  const origin = await startRawOrigin(({ socket }, head) => {
    const target = /^GET (\S+)/.exec(head)?.[1] ?? "";
    socket.write(answerOf("200 OK", ["Cache-Control: max-age=60"], `<${target}>`));
  });
  for (const PLAIN_LANE of ["on", "off"]) {
    const site = await startSite({ settings: { ORIGINS: origin.url, PLAIN_LANE } });
    for (const word of ["MISS", "HIT"]) {
      for (const target of targets) {
        const seen = await exchange(
          site.proxy.port,
          bytes(`GET ${target} HTTP/1.1`, [HOST, "Connection: close"]),
        );
        expect(seen).toContain(`\r\nX-Cache: ${word}\r\n`);
        expect(seen.endsWith(`<${target}>`)).toBe(true);
      }
    }
  }
});
