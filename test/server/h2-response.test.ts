import { once } from "node:events";
import { connect, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { H2Response } from "../../src/server/h2-response.ts";

/** What a real client gets of an answer that is written like this, and how its stream ends. */
async function answered(write: (outgoing: H2Response) => void) {
  const server = createServer();
  server.on("stream", (stream: ServerHttp2Stream, { ":method": method = "GET" }) =>
    write(new H2Response(stream, method)),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  const stream = client.request({ ":path": "/" });
  let fields: IncomingHttpHeaders = {};
  stream.on("response", (head) => {
    fields = head;
  });
  stream.on("error", () => {});
  stream.resume();
  await new Promise((closed) => stream.once("close", closed));
  return { fields, code: stream.rstCode };
}

it("writes no field of a connection, whoever asks for it", async () => {
  const names = ["Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade", "TE"];
  const { fields } = await answered((outgoing) => {
    outgoing.writeHead(200, [...names.flatMap((name) => [name, "close"]), "X-Other", "1"]);
    outgoing.end("x");
  });
  expect(Object.keys(fields)).toEqual([":status", "x-other", "date"]);
});

it.each([
  ["a line end in a value", ["X-A", "1\r\nX-B: 2"]],
  ["a NUL in a value", ["X-A", "\0"]],
  ["a space in a name", ["X A", "1"]],
])("throws on %s, and has written nothing", async (_, lines) => {
  const { fields, code } = await answered((outgoing) => {
    expect(() => outgoing.writeHead(200, lines)).toThrow();
    expect(outgoing.headersSent).toBe(false);
    outgoing.destroy();
  });
  expect([fields, code]).toEqual([{}, 2]);
});

it("writes fields that are repeated as one, and cookies each alone", async () => {
  const lines = ["Age", "1", "age", "2", "Set-Cookie", "a=1", "set-cookie", "b=2", "X-A", "1", "X-A", "2"];
  const { fields } = await answered((outgoing) => {
    outgoing.writeHead(200, lines);
    outgoing.end();
  });
  expect(fields).toMatchObject({ age: "1, 2", "set-cookie": ["a=1", "b=2"], "x-a": "1, 2" });
});

it("resets a client that still sends when all is said, without an error", async () => {
  const { fields, code } = await answered((outgoing) => {
    outgoing.writeHead(200, []);
    outgoing.end("x");
  });
  expect([fields[":status"], code]).toEqual([200, 0]);
});
