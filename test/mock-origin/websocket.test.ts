import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { MockOrigins } from "../../mock-origin/start.ts";
import { startMockOrigins } from "../../mock-origin/start.ts";
import { rawClient } from "../scenario/raw.ts";
import { ask } from "./ask.ts";

let origins: MockOrigins;
let port: number;

beforeAll(async () => {
  origins = await startMockOrigins({ ports: [0] });
  port = origins.ports[0]!;
  return origins.close;
});

async function open(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
  await once(socket, "open");
  return socket;
}

async function closeCode(socket: WebSocket): Promise<number> {
  const [code] = await once(socket, "close");
  return code as number;
}

/** Writes bytes on a bare connection and resolves to all that came back before it closed. */
async function raw(...writes: (string | Buffer)[]): Promise<string> {
  const client = await rawClient(port);
  for (const bytes of writes) client.write(bytes);
  return client.end();
}

const opening = (fields = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n") =>
  `GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${fields}\r\n`;

describe("/ws", () => {
  it("sends text and binary messages of every length encoding back, in order", async () => {
    const socket = await open();
    const sent = [0, 1, 125, 126, 65_535, 65_536, 1024 * 1024].map((length) => randomBytes(length));
    const got: Buffer[] = [];
    const all = new Promise<void>((resolve) => {
      socket.on("message", (message: Buffer) => {
        if (got.push(message) === sent.length) resolve();
      });
    });
    for (const message of sent) socket.send(message);
    await all;
    expect(got.map((message, i) => message.equals(sent[i]!))).toEqual(sent.map(() => true));

    const text = once(socket, "message");
    socket.send("grün");
    const [message, isBinary] = await text;
    expect([String(message), isBinary]).toEqual(["grün", false]);
    socket.terminate();
  });

  it("answers a ping with its payload", async () => {
    const socket = await open();
    const pong = once(socket, "pong");
    socket.ping("are you there");
    expect(String((await pong)[0])).toBe("are you there");
    socket.terminate();
  });

  it("closes with the code that it was closed with", async () => {
    const socket = await open();
    socket.close(4001, "enough");
    expect(await closeCode(socket)).toBe(4001);
  });

  it.each([
    ["a fragment", 1003, (socket: WebSocket) => socket.send("half", { fin: false })],
    ["more than 1 MiB", 1009, (socket: WebSocket) => socket.send(Buffer.alloc(1024 * 1024 + 1))],
    [
      "text that is not UTF-8",
      1007,
      (socket: WebSocket) => socket.send(Buffer.from([0xff]), { binary: false }),
    ],
    ["a frame without a mask", 1002, (socket: WebSocket) => socket.send("bare", { mask: false })],
  ])("refuses %s with %i", async (_, code, offend) => {
    const socket = await open();
    socket.on("error", () => {});
    offend(socket);
    expect(await closeCode(socket)).toBe(code);
  });

  it("shakes hands as RFC 6455 §1.3 shows, and reads frames that come with the opening or in pieces", async () => {
    const frame = Buffer.from("818537fa213d7f9f4d5158", "hex"); // "Hello", RFC 6455 §5.7
    const close = Buffer.from("888000000000", "hex");
    const bytes = Buffer.concat([Buffer.from(opening()), frame, close]);
    const whole = await raw(bytes);
    const pieces = await raw(bytes.subarray(0, -14), bytes.subarray(-14, -5), bytes.subarray(-5));
    for (const reply of [whole, pieces]) {
      expect(reply).toMatch(/^HTTP\/1\.1 101 /);
      expect(reply).toContain("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
      const frames = Buffer.from(reply.slice(reply.indexOf("\r\n\r\n") + 4), "latin1");
      expect(frames.toString("hex")).toBe(`8105${"48656c6c6f"}8800`);
    }
  });

  it.each([
    ["another version", "426", "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"],
    ["no key", "400", "Sec-WebSocket-Version: 13\r\n"],
    ["a key of the wrong length", "400", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YQ==\r\n"],
  ])("refuses an opening with %s (%s)", async (_, status, fields) => {
    expect(await raw(opening(fields))).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  it("explains itself to a plain GET", async () => {
    const reply = await ask(origins.urls[0]!, "/ws");
    expect([reply.status, reply.fields.upgrade]).toEqual([426, "websocket"]);
  });

  it("does not outlive close()", async () => {
    const other = await startMockOrigins({ ports: [0] });
    const socket = new WebSocket(`ws://127.0.0.1:${other.ports[0]}/ws`);
    await once(socket, "open");
    const closed = closeCode(socket);
    await other.close();
    expect(await closed).toBe(1006);
  });
});

it("ignores the wish to upgrade elsewhere", async () => {
  const reply = await ask(origins.urls[0]!, "/data?id=1", {
    headers: { Connection: "Upgrade", Upgrade: "h2c" },
  });
  expect(reply.status).toBe(200);
});
