import { execFileSync } from "node:child_process";
import { afterAll, expect, it } from "vitest";
import { openFaultyLink } from "../faulty-link.ts";
import { startOrigin } from "../scenario/own-origin.ts";
import { type Program, startProgram, startSharing } from "../scenario/program.ts";
import { ask, IN_TIME } from "../scenario/site.ts";
import { until } from "../until.ts";
import { startLoad, startVersions } from "./load.ts";
import { FRAMES, nonsense } from "./redis-faults.ts";
import { freshRedis, stopRedis } from "./stage.ts";

afterAll(stopRedis);

const MiB = 1024 * 1024;

/** Resident memory of a process in bytes. */
const residentBytes = ({ child }: Program): number =>
  Number(execFileSync("ps", ["-o", "rss=", "-p", String(child.pid)], { encoding: "utf8" })) * 1024;

it("a Redis whose answers are RESP, but no answers, does not end the process", async () => {
  const redis = await freshRedis();
  const link = await openFaultyLink(redis.port);
  const origin = await startVersions();
  const program = await startProgram({
    ORIGINS: origin.url,
    REDIS_URL: `redis://127.0.0.1:${link.port}`,
    CACHE_MEMORY_BYTES: "0",
    LOG_FORMAT: "json",
  });
  const load = startLoad(program.port);
  await until("there are hits", () => load.hitRatio(0) > 0.95);

  let told = 0;
  await link.breakBy({
    // Connections come about; what is asked over them is answered wrongly.
    garbles: (answer) => {
      if (!/^(\*|\+PONG)/.test(answer.toString("latin1"))) return answer;
      told++;
      return nonsense();
    },
  });
  await until("every frame was told", () => told >= FRAMES.length, 40_000);
  expect(program.out()).toContain("uncaught exception");
  await link.mend();
  const mendedAt = performance.now();
  await until("there are hits again", () => load.hitRatio(mendedAt) > 0.95);
  await load.stop();
  expect(program.child.exitCode).toBeNull();
  expect(load.answers.flatMap(({ wrong }) => wrong ?? [])).toEqual([]);
});

it("a Redis that hangs does not fill the memory with what it should store", async () => {
  const redis = await freshRedis();
  const link = await openFaultyLink(redis.port);
  const body = Buffer.alloc(256 * 1024, "x");
  const origin = await startOrigin((_, response) => {
    response.writeHead(200, { "Cache-Control": "max-age=3600", "Content-Length": body.length }).end(body);
  });
  const program = await startProgram({
    ORIGINS: origin.url,
    REDIS_URL: `redis://127.0.0.1:${link.port}`,
    CACHE_MEMORY_BYTES: "0",
  });
  let n = 0;
  const askAll = (count: number) =>
    Promise.all(
      Array.from({ length: 8 }, async () => {
        for (const end = n + count; n < end; ) {
          const { status } = await ask(`http://127.0.0.1:${program.port}/${n++}`);
          expect(status).toBe(200);
        }
      }),
    );
  await askAll(400);
  const before = residentBytes(program);
  await link.breakBy({ hangs: true });
  // A quarter of a gigabyte that nobody takes.
  await askAll(1000);
  expect(residentBytes(program) - before).toBeLessThan(96 * MiB);
});

it("a proxy that is killed in the middle of storing leaves no half entry behind", async () => {
  const redis = await freshRedis();
  const origin = await startVersions();
  const settings = {
    ORIGINS: origin.url,
    REDIS_URL: redis.url,
    CACHE_MEMORY_BYTES: "0",
    CACHE_CHUNK_BYTES: "16KiB",
    ...IN_TIME,
  };
  const urls = Array.from({ length: 200 }, (_, i) => `/large/${i}`);
  const first = await startSharing(settings);
  const asked = urls.map((url) => ask(`http://127.0.0.1:${first.port}${url}`).catch(() => undefined));
  await until("some are stored", async () => Number(await redis.command("DBSIZE")) > 200);
  first.child.kill("SIGKILL");
  await Promise.all(asked);

  const second = await startSharing(settings);
  const load = startLoad(second.port, urls);
  await until("each was asked for", () => load.answers.length >= 2 * urls.length, 30_000);
  await load.stop();
  expect(load.answers.flatMap(({ wrong }) => wrong ?? [])).toEqual([]);
  expect(load.answers.some(({ hit }) => hit)).toBe(true);
});
