import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { type PlainHead, readHead } from "../../src/server/lane/head.ts";
import { REQUESTS } from "../scenario/plain-lane-requests.ts";

const MAX_BYTES = 16_384;
const HEAD = 'GET /a?b=c HTTP/1.1\r\nHost: a.example\r\nIf-None-Match: "x"\r\nX-Empty:\r\n\r\n';

const read = (text: string, known?: PlainHead["section"], at = 0) =>
  readHead(Buffer.from(text, "latin1"), at, known, MAX_BYTES);

function plain(text: string, known?: PlainHead["section"], at = 0): PlainHead {
  const head = read(text, known, at);
  if (typeof head === "string") throw new Error(`${head}: ${JSON.stringify(text)}`);
  return head;
}

const verdict = (text: string): string => {
  const head = read(text);
  return typeof head === "string" ? head : "plain";
};

describe("the head of a plain request", () => {
  it("is read with its lines as they came", () => {
    const { method, target, section, end } = plain(`${HEAD}GET /next`);
    expect({ method, target, end }).toEqual({ method: "GET", target: "/a?b=c", end: HEAD.length });
    expect(section).toMatchObject({
      fields: ["Host", "a.example", "If-None-Match", '"x"', "X-Empty", ""],
      host: "a.example",
      keepAlive: true,
    });
  });

  it("may begin anywhere in what has come", () => {
    expect(plain(`${HEAD}${HEAD}`, undefined, HEAD.length).end).toBe(2 * HEAD.length);
  });

  it("is not read again where its fields are the same bytes, and is where one differs", () => {
    const { section } = plain(HEAD);
    expect(plain(HEAD.replace("/a?b=c", "/other"), section).section).toBe(section);
    const other = plain(HEAD.replace("a.example", "b.example"), section);
    expect(other.section).not.toBe(section);
    expect(other.section.host).toBe("b.example");
    expect(plain(HEAD.replace("X-Empty:", "X-Empty: 1"), section).section.fields.at(-1)).toBe("1");
  });

  it("that goes on with the same bytes and another line is another", () => {
    const { section } = plain("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(plain("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n", section).section.fields).toHaveLength(4);
    expect(read("GET / HTTP/1.1\r\nHost: a\r\n", section)).toBe("incomplete");
  });

  it.each([
    ["Connection: close", false],
    ["connection:  Close ", false],
    ["Connection: keep-alive", true],
    ["Connection: Keep-Alive", true],
  ])("with %s keeps its connection: %s", (line, keepAlive) => {
    expect(plain(HEAD.replace("X-Empty:", line)).section.keepAlive).toBe(keepAlive);
  });

  it("is incomplete at every byte but its last", () => {
    for (let length = 0; length < HEAD.length; length++)
      expect([length, verdict(HEAD.slice(0, length))]).toEqual([length, "incomplete"]);
    expect(verdict(HEAD)).toBe("plain");
  });

  it("is somebody else's from the byte on that is longer than a head may be", () => {
    const long = `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(MAX_BYTES)}`;
    const least = HEAD.replace("X-Empty:", `X: ${"x".repeat(MAX_BYTES - HEAD.length + 5)}`);
    expect(least).toHaveLength(MAX_BYTES);
    expect(verdict(least)).toBe("plain");
    expect(verdict(least.replace("X: x", "X: xx"))).toBe("exotic");
    expect(verdict(long.slice(0, MAX_BYTES))).toBe("incomplete");
    expect(verdict(long.slice(0, MAX_BYTES + 1))).toBe("exotic");
    expect(verdict(`GET /${"a".repeat(MAX_BYTES)}`)).toBe("exotic");
  });

  it("has a bounded number of lines", () => {
    const lines = (n: number) => `GET / HTTP/1.1\r\nHost: a\r\n${"X: 1\r\n".repeat(n - 1)}\r\n`;
    expect(verdict(lines(100))).toBe("plain");
    expect(verdict(lines(101))).toBe("exotic");
  });
});

describe("what is no plain request is exotic as soon as that is certain:", () => {
  it.each([
    ["another method", "P"],
    ["one that begins alike", "GETS"],
    ["lower case", "g"],
    ["an empty line before it", "\r\n"],
    ["no path", "GET h"],
    ["an asterisk", "GET *"],
    ["a fragment", "GET /#"],
    ["a backslash", "GET /a\\"],
    ["a raw byte in the target", "GET /\xe9"],
    ["a control character in the target", "GET /\t"],
    ["two spaces", "GET  /"],
    ["two spaces before the version", "GET /  "],
    ["HTTP/1.0", "GET / HTTP/1.0"],
    ["HTTP/1.2", "GET / HTTP/1.2"],
    ["a bare LF", "GET / HTTP/1.1\n"],
    ["a space after the version", "GET / HTTP/1.1 "],
    ["a folded first line", "GET / HTTP/1.1\r\n "],
    ["a folded line", "GET / HTTP/1.1\r\nHost: a\r\n\t"],
    ["a space before the colon", "GET / HTTP/1.1\r\nHost "],
    ["no name", "GET / HTTP/1.1\r\n:"],
    ["a NUL in a value", "GET / HTTP/1.1\r\nHost: a\0"],
    ["a DEL in a value", "GET / HTTP/1.1\r\nHost: a\x7f"],
    ["an LF in a value", "GET / HTTP/1.1\r\nHost: a\n"],
    ["a CR in a value", "GET / HTTP/1.1\r\nHost: a\rb"],
    ["no Host", "GET / HTTP/1.1\r\n\r\n"],
    ["two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n"],
    ["a Host that is none", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"],
    ["an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"],
    ["Content-Length", "GET / HTTP/1.1\r\ncontent-length: 0\r\n"],
    ["Transfer-Encoding", "GET / HTTP/1.1\r\nTransfer-Encoding: x\r\n"],
    ["Expect", "GET / HTTP/1.1\r\nExpect: x\r\n"],
    ["Upgrade", "GET / HTTP/1.1\r\nUpgrade: x\r\n"],
    ["TE", "GET / HTTP/1.1\r\nTE:\r\n"],
    ["Trailer", "GET / HTTP/1.1\r\nTrailer: x\r\n"],
    ["Proxy-Connection", "GET / HTTP/1.1\r\nProxy-Connection: close\r\n"],
    ["two Connections", "GET / HTTP/1.1\r\nConnection: close\r\nConnection: close\r\n"],
    ["another word in Connection", "GET / HTTP/1.1\r\nConnection: close, x\r\n"],
    ["an empty Connection", "GET / HTTP/1.1\r\nConnection:\r\n"],
  ])("%s", (_, bytes) => {
    expect(verdict(bytes)).toBe("exotic");
    if (bytes.length > 1) expect(verdict(bytes.slice(0, -2))).toBe("incomplete");
  });
});

/** What Node's own server makes of these bytes, and of how many requests. */
async function startNode() {
  const server = createServer({ maxHeaderSize: MAX_BYTES, requireHostHeader: false });
  const seen: IncomingMessage[] = [];
  server.on("request", (incoming, outgoing) => {
    seen.push(incoming);
    outgoing.writeHead(200, { Connection: "close" }).end();
  });
  server.on("clientError", (_, socket) => socket.destroy());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return async (bytes: string): Promise<IncomingMessage[]> => {
    seen.length = 0;
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.end(Buffer.from(bytes, "latin1"));
    socket.resume();
    await once(socket, "close");
    return [...seen];
  };
}

describe("whatever is read as plain, Node's parser reads alike:", () => {
  it("of every request in the list", async () => {
    const node = await startNode();
    let plainOnes = 0;
    for (const [what, bytes] of REQUESTS) {
      const head = read(bytes);
      if (typeof head === "string") continue;
      plainOnes++;
      const [request, ...others] = await node(bytes);
      expect([what, others]).toEqual([what, []]);
      expect([what, request?.method, request?.url]).toEqual([what, head.method, head.target]);
      expect(request?.rawHeaders).toEqual(head.section.fields);
    }
    expect(plainOnes).toBeGreaterThan(70);
  });
});
