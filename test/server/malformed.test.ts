import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { answerMalformed } from "../../src/server/malformed.ts";
import { UnderWay } from "../../src/server/under-way.ts";
import { type RawClient, rawClient } from "../scenario/raw.ts";

/** A server whose first answer has begun and never ends by itself; how often it was asked to refuse. */
async function startBegun(turnMs: number) {
  const underWay = new UnderWay();
  const begun: ServerResponse[] = [];
  const server = createServer((incoming, outgoing) => {
    underWay.add(incoming, outgoing);
    outgoing.write("begun");
    begun.push(outgoing);
  });
  const refused: number[] = [];
  const refuse = (_: unknown, { status }: { status: number }) => void refused.push(status);
  answerMalformed({ server, underWay, refuse, maxUrlBytes: 8192, turnMs });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const client: RawClient = await rawClient((server.address() as AddressInfo).port);
  client.write("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  await client.sees("begun");
  return { server, client, underWay, answer: begun[0] as ServerResponse, refused };
}

it.each(["nonsense\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"])(
  "a refusal behind an answer that never ends ends the connection, and is no part of the answer: %j",
  async (second) => {
    const { client, underWay, refused } = await startBegun(50);
    client.write(second);
    expect(await client.end()).toMatch(/begun\r\n$/);
    expect(refused).toEqual([]);
    await expect.poll(() => underWay.last().length).toBe(0);
  },
);

it("garbage without end behind an answer costs no more than its beginning", async () => {
  const { server, client, answer, refused } = await startBegun(60_000);
  let errors = 0;
  server.on("clientError", () => errors++);
  const before = answer.listenerCount("close");
  for (let piece = 1; piece <= 3; piece++) {
    client.write(`nonsense ${piece}\r\n\r\n`);
    await expect.poll(() => errors).toBeGreaterThanOrEqual(piece);
  }
  expect(answer.listenerCount("close")).toBe(before + 1);
  answer.end();
  await expect.poll(() => refused).toEqual([400]);
});

/** What is told of a refusal: status, method and target. */
async function refusalOf(bytes: string): Promise<unknown[]> {
  const underWay = new UnderWay();
  const server = createServer((incoming, outgoing) => {
    underWay.add(incoming, outgoing);
    incoming.resume().on("end", () => outgoing.end());
  });
  const refused: unknown[] = [];
  answerMalformed({
    server,
    underWay,
    maxUrlBytes: 8192,
    refuse(socket, { status }, { method, uri }) {
      refused.push(status, method, uri);
      socket.end();
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const client = await rawClient((server.address() as AddressInfo).port);
  client.write(bytes);
  await client.end();
  return refused;
}

it.each([
  [".example\r\n\r\n", [400, "-", "-"]],
  ["HEAD /b HTTP/1.1\r\nHost : a\r\n\r\n", [400, "HEAD", "/b"]],
  ["BREW /b HTTP/1.1\r\nHost: a\r\n\r\n", [501, "BREW", "/b"]],
  ["\r\n\r\nBREW /b HTTP/1.1\r\nHost: a\r\n\r\n", [501, "BREW", "/b"]],
  ["GET /b HTTP/1.2\r\nHost: a\r\n\r\n", [505, "GET", "/b"]],
  [
    `GET /${"b".repeat(9000)} HTTP/1.1\r\nX: ${"x".repeat(9000)}\r\n\r\n`,
    [414, "GET", expect.stringMatching(/^\/b{4000}/)],
  ],
])(
  "what is malformed behind a request in the same packet is refused for what it is: %j",
  async (bytes, told) => {
    expect(await refusalOf(`HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n${bytes}`)).toEqual(told);
  },
);

it.each(["HEAD /x ", "\r\n\r\nHEAD /x ", "XYZ"])(
  "the content of a request in the same packet is not taken for one that is malformed: %j",
  async (content) => {
    const post = `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: ${content.length}\r\n\r\n${content}`;
    expect(await refusalOf(`${post}BREW /\0 HTTP/1.1\r\nHost: a\r\n\r\n`)).toEqual([400, "-", "-"]);
    const chunks = `Transfer-Encoding: chunked\r\n\r\n${content.length.toString(16)}\r\n${content}\r\n0\r\n\r\n`;
    const chunked = `POST /a HTTP/1.1\r\nHost: a\r\n${chunks}`;
    expect(await refusalOf(`${chunked}GET /b HTTP/1.1\r\nHost : a\r\n\r\n`)).toEqual([400, "GET", "/b"]);
  },
);
