import { createHash } from "node:crypto";
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from "node:http";
import type { Writable } from "node:stream";
import { describe, expect, it, onTestFinished } from "vitest";
import { startMockOrigins } from "../../mock-origin/start.ts";
import { startOrigin } from "./own-origin.ts";
import { type Program, startProgram } from "./program.ts";
import { ask } from "./site.ts";

const MiB = 1024 * 1024;
const SIZE = 256 * MiB;
/** How much the proxy's process may grow while a body of any size passes through. */
const GROWTH = 100 * MiB;
/** What the kernel's and Node's buffers may hold between two that wait for each other. */
const BUFFERED = 48 * MiB;

/** Resident memory of the proxy's process, in bytes, as it says itself. */
async function resident({ adminPort }: Program): Promise<number> {
  const { text } = await ask(`http://127.0.0.1:${adminPort}/metrics`);
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
}

/** Calls `act`, looking at the proxy's memory ten times a second: by how much did it grow at most? */
async function growthDuring(program: Program, act: () => Promise<void>): Promise<number> {
  const before = await resident(program);
  let highest = before;
  let done = false;
  const watch = async () => {
    while (!done) {
      highest = Math.max(highest, await resident(program));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  await Promise.all([watch(), act().finally(() => (done = true))]);
  return highest - before;
}

/** Bytes that no compression and no luck makes equal, the same for every test. */
const PIECE = createHash("sha512").update("piece").digest().toString("hex").repeat(8192);
const BLOCK = Buffer.from(PIECE, "latin1");
const BLOCKS = SIZE / BLOCK.length;
/** A process grows until its collector has found its pace: then it is measured. */
const WARM_UP_BLOCKS = BLOCKS / 4;
const sha256OfAll = (): string => {
  const hash = createHash("sha256");
  for (let i = 0; i < BLOCKS; i++) hash.update(BLOCK);
  return hash.digest("hex");
};

const drained = (writable: Writable): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      writable.off("drain", done);
      writable.off("close", done);
      resolve();
    };
    writable.once("drain", done);
    writable.once("close", done);
  });

function requestTo(program: Program, path: string, options: object = {}): ClientRequest {
  const request = httpRequest({ host: "127.0.0.1", port: program.port, path, agent: false, ...options });
  onTestFinished(() => void request.destroy());
  request.on("error", () => {});
  return request;
}

const responseTo = (request: ClientRequest): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    request.once("response", resolve);
    request.once("error", reject);
  });

async function upload(program: Program, headers: OutgoingHttpHeaders, blocks: number): Promise<string> {
  const request = requestTo(program, "/echo", { method: "PUT", headers });
  const answer = responseTo(request);
  for (let i = 0; i < blocks; i++) if (!request.write(BLOCK)) await drained(request);
  request.end();
  return (await (await answer).toArray()).join("");
}

/** A proxy before this origin, whose /echo takes any body, after its first large body. */
async function warmProgram(origin: string): Promise<Program> {
  const program = await startProgram({ ORIGINS: origin, LOG_LEVEL: "silent" });
  await upload(program, { "Transfer-Encoding": "chunked" }, WARM_UP_BLOCKS);
  return program;
}

