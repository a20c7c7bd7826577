import { execFile } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { answerReader, type Order, type Result } from "../../bench/load.ts";

const LOAD = fileURLToPath(new URL("../../bench/load.ts", import.meta.url));

/** The loader, as a process against a server that answers every head with this; what it asked for. */
async function loadAgainst(
  answer: string,
  order: Omit<Order, "port">,
): Promise<Result & { asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      asked.push(chunk.toString("latin1"));
      socket.write(answer);
    });
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { stdout } = await promisify(execFile)(process.execPath, [
    LOAD,
    JSON.stringify({ ...order, port } satisfies Order),
  ]);
  return { ...(JSON.parse(stdout) as Result), asked };
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

it("asks so many times, each time for another number", async () => {
  const request = "GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n";
  const order = { request, connections: 4, until: { requests: 40 }, status: 200 };
  const { requests, bad, asked } = await loadAgainst(OK, order);
  expect({ requests, bad }).toEqual({ requests: 40, bad: 0 });
  const numbers = asked.map((head) => Number(/^GET \/(\d+) /.exec(head)?.[1])).toSorted((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: 40 }, (_, i) => i));
});

it("tells answers that are not as ordered from those that are", async () => {
  const order = { request: "GET / HTTP/1.1\r\n\r\n", connections: 2, until: { requests: 10 }, status: 304 };
  expect(await loadAgainst(OK, order)).toMatchObject({ requests: 0, bad: 10 });
});

it("finds the ends of answers, however they are cut", () => {
  const bytes = Buffer.from(`${OK}HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n${OK}`);
  for (let size = 1; size <= bytes.length; size += 1) {
    const seen: boolean[] = [];
    const read = answerReader(200, (good) => seen.push(good));
    for (let at = 0; at < bytes.length; at += size) read(bytes.subarray(at, at + size));
    expect(seen, `in pieces of ${size}`).toEqual([true, false, true]);
  }
});

it("does not take an answer without a length for one that is complete and right", () => {
  const seen: boolean[] = [];
  answerReader(200, (good) => seen.push(good))(Buffer.from("HTTP/1.1 200 OK\r\n\r\n"));
  expect(seen).toEqual([false]);
});
