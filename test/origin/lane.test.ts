import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { OriginRequest } from "../../src/cache/ports/origin.ts";
import { Exchange } from "../../src/origin/exchange.ts";
import { Connection } from "../../src/origin/lane/connection.ts";
import { KnownHead } from "../../src/origin/lane/known-head.ts";
import { until } from "../until.ts";
import { aClient, get, never, readAll, rejection } from "./asking.ts";
import { answering, OK, type RawServer, rawServer } from "./raw-server.ts";

const read = async (one: ReturnType<typeof aClient>, target = "/") =>
  (await readAll((await one.send(get(target), never())).body)).toString("latin1");

/** Answers with what was asked for, and would keep connections for long. */
const echo = () =>
  rawServer(({ socket }, head) => {
    const target = head.split(" ")[1] as string;
    const fields = `HTTP/1.1 200 OK\r\nKeep-Alive: timeout=600\r\nContent-Length: ${target.length}\r\n\r\n`;
    socket.write(fields + target);
  });

/** Two ends of one connection. */
async function aPair(): Promise<{ client: Socket; peer: Socket }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [peer] = (await once(server, "connection")) as [Socket];
  onTestFinished(() => {
    client.destroy();
    peer.destroy();
    server.close();
  });
  return { client, peer };
}

describe("an answer that nobody asked for", () => {
  const UNASKED = OK.replace("ok", "no");
  it("ends a connection that is idle, and the next request has another", async () => {
    const server = await echo();
    const one = aClient(server.url);
    await read(one);
    server.connections[0]?.socket.write(UNASKED);
    await until("the connection is ended", () => server.connections[0]?.socket.destroyed === true);
    expect(await read(one, "/next")).toBe("/next");
    expect(server.connections).toHaveLength(2);
  });

  it.each(["", "HTTP/1.1 100 X\r\n\r\n", "\r\n", "\x00"])(
    "is not taken for the next one, though that request came in the same turn and before it: %j",
    async (before) => {
      // However slow the machine is, its connection has not been free for long.
      vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
      onTestFinished(() => void vi.useRealTimers());
      const server = await echo();
      const one = aClient(server.url, { connections: 2 });
      const { client, peer } = await aPair();
      let onGo = () => {};
      client.on("data", () => onGo());
      peer.setNoDelay(true);
      for (let i = 0; i < 20; i++) {
        await Promise.all([read(one), read(one)]);
        // Behind it one of them is idle, and the other has just become free.
        await read(one);
        const open = server.connections.filter(({ socket }) => !socket.destroyed);
        const answer = new Promise<string>((resolve, reject) => {
          onGo = () => void read(one, `/${i}`).then(resolve, reject);
        });
        // Then all are in the kernel before the next turn, and are told of in this order.
        for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
        peer.write("go");
        for (const { socket } of open) socket.setNoDelay(true).write(before + UNASKED);
        expect(await answer).toBe(`/${i}`);
        for (const connection of open) expect(connection.received()).not.toContain(`/${i} `);
      }
    },
  );

  it("that came before the first request is none of ours", async () => {
    const server = await echo();
    const one = aClient(server.url);
    const leaving = new AbortController();
    const left = rejection(one.send(get(), leaving.signal));
    await new Promise(setImmediate);
    leaving.abort(new Error("left"));
    await left;
    await until("the connection stands", () => one.inFlight === 0 && server.connections.length === 1);
    server.connections[0]?.socket.write(UNASKED);
    await until("it is ended", () => server.connections[0]?.socket.destroyed === true);
    expect(await read(one, "/next")).toBe("/next");
  });
});

describe("a connection that is idle", () => {
  it("is the next one's, those that were used last first: the very last may have news yet", async () => {
    const server = await echo();
    const one = aClient(server.url);
    await Promise.all([read(one, "/1"), read(one, "/2"), read(one, "/3")]);
    expect(server.connections).toHaveLength(3);
    const before = server.connections.map(({ received }) => received().length);
    for (let i = 0; i < 5; i++) await read(one, `/more-${i}`);
    const used = server.connections.filter(({ received }, i) => received().length > (before[i] as number));
    expect([server.connections.length, used.length]).toEqual([3, 2]);
  });

  it("ends before its origin has said it would", async () => {
    const server = await answering(OK.replace("\r\n\r\n", "\r\nKeep-Alive: timeout=3\r\n\r\n"));
    const ms = performance.now();
    await read(aClient(server.url));
    await until("it is ended", () => server.connections[0]?.socket.destroyed === true);
    expect(performance.now() - ms).toBeGreaterThan(900);
  });

  it("that its origin ends is not used again", async () => {
    const server = await echo();
    const one = aClient(server.url);
    await read(one);
    server.connections[0]?.socket.end();
    await until("both have ended it", () => server.connections[0]?.socket.destroyed === true);
    expect(await read(one, "/next")).toBe("/next");
    expect(server.connections).toHaveLength(2);
  });

  it("hears of its end though its last body had to wait for its reader", async () => {
    const body = "x".repeat(300_000);
    const server = await rawServer(({ socket }, head) => {
      if (head.includes(" /long "))
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      else socket.write(OK);
    });
    const one = aClient(server.url, { connections: 1 });
    for (let i = 0; i < 3; i++) {
      const response = await one.send(get("/long"), never());
      // The buffer is full before anybody reads.
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      expect(await readAll(response.body)).toHaveLength(body.length);
      expect(await read(one)).toBe("ok");
    }
    expect(server.connections).toHaveLength(1);
    server.connections[0]?.socket.end();
    await until("both have ended it", () => server.connections[0]?.socket.destroyed === true);
  });
});