/** Resolves when `count` has not moved for so long: then everything waits. */
async function standstill(count: () => number, ms = 500): Promise<void> {
  const deadline = performance.now() + 30_000;
  let [seen, since] = [count(), performance.now()];
  while (seen === 0 || performance.now() - since < ms) {
    if (performance.now() > deadline) throw new Error(`it never stood still, at ${seen}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (count() !== seen) [seen, since] = [count(), performance.now()];
  }
}

describe("a body of 256 MiB passes in constant memory", () => {
  it.each([
    ["up, with its length", { "Content-Length": String(SIZE) }],
    ["up, in chunks", { "Transfer-Encoding": "chunked" }],
  ])("%s", async (_, headers) => {
    const mock = await startMockOrigins({ ports: [0] });
    onTestFinished(() => mock.close());
    const program = await warmProgram(mock.urls.join(","));
    const growth = await growthDuring(program, async () => {
      const text = await upload(program, headers, BLOCKS);
      expect(JSON.parse(text)).toMatchObject({ body_bytes: SIZE, body_sha256: sha256OfAll() });
    });
    expect(growth).toBeLessThan(GROWTH);
  });

  it.each([
    ["down, with its length", `/bytes?n=${SIZE}`],
    ["down, in chunks that might have been stored", `/bytes?n=${SIZE}&chunked=1&cache-control=max-age=60`],
  ])("%s", async (_, path) => {
    const mock = await startMockOrigins({ ports: [0] });
    onTestFinished(() => mock.close());
    const program = await warmProgram(mock.urls.join(","));
    const sum = async (port: number) => {
      const request = httpRequest({ host: "127.0.0.1", port, path, agent: false }).end();
      const hash = createHash("sha256");
      for await (const chunk of await responseTo(request)) hash.update(chunk as Buffer);
      return hash.digest("hex");
    };
    const expected = await sum(mock.ports[0] as number);
    const growth = await growthDuring(program, async () => {
      expect(await sum(program.port)).toBe(expected);
    });
    expect(growth).toBeLessThan(GROWTH);
  });
});

describe("slow readers of bodies that are stored", () => {
  it("hold no more than CACHE_FLIGHT_BYTES of them, however many they are", async () => {
    const [length, readers] = [16 * MiB, 20];
    let sent = 0;
    const origin = await startOrigin(async (request, response) => {
      if (request.url === "/echo") return void request.resume().once("end", () => response.end());
      response.writeHead(200, { "Content-Length": String(length), "Cache-Control": "max-age=60" });
      for (let i = 0; i < length / BLOCK.length && !response.destroyed; i++) {
        sent += BLOCK.length;
        if (!response.write(BLOCK)) await drained(response);
      }
      response.end();
    });
    const program = await startProgram({
      ORIGINS: origin.url,
      LOG_LEVEL: "silent",
      CACHE_MEMORY_BYTES: "128MiB",
      CACHE_FLIGHT_BYTES: "32MiB",
    });
    await upload(program, { "Transfer-Encoding": "chunked" }, WARM_UP_BLOCKS);
    const growth = await growthDuring(program, async () => {
      const responses: IncomingMessage[] = [];
      // One after the other, so that each has landed when the next begins.
      for (let i = 0; i < readers; i++) {
        responses.push(await responseTo(requestTo(program, `/big/${i}`).end()));
        await standstill(() => sent, 100);
      }
      const taken = await Promise.all(
        responses.map(async (response) => {
          let bytes = 0;
          for await (const chunk of response) bytes += (chunk as Buffer).length;
          return bytes;
        }),
      );
      expect(taken).toEqual(Array(readers).fill(length));
    });
    expect(growth).toBeLessThan(64 * MiB + GROWTH);
  });
});

describe("the slower side sets the pace:", () => {
  it("an origin waits for a client that does not read", async () => {
    let sent = 0;
    const origin = await startOrigin(async (request, response) => {
      if (request.url === "/echo") return void request.resume().once("end", () => response.end());
      response.writeHead(200, { "Content-Length": String(SIZE) });
      for (let i = 0; i < BLOCKS && !response.destroyed; i++) {
        sent += BLOCK.length;
        if (!response.write(BLOCK)) await drained(response);
      }
      response.end();
    });
    const program = await warmProgram(origin.url);
    const growth = await growthDuring(program, async () => {
      const response = await responseTo(requestTo(program, "/big").end());
      await standstill(() => sent);
      expect(sent).toBeLessThan(BUFFERED);
      let taken = 0;
      for await (const chunk of response) taken += (chunk as Buffer).length;
      expect(taken).toBe(SIZE);
    });
    expect(growth).toBeLessThan(GROWTH);
  });

  it("a client waits for an origin that does not read", async () => {
    const { promise: mayRead, resolve: letRead } = Promise.withResolvers<void>();
    const origin = await startOrigin(async (request, response) => {
      if (request.url !== "/echo") await mayRead;
      let taken = 0;
      for await (const chunk of request) taken += (chunk as Buffer).length;
      response.end(String(taken));
    });
    const program = await warmProgram(origin.url);
    const growth = await growthDuring(program, async () => {
      const headers = { "Content-Length": String(SIZE) };
      const request = requestTo(program, "/big", { method: "POST", headers });
      const answer = responseTo(request);
      let sent = 0;
      const sending = (async () => {
        for (let i = 0; i < BLOCKS; i++) {
          sent += BLOCK.length;
          if (!request.write(BLOCK)) await drained(request);
        }
        request.end();
      })();
      await standstill(() => sent);
      expect(sent).toBeLessThan(BUFFERED);
      letRead();
      await sending;
      expect((await (await answer).toArray()).join("")).toBe(String(SIZE));
    });
    expect(growth).toBeLessThan(GROWTH);
  });
});
