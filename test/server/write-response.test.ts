import { EventEmitter } from "node:events";
import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Body, CacheResponse } from "../../src/cache/exchange.ts";
import { settles, type Written, writeResponse } from "../../src/server/write-response.ts";
import { exchange } from "../scenario/raw.ts";

const OUTCOME = { word: "MISS", body: "origin" } as const;
const response = (body: Body, fields: readonly string[] = []): CacheResponse => ({
  status: 200,
  statusMessage: "OK",
  fields,
  body,
  outcome: OUTCOME,
});

/** Writes this answer to a real client, over a real connection. */
async function write(
  answer: CacheResponse,
  { timeoutMs = 5000, before }: { timeoutMs?: number; before?: (outgoing: ServerResponse) => void } = {},
): Promise<{ incoming: Promise<IncomingMessage>; written: Promise<Written> }> {
  const { promise: written, resolve } = Promise.withResolvers<Written>();
  const server = createServer((_, outgoing) => {
    before?.(outgoing);
    resolve(writeResponse(outgoing, answer, ["X-Added", "1"], timeoutMs));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const incoming = new Promise<IncomingMessage>((arrived, failed) => {
    const request = get({ host: "127.0.0.1", port, agent: false }, arrived);
    request.on("error", failed);
    onTestFinished(() => {
      request.destroy();
      server.close();
    });
  });
  incoming.catch(() => {});
  return { incoming, written };
}

/** A source that never ends by itself, and knows when it is told to. */
function endless(chunk: Uint8Array | undefined) {
  let stopped = false;
  let wake: () => void = () => {};
  const stream: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => stream,
    async next() {
      if (chunk === undefined && !stopped) await new Promise<void>((resolve) => (wake = resolve));
      return stopped ? { done: true, value: undefined } : { done: false, value: chunk as Uint8Array };
    },
    async return() {
      stopped = true;
      wake();
      return { done: true, value: undefined };
    },
  };
  return { stream, stopped: () => stopped };
}

it("writes bytes of any length whole, and counts them", async () => {
  for (const length of [0, 1, 65_536, 65_537, 3_000_000]) {
    const bytes = Buffer.alloc(length, "x");
    const { incoming, written } = await write(response({ type: "bytes", bytes }));
    expect(Buffer.concat(await (await incoming).toArray())).toEqual(bytes);
    expect(await written).toEqual({ bytes: length, aborted: false });
  }
});

it("writes the bytes of field values as they are, with every kind of body", async () => {
  async function* stream() {
    yield Buffer.from("x");
  }
  const bodies: Body[] = [
    { type: "none" },
    { type: "bytes", bytes: Buffer.from("x") },
    { type: "stream", stream: stream() },
  ];
  for (const body of bodies) {
    const { incoming } = await write(response(body, ["X-Latin1", "caf\xe9"]));
    expect((await incoming).rawHeaders.slice(0, 4)).toEqual(["X-Latin1", "caf\xe9", "X-Added", "1"]);
  }
});

it("sends the head before the first byte of a body is there", async () => {
  const source = endless(undefined);
  const { incoming } = await write(response({ type: "stream", stream: source.stream }));
  expect((await incoming).statusCode).toBe(200);
});

it("tells the source to stop when the client leaves, also while it is silent", async () => {
  for (const chunk of [undefined, Buffer.alloc(65_536)]) {
    const source = endless(chunk);
    const { incoming, written } = await write(response({ type: "stream", stream: source.stream }));
    (await incoming).destroy();
    expect((await written).aborted).toBe(true);
    expect(source.stopped()).toBe(true);
  }
});

it("tells the source to stop when the client takes nothing for too long", async () => {
  const source = endless(Buffer.alloc(65_536));
  const { written } = await write(response({ type: "stream", stream: source.stream }), { timeoutMs: 100 });
  expect((await written).aborted).toBe(true);
  expect(source.stopped()).toBe(true);
});

it("breaks the connection where the source breaks off", async () => {
  async function* breaking() {
    yield Buffer.from("part");
    throw new Error("cut");
  }
  const { incoming, written } = await write(response({ type: "stream", stream: breaking() }));
  await expect((await incoming).toArray()).rejects.toThrow("aborted");
  expect(await written).toEqual({ bytes: 4, aborted: true });
});

it("writes nothing to a client that has left already, and lets the source know", async () => {
  const source = endless(Buffer.alloc(1));
  const { written } = await write(response({ type: "stream", stream: source.stream }), {
    before: (outgoing) => void outgoing.destroy(),
  });
  expect(await written).toEqual({ bytes: 0, aborted: true });
  expect(source.stopped()).toBe(true);
});

async function* asItComes() {
  yield Buffer.from("x");
}

/** A body that is here already; to iterate it would be an error. */
const hereWhole = () => ({
  take: () => Buffer.from("x"),
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    throw new Error("it is taken already");
  },
});

