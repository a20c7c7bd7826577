import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { contentOf } from "../../src/server/content.ts";

const CHUNKS = 50_000;
const LIMITS = { maxBodyBytes: CHUNKS + 3, bodyTimeoutMs: 10_000 };

it("a body in chunks of a byte each is handed over in few pieces, and costs as little", async () => {
  const lengths: number[] = [];
  const server = createServer(async (incoming, outgoing) => {
    for await (const piece of contentOf(incoming, LIMITS)?.body.stream ?? []) lengths.push(piece.length);
    outgoing.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  onTestFinished(() => {
    socket.destroy();
    server.close();
  });
  socket.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  socket.write(`${"1\r\nx\r\n".repeat(CHUNKS)}3\r\nyyy\r\n0\r\n\r\n`);
  await once(socket, "data");
  expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(CHUNKS + 3);
  expect(lengths.length).toBeLessThan(CHUNKS / 10);
});
