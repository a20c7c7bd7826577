import { createServer, IncomingMessage, request, ServerResponse } from "node:http";
import { type AddressInfo, Socket } from "node:net";
import { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, it, onTestFinished } from "vitest";
import { memoryFor } from "../../src/cache/ports/body-room.ts";
import { ID_LENGTH } from "../../src/server/fresh-id.ts";
import { type PreparedText, writePrepared } from "../../src/server/write-prepared.ts";
import { rawClient } from "../scenario/raw.ts";

const LENGTH = 20_000;
const BODY = "x".repeat(LENGTH);
const START = `HTTP/1.1 200 OK\r\nContent-Length: ${LENGTH}\r\nX-Request-Id: `;
const id = (n: number) => String(n).padStart(ID_LENGTH, "0");
const answerWith = (id: string) => `${START}${id}\r\n\r\n${BODY}`;

const PREPARED: PreparedText = {
  before: START,
  behind: "\r\n\r\n",
  head: Buffer.from(`${START}${id(0)}\r\n\r\n`),
  idAt: START.length,
};

/** A connection of Node's that takes nothing until it is told to. */
function open() {
  const seen: Buffer[] = [];
  const taken = Promise.withResolvers<void>();
  const socket = new Duplex({
    read() {},
    write(chunk, _, callback) {
      seen.push(chunk);
      void taken.promise.then(() => callback());
    },
    writev(chunks, callback) {
      seen.push(...chunks.map(({ chunk }) => chunk));
      void taken.promise.then(() => callback());
    },
  });
  const incoming = new IncomingMessage(new Socket());
  Object.assign(incoming, { httpVersionMajor: 1, httpVersionMinor: 1 });
  const outgoing = new ServerResponse(incoming);
  outgoing.assignSocket(socket as unknown as Socket);
  return {
    outgoing,
    take: () => taken.resolve(),
    pieces: () => seen.length,
    text: () => Buffer.concat(seen).toString("latin1"),
  };
}

it.each(["taken at last", "broken off"])(
  "head and content are one piece, but for as long as a connection has not taken another one of it (%s)",
  async (how) => {
    const body = memoryFor(LENGTH).fill(0x78);
    const slow = open();
    const written = writePrepared(slow.outgoing, PREPARED, body, id(1), 5000);
    expect([slow.pieces(), slow.text()]).toEqual([1, answerWith(id(1))]);

    const meanwhile = open();
    const writtenToo = writePrepared(meanwhile.outgoing, PREPARED, body, id(2), 5000);
    meanwhile.take();
    expect([meanwhile.text(), slow.text()]).toEqual([answerWith(id(2)), answerWith(id(1))]);
    expect(meanwhile.pieces()).toBeGreaterThan(1);
    // It had a head of its own, and leaves nothing to the others.
    expect(await writtenToo).toBe(true);
    const still = open();
    void writePrepared(still.outgoing, PREPARED, body, id(3), 5000);
    expect(still.pieces()).toBeGreaterThan(1);
    expect(slow.text()).toBe(answerWith(id(1)));

    if (how === "broken off") slow.outgoing.destroy();
    else slow.take();
    expect(await written).toBe(how === "taken at last");
    const after = open();
    void writePrepared(after.outgoing, PREPARED, body, id(4), 5000);
    expect([after.pieces(), after.text()]).toEqual([1, answerWith(id(4))]);
  },
);

it.each([
  ["an id of another length", memoryFor(LENGTH), "mine"],
  ["content without room before it", new Uint8Array(LENGTH), id(1)],
])("%s: the same bytes, in more pieces", (_, body, requestId) => {
  const { outgoing, pieces, text } = open();
  body.fill(0x78);
  void writePrepared(outgoing, PREPARED, body, requestId, 5000);
  expect(pieces()).toBeGreaterThan(1);
  expect(text()).toBe(answerWith(requestId));
});

it("nothing is written where a head is sent already, or the connection is not kept", () => {
  const body = memoryFor(LENGTH);
  const sent = open();
  sent.outgoing.writeHead(200).flushHeaders();
  const before = sent.text();
  expect(writePrepared(sent.outgoing, PREPARED, body, id(1), 5000)).toBeUndefined();
  expect(sent.text()).toBe(before);
  const last = open();
  last.outgoing.shouldKeepAlive = false;
  expect(writePrepared(last.outgoing, PREPARED, body, id(1), 5000)).toBeUndefined();
  expect(last.pieces()).toBe(0);
});

it("on Node's own server: one after another in one piece, and behind one another as they were asked for", async () => {
  const body = memoryFor(LENGTH).fill(0x78);
  const writes: number[] = [];
  let n = 0;
  const server = createServer((_, outgoing) => void writePrepared(outgoing, PREPARED, body, id(n++), 5000));
  server.on("connection", (socket) => {
    const { write } = socket;
    socket.write = (...args: unknown[]) => {
      writes.push((args[0] as Buffer).length);
      return Reflect.apply(write, socket, args) as boolean;
    };
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  for (let i = 0; i < 3; i++) {
    const response = await new Promise<IncomingMessage>((arrived) => request({ port }, arrived).end());
    expect(response.headers["x-request-id"]).toBe(id(i));
    expect(await text(response)).toBe(BODY);
  }
  expect(writes).toEqual(Array(3).fill(answerWith(id(0)).length));
  const client = await rawClient(port);
  client.write("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n".repeat(3));
  expect(await client.sees(answerWith(id(5)))).toBe([3, 4, 5].map((i) => answerWith(id(i))).join(""));
});