it("writes a body that is here whole, and counts it", async () => {
  const { incoming, written } = await write(response({ type: "stream", stream: hereWhole() }));
  expect(String(Buffer.concat(await (await incoming).toArray()))).toBe("x");
  expect(await written).toEqual({ bytes: 1, aborted: false });
});

it("reads a stream that is not here whole yet", async () => {
  const stream = { take: () => undefined, [Symbol.asyncIterator]: asItComes };
  const { incoming, written } = await write(response({ type: "stream", stream }));
  expect(String(Buffer.concat(await (await incoming).toArray()))).toBe("x");
  expect(await written).toEqual({ bytes: 1, aborted: false });
});

describe.each([
  ["a body that comes in pieces", asItComes],
  ["a body that is here whole", hereWhole],
])("trailers of %s", (_, stream) => {
  /** Sends one request of this version, and sees every byte of the answer. */
  async function seen(
    { version = "1.1", fields = [] as readonly string[], te = "" },
    trailers = {
      announced: ["X-Sum", "Y"],
      fields: () => ["X-Sum", "9", "X-Sum", "caf\xe9", "Bad\r\n", "1"],
    },
  ): Promise<string> {
    const server = createServer((_, outgoing) => {
      void writeResponse(
        outgoing,
        response({ type: "stream", stream: stream(), trailers }, fields),
        [],
        5000,
      );
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    return exchange(port, `GET / HTTP/${version}\r\nHost: a\r\nConnection: close\r\n${te}\r\n`);
  }

  it("come behind the last chunk, announced, and without what would be more than a line", async () => {
    const text = await seen({});
    expect(text).toContain("\r\nTrailer: X-Sum, Y\r\n");
    expect(text.slice(text.indexOf("\r\n\r\n"))).toBe(
      "\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 9\r\nX-Sum: caf\xe9\r\n\r\n",
    );
  });

  it("come unannounced where nobody announced them, and leave no trace where there are none", async () => {
    expect(await seen({}, { announced: [], fields: () => ["A", "1"] })).toMatch(/0\r\nA: 1\r\n\r\n$/);
    const none = await seen({}, { announced: [], fields: () => [] });
    expect(none).toMatch(/1\r\nx\r\n0\r\n\r\n$/);
    expect(none).not.toContain("Trailer");
  });

  it.each([
    ["the length is known", { fields: ["Content-Length", "1"] }],
    ["the client speaks HTTP/1.0", { version: "1.0" }],
    ["the client speaks HTTP/1.0 and claims to know chunks", { version: "1.0", te: "TE: chunked\r\n" }],
  ])("and their announcement are left out where %s", async (_, how) => {
    const text = await seen(how);
    expect(text).toMatch(/\r\n\r\nx$/);
    expect(text).not.toMatch(/trailer|chunked/i);
  });
});

it.each([
  ["too late", 1, null, false],
  ["over a connection that broke", 60_000, new Error("reset"), false],
  ["in time", 60_000, null, true],
])("a response that Node says is finished, %s: written whole, %j", async (_, timeoutMs, errored, whole) => {
  const outgoing = Object.assign(new EventEmitter(), {
    destroyed: false,
    writableFinished: true,
    socket: { errored } as Socket,
    // So does Node before version 26.
    destroy: () => outgoing.emit("finish"),
  });
  const settled = settles(outgoing, "finish", timeoutMs);
  if (timeoutMs > 1) outgoing.emit("finish");
  expect(await settled).toBe(whole);
});
