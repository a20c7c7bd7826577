import { afterAll, describe, expect, it } from "vitest";
import { openFaultyLink } from "../faulty-link.ts";
import { type Program, startProgram } from "../scenario/program.ts";
import { answerOf, startRawOrigin } from "../scenario/raw-origin.ts";
import { type Answer, ask } from "../scenario/site.ts";
import { until } from "../until.ts";
import { freshRedis, stopRedis } from "./stage.ts";

afterAll(stopRedis);

const HOUR_MS = 3_600_000;
const JUMPS = [
  { name: "an hour ahead", ms: HOUR_MS },
  { name: "an hour back", ms: -HOUR_MS },
];

/** Every clock of the program that can be set jumps so far at SIGUSR2, and back at the next. */
const settable = (ms: number): string => `
  const Real = Date;
  let set = 0;
  globalThis.Date = class extends Real {
    constructor(...given) { given.length === 0 ? super(Real.now() + set) : super(...given); }
    static now() { return Real.now() + set; }
  };
  process.on('SIGUSR2', () => {
    set = set === 0 ? ${ms} : 0;
    console.log('the clock is set to ' + set);
  });
`;

/** A proxy whose clock jumps; its origin has none, so that what counts is the proxy's own. */
async function startJumping(ms: number, settings: Parameters<typeof startProgram>[0] = {}) {
  let version = 0;
  const held: (() => void)[] = [];
  const origin = await startRawOrigin(({ socket }, head) => {
    const seconds = /^GET \/for-(\d+)/.exec(head)?.[1] ?? "60";
    const answer = () =>
      socket.write(answerOf("200 OK", [`Cache-Control: max-age=${seconds}`], `version ${++version}`));
    if (head.startsWith("GET /held")) held.push(answer);
    else answer();
  });
  const program = await startProgram(
    { ORIGINS: origin.url, ORIGIN_TIMEOUT: "1s", LOG_FORMAT: "json", ...settings },
    { preload: encodeURIComponent(settable(ms)) },
  );
  const ages: number[] = [];
  return {
    program,
    held,
    ages,
    async get(path: string): Promise<Answer> {
      const answer = await ask(`http://127.0.0.1:${program.port}${path}`);
      const age = answer.header("age");
      if (age !== undefined) ages.push(Number(age));
      return answer;
    },
    jump: () => jump(program),
  };
}

async function jump({ child, out, says }: Program): Promise<void> {
  const jumps = out().split("the clock is set").length;
  child.kill("SIGUSR2");
  await says(new RegExp(`(?:the clock is set[^]*){${jumps}}`));
}

describe.each(JUMPS)("when the clock jumps $name", ({ ms }) => {
  it("nothing that is stored is older than nothing, or stays fresh for longer than it may", async () => {
    const { get, jump, ages } = await startJumping(ms);
    expect((await get("/for-60")).text).toBe("version 1");
    expect((await get("/for-60")).cache).toBe("HIT/HIT");
    await jump();
    // It is as old as an hour, or as nobody can tell.
    expect((await get("/for-60")).text).toBe("version 2");
    expect((await get("/for-60")).cache).toBe("HIT/HIT");
    await get("/for-1");
    await until("it is over", async () => (await get("/for-1")).cache !== "HIT/HIT");
    await jump();
    expect((await get("/for-60")).cache).not.toBe("HIT/HIT");
    expect((await get("/for-60")).cache).toBe("HIT/HIT");
    expect(ages.filter((age) => !(age >= 0 && age < 60))).toEqual([]);
  });

  it("whoever waits for an origin waits as long as before", async () => {
    const { get, jump, held, program } = await startJumping(ms);
    const startedAt = performance.now();
    const waiting = [get("/held-for-ever"), get("/held")];
    await until("they are at the origin", () => held.length === 2);
    await jump();
    for (const answer of held.slice(1)) answer();
    expect((await Promise.race(waiting)).status).toBe(200);
    expect((await Promise.all(waiting)).map(({ status }) => status).sort()).toEqual([200, 504]);
    expect(performance.now() - startedAt).toBeGreaterThan(900);
    const metrics = await ask(`http://127.0.0.1:${program.adminPort}/metrics`);
    const sums = [...metrics.text.matchAll(/^freshline_\w+_sum\{.*\} (\S+)$/gm)].map(([, sum]) =>
      Number(sum),
    );
    expect(sums.length).toBeGreaterThan(0);
    expect(sums.filter((sum) => sum < 0 || sum > 600)).toEqual([]);
  });

  it("while Redis is away, it is asked again within seconds all the same", async () => {
    const redis = await freshRedis();
    const link = await openFaultyLink(redis.port);
    const REDIS_URL = `redis://127.0.0.1:${link.port}`;
    const { get, jump, program } = await startJumping(ms, { REDIS_URL, CACHE_MEMORY_BYTES: "0" });
    const isHit = async () => (await get("/for-60")).cache === "HIT/HIT";
    await until("Redis answers", isHit);
    // Late enough that every command fails, and its connection does not: it is the breaker that waits.
    await link.breakBy({ delayMs: 500 });
    await until("Redis counts as away", async () => {
      await get("/for-60");
      return program.out().includes('"store down"');
    });
    await jump();
    await link.mend();
    await until("Redis answers again", isHit);
  });
});
