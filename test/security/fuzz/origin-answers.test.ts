import { once } from "node:events";
import { type IncomingMessage, request as nodeRequest } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect } from "vitest";
import { OriginError } from "../../../src/cache/ports/origin.ts";
import { createClient } from "../../../src/origin/client.ts";
import { ANSWERS } from "../../origin/answers-of-origins.ts";
import { CLIENT, get, never } from "../../origin/asking.ts";
import { fuzz } from "./harness.ts";

/** What a client makes of the bytes of one connection; undefined where it takes them for no whole answer. */
interface Read {
  readonly interim: readonly (readonly [status: number, ...fields: string[]])[];
  readonly status: number;
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}
interface Input {
  readonly method: string;
  readonly pieces: readonly string[];
}

let port = 0;
let pieces: readonly string[] = [];
/** Answers in these pieces, each read before the next is written, and ends. */
const server = createServer((socket) => {
  let asked = "";
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    asked += chunk;
    if (!asked.endsWith("\r\n\r\n")) return;
    const [last = "", ...before] = pieces.toReversed();
    void (async () => {
      for (const piece of before.toReversed()) {
        socket.write(Buffer.from(piece, "latin1"));
        for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
      }
      socket.end(Buffer.from(last, "latin1"));
    })();
  });
});
beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
});
afterAll(() => void server.close());

async function byNode({ method, pieces: sent }: Input): Promise<Read | undefined> {
  pieces = [sent.join("")];
  const interim: Read["interim"][number][] = [];
  const options = { port, host: "127.0.0.1", method, agent: false, maxHeaderSize: CLIENT.maxHeaderBytes };
  const asked = nodeRequest(options);
  // Node tells of a 100 in words of its own, and nothing of the lines in it; it goes no further here either.
  asked.on("information", ({ statusCode, rawHeaders }) => {
    if (statusCode !== 100) interim.push([statusCode, ...rawHeaders]);
  });
  asked.end();
  const incoming = await new Promise<IncomingMessage | undefined>((resolve) => {
    asked.once("response", resolve);
    asked.once("upgrade", (_, socket) => {
      socket.destroy();
      resolve(undefined);
    });
    asked.on("error", () => resolve(undefined));
    asked.once("close", () => resolve(undefined));
  });
  if (incoming === undefined) return undefined;
  let body = "";
  try {
    for await (const chunk of incoming) body += (chunk as Buffer).toString("latin1");
  } catch {
    return undefined;
  }
  if (!incoming.complete) return undefined;
  const { statusCode = 0, rawHeaders, rawTrailers } = incoming;
  return { interim, status: statusCode, fields: rawHeaders, body, trailers: rawTrailers };
}

async function byTheLane({ method, pieces: sent }: Input): Promise<Read | undefined> {
  pieces = sent;
  const interim: Read["interim"][number][] = [];
  const client = createClient(`http://127.0.0.1:${port}`, CLIENT);
  const onInterim = (status: number, fields: readonly string[]) => void interim.push([status, ...fields]);
  try {
    const response = await client.send({ ...get("/"), method, onInterim }, never());
    const { status, fields, trailers } = response;
    let body = "";
    for await (const chunk of response.body) body += Buffer.from(chunk).toString("latin1");
    return { interim, status, fields, body, trailers: trailers?.() ?? [] };
  } catch (error) {
    expect(error).toBeInstanceOf(OriginError);
    return undefined;
  } finally {
    expect(client.inFlight).toBe(0);
    await client.close();
  }
}

const SHORT = ANSWERS.filter(({ bytes }) => bytes.length < 600);
const base = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(...SHORT.filter(({ sees }) => sees.endsWith(", kept"))) },
  { weight: 1, arbitrary: fc.constantFrom(...SHORT) },
);
const BYTES = [
  ...'\r\n\t :;,="\\0123456789abcfxz-+',
  "\x00",
  "\x0b",
  "\x7f",
  "\x80",
  "\xff",
  "\r\n",
  "\r\n\r\n",
  "\n\n",
  "\r\n ",
  "chunked",
  "close",
  "0\r\n\r\n",
  "1\r\nx\r\n",
  "HTTP/1.1 ",
  "HTTP/1.0 ",
  "HTTP/1.1 200 OK\r\n",
  "HTTP/1.1 100 X\r\n\r\n",
  "HTTP/1.1 103 X\r\n\r\n",
  " 204 ",
  " 304 ",
  "Content-Length: 2\r\n",
  "Content-Length: 0\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: ",
  "Connection: close\r\n",
  "Upgrade: x\r\nConnection: upgrade\r\n",
  "Trailer: a\r\n",
  "X-A: b\r\n",
];
const changes = fc.array(
  fc.record({ at: fc.nat(), cut: fc.integer({ min: 0, max: 3 }), put: fc.constantFrom("", ...BYTES) }),
  { maxLength: 4 },
);
/** What origins send, with other bytes in it or some left out, cut at these places. */
const inputs: fc.Arbitrary<Input> = fc
  .tuple(
    base,
    fc.option(base),
    changes,
    fc.array(fc.nat(), { maxLength: 3 }),
    fc.constantFrom("GET", "GET", "GET", "HEAD"),
  )
  .map(([first, behind, changed, cuts, method]) => {
    let bytes = first.bytes + (behind?.bytes ?? "");
    for (const { at, cut, put } of changed) {
      const i = at % (bytes.length + 1);
      bytes = bytes.slice(0, i) + put + bytes.slice(i + cut);
    }
    const at = cuts.map((cut) => cut % (bytes.length + 1)).toSorted((one, other) => one - other);
    return { method, pieces: [0, ...at].map((from, i) => bytes.slice(from, at[i])) };
  });

fuzz("what Node's client takes for no answer the lane takes for none, and all others alike", {
  corpus: "origin-answers",
  inputs,
  runs: 400,
  holds: async (input) => {
    const lane = await byTheLane(input);
    if (lane === undefined) return;
    expect(lane).toEqual(await byNode(input));
  },
});

fuzz("the lane makes the same of an answer in any pieces", {
  corpus: "origin-answers",
  inputs,
  runs: 300,
  holds: async ({ method, pieces: cut }) => {
    const whole = await byTheLane({ method, pieces: [cut.join("")] });
    expect(await byTheLane({ method, pieces: cut })).toEqual(whole);
  },
});
