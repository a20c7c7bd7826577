import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import type { Body, CacheResponse } from "../../src/cache/exchange.ts";
import { type Written, writeResponse } from "../../src/server/write-response.ts";

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
