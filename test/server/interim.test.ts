import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { interimWriter, writableLines } from "../../src/server/interim.ts";
import { rawClient } from "../scenario/raw.ts";

/** A bare server whose every response is the test's to write, and a client before it. */
async function serving(handle: (outgoing: ServerResponse, url: string) => void) {
  const server = createServer((incoming, outgoing) => handle(outgoing, incoming.url ?? ""));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return rawClient((server.address() as AddressInfo).port);
}

const asking = (path: string, version = "1.1") => `GET ${path} HTTP/${version}\r\nHost: a.example\r\n\r\n`;

it("writes each at once, byte for byte, ahead of the final response", async () => {
  const held = Promise.withResolvers<ServerResponse>();
  const client = await serving((outgoing) => {
    interimWriter(outgoing)?.(103, ["Link", "</a.css>; rel=preload", "link", "</caf\xe9>"]);
    held.resolve(outgoing);
  });
  client.write(asking("/"));
  const early = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nlink: </caf\xe9>\r\n\r\n";
  expect(await client.sees(early)).toBe(early);
  const outgoing = await held.promise;
  interimWriter(outgoing)?.(199, []);
  outgoing.end("final");
  expect(await client.sees("final")).toMatch(/Link: .*\r\n\r\nHTTP\/1\.1 199 \r\n\r\nHTTP\/1\.1 200 OK\r\n/s);
});

it("lets a response that is not yet its connection's turn wait with them", async () => {
  const responses: ServerResponse[] = [];
  const client = await serving((outgoing, url) => {
    responses.push(outgoing);
    const write = interimWriter(outgoing);
    write?.(102, ["X-For", url]);
    write?.(103, ["X-For", url]);
    // The second is complete before the first has begun.
    if (url === "/b") {
      outgoing.end("second");
      responses[0]?.end("first");
    }
  });
  client.write(asking("/a") + asking("/b"));
  const seen = await client.sees("second");
  const order = ["102 Processing\r\nX-For: /a", "103 Early Hints\r\nX-For: /a", "200 OK", "first"];
  const then = ["102 Processing\r\nX-For: /b", "103 Early Hints\r\nX-For: /b", "200 OK", "second"];
  let at = -1;
  for (const part of [...order, ...then]) {
    const next = seen.indexOf(part, at + 1);
    expect(next, part).toBeGreaterThan(at);
    at = next;
  }
});

it("writes none behind a final head, nor after the client has left", async () => {
  const left = Promise.withResolvers<void>();
  const client = await serving((outgoing, url) => {
    const write = interimWriter(outgoing);
    if (url === "/gone") {
      outgoing.once("close", () => {
        expect(() => write?.(103, [])).not.toThrow();
        left.resolve();
      });
      return;
    }
    outgoing.writeHead(200, { "Content-Length": "2" });
    write?.(103, []);
    outgoing.end("ok");
    write?.(103, []);
  });
  client.write(asking("/"));
  await client.sees("ok");
  client.write(asking("/gone"));
  await new Promise(setImmediate);
  client.socket.end();
  await left.promise;
  expect(client.received()).not.toContain("103");
});

it("is not there for a client of HTTP/1.0", async () => {
  const client = await serving((outgoing) => outgoing.end(String(interimWriter(outgoing))));
  client.write(asking("/", "1.0"));
  expect(await client.end()).toMatch(/\r\n\r\nundefined$/);
});

it("leaves lines out that would be more than lines, and keeps the others", () => {
  const lines = [
    "A",
    "1",
    "B\r\nC",
    "2",
    "D",
    "3\r\nE: 4",
    "F",
    "\0",
    "",
    "5",
    "G",
    "\x01",
    "H",
    "caf\xe9\t!",
  ];
  expect(writableLines(lines)).toEqual(["A", "1", "H", "caf\xe9\t!"]);
});
