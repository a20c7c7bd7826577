import { createServer as createHttpServer, type ServerResponse } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { markRepeated } from "../../src/policy/repeated-lines.ts";
import { readHead } from "../../src/server/lane/head.ts";
import { LaneRequest } from "../../src/server/lane/request.ts";
import { LaneResponse } from "../../src/server/lane/response.ts";
import { exchange } from "../scenario/raw.ts";
import { until } from "../until.ts";

const DATE = ["Date", "Sat, 21 Nov 2026 12:00:00 GMT"];
const KEEP_ALIVE_MS = 65_900;

/** What is done with an answer. */
type Use = (outgoing: ServerResponse | LaneResponse) => void;

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const request = (method: string, connection: string) =>
  `${method} / HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\n\r\n`;

/** The answer over a real connection, and how many writes it took. */
async function inLane(use: Use, method = "GET", connection = "keep-alive") {
  let writes = 0;
  const port = await listening(
    createServer((socket: Socket) => {
      const write = socket.write.bind(socket);
      socket.write = (...args: unknown[]) => {
        writes++;
        return Reflect.apply(write, socket, args);
      };
      socket.on("error", () => {});
      socket.once("data", (bytes: Buffer) => {
        const head = readHead(bytes, 0, undefined, 10_000);
        if (typeof head === "string") throw new Error(head);
        const incoming = new LaneRequest(head, socket);
        const outgoing = new LaneResponse(incoming, head.section.keepAlive, KEEP_ALIVE_MS);
        outgoing.takeTurn();
        outgoing.once("finish", () => {
          outgoing.endTurn();
          socket.end();
        });
        use(outgoing);
      });
    }),
  );
  return { text: await exchange(port, request(method, connection)), writes };
}

async function fromNode(use: Use, method = "GET", connection = "keep-alive"): Promise<string> {
  const server = createHttpServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (incoming, outgoing) => {
    outgoing.once("finish", () => incoming.socket.end());
    use(outgoing);
  });
  return exchange(await listening(server), request(method, connection));
}

const answer =
  (status: number, lines: string[], content?: string): Use =>
  (outgoing) => {
    outgoing.writeHead(status, lines);
    outgoing.end(content === undefined ? undefined : Buffer.from(content, "latin1"));
  };

const ONE_WRITE: Readonly<Record<string, readonly [use: Use, method?: string]>> = {
  "a short one": [answer(200, [...DATE, "Content-Length", "5", "x-y", "\xe9"], "hello")],
  "one that is empty": [answer(200, [...DATE, "Content-Length", "0"])],
  "one with a reason phrase of its own": [
    (outgoing) => {
      outgoing.writeHead(404, "Not \xe9 here", [...DATE, "content-length", "2"]);
      outgoing.end(Buffer.from("no"));
    },
  ],
  "one of an unknown status": [answer(299, [...DATE, "Content-Length", "2"], "ok")],
  "one to a HEAD": [answer(200, [...DATE, "Content-Length", "5"]), "HEAD"],
  "a 304": [answer(304, [...DATE, "ETag", '"1"'])],
  "a 204": [answer(204, DATE)],
};

const NODES: Readonly<Record<string, readonly [use: Use, method?: string, connection?: string]>> = {
  "one without a length": [answer(200, DATE, "hello")],
  "one that comes in pieces": [
    (outgoing) => {
      outgoing.writeHead(200, [...DATE, "Content-Length", "10"]);
      outgoing.write("", "latin1");
      outgoing.write(Buffer.from("hello"));
      outgoing.end(Buffer.from("world"));
    },
  ],
  "one in chunks with trailers": [
    (outgoing) => {
      outgoing.writeHead(200, [...DATE, "Trailer", "X-Sum"]);
      outgoing.write(Buffer.from("hello"));
      outgoing.addTrailers([["X-Sum", "1"]]);
      outgoing.end();
    },
  ],
  "a long one": [answer(200, [...DATE, "Content-Length", "9000"], "x".repeat(9000))],
  "one behind which the client wants no more": [
    answer(200, [...DATE, "Content-Length", "5"], "hello"),
    "GET",
    "close",
  ],
  "one that ends the connection by itself": [
    answer(200, [...DATE, "Content-Length", "2", "Connection", "close"], "ok"),
  ],
  "one to a HEAD, with content": [answer(200, [...DATE, "Content-Length", "5"], "hello"), "HEAD"],
  "a 304 with content": [answer(304, [...DATE, "Content-Length", "5"], "hello")],
  "one that says how it is framed": [answer(200, [...DATE, "Transfer-Encoding", "chunked"], "ok")],
};

describe("an answer in the lane is what Node makes of it", () => {
  it.each(Object.keys(ONE_WRITE))("with one write: %s", async (name) => {
    const [use, method] = ONE_WRITE[name] as (typeof ONE_WRITE)[string];
    const { text, writes } = await inLane(use, method);
    expect(text).toBe(await fromNode(use, method));
    expect(writes).toBe(1);
  });

  it.each(Object.keys(NODES))("with Node's own response: %s", async (name) => {
    const [use, method, connection] = NODES[name] as (typeof NODES)[string];
    const { text } = await inLane(use, method, connection);
    expect(text).toBe(await fromNode(use, method, connection));
  });
});

