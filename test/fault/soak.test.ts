import { afterAll, expect, it } from "vitest";
import { openFaultyLink } from "../faulty-link.ts";
import { startOrigin } from "../scenario/own-origin.ts";
import { type Program, startProgram } from "../scenario/program.ts";
import { rawClient } from "../scenario/raw.ts";
import { ask } from "../scenario/site.ts";
import { until } from "../until.ts";
import { freshRedis, stopRedis } from "./stage.ts";

afterAll(stopRedis);

const MiB = 1024 * 1024;
/** Sockets and timers that may be there at any moment; each round is a thousand requests. */
const ODD_ONES = 40;

/** Says at SIGUSR2, when garbage is collected, what the process holds. */
const TELLS = `
  process.on('SIGUSR2', () => {
    for (let i = 0; i < 4; i++) gc();
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    const held = process.getActiveResourcesInfo();
    console.log(JSON.stringify({ held, bytes: heapUsed + external + arrayBuffers }));
  });
`;

interface Held {
  readonly bytes: number;
  /** How many of each kind: sockets, timers … */
  readonly held: Readonly<Record<string, number>>;
}

async function heldBy({ child, lines }: Program): Promise<Held> {
  const told = () => lines().filter((line) => "held" in line) as { held: string[]; bytes: number }[];
  const before = told().length;
  child.kill("SIGUSR2");
  await until("it tells what it holds", () => told().length > before);
  const { held, bytes } = told()[before] as { held: string[]; bytes: number };
  return {
    bytes,
    held: Object.fromEntries([...Map.groupBy(held, String)].map(([kind, { length }]) => [kind, length])),
  };
}

/** An origin that does what the path says, which is not always well. */
const startMoody = () =>
  startOrigin((request, response) => {
    const { url = "" } = request;
    request.resume();
    if (url.startsWith("/reset")) request.socket.destroy();
    else if (url.startsWith("/cut"))
      response.writeHead(200, { "Content-Length": 9000 }).write("x", () => response.destroy());
    else if (url.startsWith("/error")) response.writeHead(500).end("error");
    else if (url.startsWith("/slow")) response.writeHead(200, { "Content-Length": 100_000 }).write("x");
    else if (url.startsWith("/own")) response.setHeader("Cache-Control", "no-store").end(url);
    else
      response
        .writeHead(200, { "Cache-Control": "max-age=1", ETag: '"1"', "Cache-Tag": "t" })
        .end(url.repeat(200));
  });

it("a soak of mixed requests, faults, aborts, purges and tunnels leaves memory, sockets and timers as they were", async () => {
  const redis = await freshRedis();
  const link = await openFaultyLink(redis.port);
  const origin = await startMoody();
  const program = await startProgram(
    {
      ORIGINS: origin.url,
      REDIS_URL: `redis://127.0.0.1:${link.port}`,
      CACHE_MEMORY_BYTES: "2MiB",
      KEEP_ALIVE_TIMEOUT: "200ms",
      LOG_LEVEL: "error",
    },
    { preload: encodeURIComponent(TELLS), node: ["--expose-gc"] },
  );
  const url = (path: string) => `http://127.0.0.1:${program.port}${path}`;
  const paths = ["/a", "/b", "/own", "/error", "/reset", "/cut", "/c", "/d"];
  let wrong = 0;

  async function client(n: number, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const path = `${paths[i % paths.length]}/${(n * count + i) % 400}`;
      const answer = await ask(url(path), { method: i % 16 === 15 ? "POST" : "GET" }).catch(() => undefined);
      if (/^\/[abcd]\//.test(path) && answer?.status !== 200) wrong++;
    }
  }
  /** Goes away in the midst of an answer, of a request's head or body, or of a tunnel that never opens. */
  async function abort(i: number): Promise<void> {
    const aborted = await rawClient(program.port);
    const begun = [
      `GET /slow/${i} HTTP/1.1\r\nHost: a\r\n\r\n`,
      "GET /a HTTP/1.1\r\nHos",
      "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf",
      "GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ];
    aborted.write(begun[i % begun.length] as string);
    await new Promise((resolve) => setTimeout(resolve, 10));
    aborted.socket.resetAndDestroy();
  }
  async function round(): Promise<Held> {
    const purge = () =>
      ask(`http://127.0.0.1:${program.adminPort}/purge`, {
        method: "POST",
        body: '{"targets":[{"tag":"t"}]}',
      });
    const clients = Array.from({ length: 10 }, (_, n) => client(n, 100));
    for (let i = 0; i < 60; i++) {
      await abort(i);
      if (i % 10 === 0) await purge();
      if (i % 20 === 5) await link.breakBy({ refuses: true });
      if (i % 20 === 10) await link.mend();
    }
    await link.mend();
    await Promise.all(clients);
    const isStored = async () => (await purge()).json()["shared"] === true;
    await until("Redis is back", isStored);
    // What clients and origins left open ends with its time-outs.
    let now = await heldBy(program);
    await until("sockets are closed", async () => {
      now = await heldBy(program);
      return (now.held["TCPSocketWrap"] ?? 0) < ODD_ONES;
    });
    return now;
  }
  await round();
  const before = await round();
  await round();
  const after = await round();
  expect(wrong).toBe(0);
  expect(after.bytes - before.bytes).toBeLessThan(4 * MiB);
  const more = Object.entries(after.held).filter(([kind, n]) => n > (before.held[kind] ?? 0) + ODD_ONES);
  expect(more).toEqual([]);
});
