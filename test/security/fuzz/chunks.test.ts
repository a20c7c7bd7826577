import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { type Running, start } from "../../../src/start.ts";
import { configFor } from "../../config-for.ts";
import { ask } from "../../scenario/site.ts";
import { readRequests } from "../strict-reader.ts";
import { fuzz } from "./harness.ts";
import { nodeServer } from "./node-server.ts";

const node = nodeServer(16_384);

const PIECES: readonly string[] = [
  ...[
    "5\r\nhello\r\n",
    "1\r\nx\r\n",
    "0\r\n\r\n",
    "0\r\n",
    "A\r\n0123456789\r\n",
    "00\r\n",
    "0;a\r\n\r\n",
    "5;a=b\r\nhello\r\n",
  ],
  ...[
    "\r\n",
    "\n",
    "\r",
    "5",
    "a",
    "g",
    " ",
    "\t",
    ";",
    ";a",
    ';a="b"',
    ';a="\r\n"',
    "hello",
    "X: 1\r\n",
    "X : 1\r\n",
  ],
  ...["Content-Length: 3\r\n", "\0", "-", "0x", "+1", "1_0", "ffffffffffffffff", "10000000000000000", "\xff"],
];
const nearly = fc
  .tuple(
    fc.constantFrom(
      "5\r\nhello\r\n0\r\n\r\n",
      "1\r\nx\r\n1\r\ny\r\n0\r\nX: 1\r\n\r\n",
      "5;a=b\r\nhello\r\n0\r\n\r\n",
      "0\r\n\r\n",
    ),
    fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom("", ...PIECES)), { maxLength: 2 }),
  )
  .map(([whole, edits]) =>
    edits.reduce<string>((text, [at, drop, put]) => {
      const from = at % (text.length + 1);
      return text.slice(0, from) + put + text.slice(from + drop);
    }, whole),
  );
const bodies = fc.oneof(
  { weight: 3, arbitrary: nearly },
  {
    weight: 1,
    arbitrary: fc.array(fc.constantFrom(...PIECES), { maxLength: 8 }).map((pieces) => pieces.join("")),
  },
);

/** The content that a strict reader has of it, where it is whole. */
const strictly = (chunks: string): string | undefined =>
  readRequests(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`).requests[0]?.body;

const EXTENSIONS =
  /^(?:;[!#$%&'*+.^_`|~\w-]+(?:=(?:[!#$%&'*+.^_`|~\w-]+|"(?:[!#-[\]-~\x80-\xff]|\\[!-~])*"))?)*$/;

/** What may be refused to be safe: whitespace behind a size, extensions that are none, and trailers that look like framing. */
const isOdd = (chunks: string): boolean =>
  /[ \t]|content-length/i.test(chunks) ||
  [...chunks.matchAll(/;[^\r]*/g)].some(([extensions]) => !EXTENSIONS.test(extensions));

fuzz("an upload in chunks is whole where a strict reader says so, with the same content", {
  corpus: "chunks",
  inputs: bodies,
  runs: 800,
  holds: async (chunks) => {
    const [request] = await node(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
    if (request?.body === undefined && isOdd(chunks)) return;
    expect(request?.body).toBe(strictly(chunks));
  },
});

const HEAD = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n";
const NOT_FOUND = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

describe("an answer in chunks", () => {
  let answer = "";
  let proxy: Running;
  const sockets = new Set<Socket>();
  const origin = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (request: Buffer) => {
      const isCheck = request.includes("/health-check");
      socket.end(Buffer.from(isCheck ? NOT_FOUND : answer, "latin1"));
    });
  });
  beforeAll(async () => {
    origin.listen(0, "127.0.0.1");
    await once(origin, "listening");
    const { port } = origin.address() as AddressInfo;
    proxy = await start(
      configFor({
        ORIGINS: `http://127.0.0.1:${port}`,
        HEALTH_CHECK_INTERVAL: "1h",
        ORIGIN_BREAKER_AFTER: "0",
        ORIGIN_EJECT_AFTER: "0",
        SHUTDOWN_TIMEOUT: "1s",
      }),
    );
  });
  afterAll(async () => {
    await proxy.stop();
    for (const socket of sockets) socket.destroy();
    origin.close();
  });

  let asked = 0;
  fuzz("that is not whole to a strict reader breaks off, and is not stored", {
    corpus: "chunks",
    inputs: bodies,
    runs: 120,
    holds: async (chunks) => {
      const url = `http://127.0.0.1:${proxy.port}/${asked++}`;
      const told = async (bytes: string) => {
        answer = bytes;
        try {
          const { status, body, cache } = await ask(url);
          return { status, body: body.toString("latin1"), cache };
        } catch {
          return undefined;
        }
      };
      const first = await told(`${HEAD}${chunks}`);
      const whole = strictly(chunks);
      if (whole !== undefined && !isOdd(chunks)) expect(first).toMatchObject({ status: 200, body: whole });
      else if (first?.status === 200) expect(first.body).toBe(whole);
      if (whole === undefined) expect((await told(NOT_FOUND))?.status).not.toBe(200);
    },
  });
});