it("a body without a length that ends with a reset has broken off", async () => {
  const server = await rawServer(({ socket }) => socket.write("HTTP/1.1 200 OK\r\nA: b\r\n\r\nhalf"));
  const { body, closeDelimited } = await aClient(server.url).send(get(), never());
  const pieces = body[Symbol.asyncIterator]();
  expect([closeDelimited, String(Buffer.from((await pieces.next()).value ?? []))]).toEqual([true, "half"]);
  server.connections[0]?.socket.resetAndDestroy();
  expect(await rejection(pieces.next())).toMatchObject({
    code: "reset",
    facts: { progress: "head-arrived" },
  });
});

describe("time", () => {
  it("ends a connection that is not made", async () => {
    const server = await echo();
    const ended: unknown[] = [];
    let over = 0;
    const exchange = new Exchange(
      { origin: server.url, unreadMs: 1000, over: () => over++, bodyFailed: () => {} },
      { request: get(), upload: undefined, signal: never(), headMs: 1000 },
    );
    const deps = {
      host: "127.0.0.1",
      port: server.port,
      bodyTimeoutMs: 1000,
      maxHeaderBytes: 1000,
      knownHead: new KnownHead(),
      now: () => 0,
    };
    const connection = new Connection(
      { ...deps, connectTimeoutMs: 50, free: () => {}, gone: (which) => void ended.push(which) },
      exchange,
      "GET / HTTP/1.1\r\n\r\n",
    );
    connection.checkTime(49);
    expect(ended).toEqual([]);
    connection.checkTime(50);
    expect(await rejection(exchange.answer)).toMatchObject({
      code: "connect",
      facts: { progress: "unconnected", connectionReused: false },
    });
    expect([ended, over]).toEqual([[connection], 1]);
  });

  it("for a body stands still while its reader does", async () => {
    const server = await rawServer(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n${"x".repeat(400_000)}`);
    });
    const one = aClient(server.url, { bodyTimeoutMs: 150 });
    const body = (await one.send(get(), never())).body[Symbol.asyncIterator]();
    let length = (await body.next()).value?.length ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (let next = await body.next(); next.done !== true; next = await body.next())
      length += next.value.length;
    expect(length).toBe(400_000);
  });
});

it("close ends what is connecting, under way and idle, and what comes later", async () => {
  const server = await rawServer(({ socket }, head) => {
    if (head.includes(" /idle ")) socket.write(OK);
  });
  const one = aClient(server.url);
  await read(one, "/idle");
  const under = [rejection(one.send(get("/1"), never())), rejection(one.send(get("/2"), never()))];
  await until("they are there", () => server.connections.length === 2);
  const connecting = rejection(one.send(get("/3"), never()));
  await one.close();
  const later = rejection(one.send(get("/4"), never()));
  for (const error of await Promise.all([...under, connecting, later]))
    expect(error).toMatchObject({ code: "reset" });
  expect(one.inFlight).toBe(0);
  await until("all are ended", () => server.connections.every(({ socket }) => socket.destroyed));
});

it("a request with content is undici's, on another connection", async () => {
  const server = await rawServer(({ socket }) => socket.write(OK));
  const one = aClient(server.url);
  await read(one);
  async function* content(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("content");
  }
  const requests: OriginRequest[] = [
    { ...get(), method: "POST" },
    { ...get(), body: { stream: content(), length: 7 } },
    { ...get(), body: { stream: content() } },
  ];
  for (const request of requests) await readAll((await one.send(request, never())).body);
  await read(one);
  const heads = server.connections.map(({ received }) => received().match(/^[A-Z]+ /gm));
  expect(heads[0]).toEqual(["GET ", "GET "]);
  expect(heads.slice(1).flat()).toContain("POST ");
});

describe("of a request both clients write the same bytes, or none", () => {
  async function written(
    server: RawServer,
    plainLane: boolean,
    request: OriginRequest,
    preserveHost: boolean,
  ) {
    const one = aClient(server.url, { plainLane, preserveHost });
    const before = server.connections.length;
    try {
      await readAll((await one.send(request, never())).body);
    } catch (error) {
      expect(error).toMatchObject({ code: "malformed", facts: { progress: "unconnected" } });
      expect(server.connections).toHaveLength(before);
      return "refused";
    } finally {
      await one.close();
    }
    return server.connections.at(-1)?.received();
  }

  const char = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(..."aZ09-_ :,;=/?\t\"'%") },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0x17f }).map((code) => String.fromCharCode(code)) },
  );
  const text = fc.string({ unit: char, maxLength: 6 });
  const name = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom("A", "x-b", "Accept", "HOST", "Content-Length", "connection", "expect"),
    },
    { weight: 1, arbitrary: text },
  );
  const lines = fc.array(fc.tuple(name, text), { maxLength: 4 }).map((each) => each.flat());
  const requests = fc.record({
    method: fc.constantFrom("GET", "HEAD"),
    target: fc.oneof(
      { weight: 2, arbitrary: text.map((rest) => `/${rest}`) },
      { weight: 1, arbitrary: text },
    ),
    host: fc.oneof(fc.constantFrom("", "a.example"), text),
    fields: lines,
  });

  it("whatever is in it", { timeout: 120_000 }, async () => {
    const server = await answering("HTTP/1.1 204 OK\r\nConnection: close\r\n\r\n");
    await fc.assert(
      fc.asyncProperty(requests, fc.boolean(), async (request, preserveHost) => {
        const lane = await written(server, true, request, preserveHost);
        const undicis = await written(server, false, request, preserveHost);
        expect(lane).toBe(undicis);
      }),
      { numRuns: 300 },
    );
  });
});