describe("an answer in the lane", () => {
  it.each([
    [8192, 1],
    [8193, 2],
  ])("of %i bytes takes so many writes: %i", async (bytes, expected) => {
    const use = answer(200, [...DATE, "Content-Length", String(bytes)], "x".repeat(bytes));
    const { text, writes } = await inLane(use);
    expect([text, writes]).toEqual([await fromNode(use), expected]);
  });

  it("has a Date where the origin's has none", async () => {
    const { text } = await inLane(answer(200, ["Content-Length", "2"], "ok"));
    expect(text).toMatch(
      /^HTTP\/1\.1 200 OK\r\nContent-Length: 2\r\nDate: [^\r]+ GMT\r\nConnection: keep-alive\r\n/,
    );
  });

  it.each([
    ["a value with a line break", ["X-A", "1\r\nX-B: 2"]],
    ["a value with a control character", ["X-A", "\x01"]],
    ["a value that is no latin1", ["X-A", "\u0100"]],
    ["a name that is no token", ["X A", "1"]],
  ])("refuses %s, and writes nothing", async (_, line) => {
    const refused: unknown[] = [];
    const { text, writes } = await inLane((outgoing) => {
      try {
        outgoing.writeHead(200, [...DATE, "Content-Length", "2", ...line]);
      } catch (error) {
        refused.push(error);
      }
      outgoing.destroy();
    });
    expect([refused.length, text, writes]).toEqual([1, "", 0]);
  });

  it.each([
    [[...DATE, "Content-Length", "5"], ["X-Request-Id", "1"], 1],
    [DATE, ["Content-Length", "5"], 1],
    [["Content-Length", "5"], DATE, 1],
    [[...DATE, "Content-Length", "9"], ["Content-Length", "5"], 1],
    [[...DATE, "Content-Length", "5"], ["Keep-Alive", "timeout=1"], 2],
    [["Content-Length", "5"], ["X-Request-Id", "1"], 2],
  ])("whose lines come again has them, and its own: %j %j", async (lines, own, expected) => {
    markRepeated(lines);
    for (let nth = 0; nth < 2; nth++) {
      const { text, writes } = await inLane((outgoing) => {
        (outgoing as LaneResponse).writeHeadOf(200, "", lines, own);
        outgoing.end(Buffer.from("hello"));
      });
      const whole = await fromNode(answer(200, [...lines, ...own], "hello"));
      const dated = (answered: string) => answered.replace(/Date: [^\r]+/, "Date: now");
      expect([dated(text), writes]).toEqual([dated(whole), expected]);
    }
  });

  it("keeps its bytes until they are taken, whatever is answered meanwhile", async () => {
    const later: (() => void)[] = [];
    const held = inLane((outgoing) => {
      const { socket } = (outgoing as LaneResponse).req;
      (outgoing as LaneResponse).removeAllListeners("finish");
      socket.cork();
      answer(200, [...DATE, "Content-Length", "5"], "first")(outgoing);
      later.push(() => {
        socket.uncork();
        socket.end();
      });
    });
    await until("the first is held", () => later.length === 1);
    const second = await inLane(answer(200, [...DATE, "Content-Length", "5"], "other"));
    later[0]?.();
    expect([(await held).text.slice(-5), second.text.slice(-5)]).toEqual(["first", "other"]);
  });

  it("is not mistaken for another where its content is shorter than it says", async () => {
    const use = answer(200, [...DATE, "Content-Length", "5"], "no");
    const { text } = await inLane(use);
    expect(text.endsWith("\r\n\r\nno")).toBe(true);
  });

  it("waits for its turn, and lets those write ahead of it who wait for that", async () => {
    const { text } = await inLane((first) => {
      const outgoing = new LaneResponse((first as LaneResponse).req, true, KEEP_ALIVE_MS);
      outgoing.writeHead(200, [...DATE, "Content-Length", "2"]);
      outgoing.end(Buffer.from("ok"));
      outgoing.once("socket", (socket: Socket) => socket.write("HTTP/1.1 103 Early Hints\r\n\r\n"));
      outgoing.once("finish", () => (first as LaneResponse).req.socket.end());
      expect([outgoing.socket, outgoing.headersSent]).toEqual([null, true]);
      outgoing.takeTurn();
    });
    expect(text).toMatch(/^HTTP\/1\.1 103 Early Hints\r\n\r\nHTTP\/1\.1 200 OK\r\n.*\r\n\r\nok$/s);
  });

  it("that is given up before its turn ends the connection when that comes, not before", async () => {
    const { text } = await inLane((first) => {
      const { req } = first as LaneResponse;
      const outgoing = new LaneResponse(req, true, KEEP_ALIVE_MS);
      outgoing.destroy();
      expect(req.socket.destroyed).toBe(false);
      req.socket.write("before", () => {
        outgoing.takeTurn();
        expect(req.socket.destroyed).toBe(true);
      });
    });
    expect(text).toBe("before");
  });

  it("hears once that it is closed", () => {
    const closes: boolean[] = [];
    const outgoing = new LaneResponse({} as LaneRequest, true, KEEP_ALIVE_MS);
    outgoing.on("close", () => closes.push(outgoing.destroyed));
    outgoing.close();
    outgoing.close();
    expect(closes).toEqual([true]);
  });
});
