import { expect, it } from "vitest";
import { redisOfFile } from "../redis-of-file.ts";
import { until } from "../until.ts";
import { startOrigin } from "./own-origin.ts";
import { runProgram, startProgram } from "./program.ts";
import { ask, IN_TIME } from "./site.ts";

const redis = await redisOfFile();

/** Two programs on one Redis: one alone, and one with two workers. */
async function aFleet(namespace: string) {
  const { url } = await startOrigin((_incoming, response) => {
    response.setHeader("Cache-Control", "max-age=600");
    response.end("x".repeat(2048));
  });
  const settings = { ORIGINS: url, REDIS_URL: redis.url, CACHE_NAMESPACE: namespace, ...IN_TIME };
  const programs = await Promise.all([
    startProgram(settings),
    startProgram({ ...settings, WORKERS: "2", CACHE_MEMORY_BYTES: "64MiB" }),
  ]);
  const admins = programs.map(({ adminPort }) => `http://127.0.0.1:${adminPort}`);
  let asked = 0;
  const get = (program: number, path: string) => {
    asked++;
    return ask(`http://127.0.0.1:${programs[program]?.port}${path}`, { headers: { Host: "shop.example" } });
  };
  return { programs, admins, get, asked: () => asked, words: admins.flatMap((admin) => ["--admin", admin]) };
}

it("tail, top, hist and stat join programs that share a Redis, workers among them", async () => {
  const { admins, get, asked, words } = await aFleet("watched");
  const tail = runProgram(["tail", "--json", "-q", "url~/article", ...words], {});
  const heard = () =>
    tail
      .out()
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { admin: string; worker?: number; url: string; id: string });
  const [one, two] = admins.map((admin) => new URL(admin).host);
  const from = (admin: string | undefined, worker?: number) =>
    heard().some((answer) => answer.admin === admin && answer.worker === worker);
  await until(
    "it hears all three processes",
    async () => {
      for (const program of [0, 1]) await get(program, "/article");
      return from(one) && from(two, 1) && from(two, 2);
    },
    30_000,
  );
  tail.child.kill("SIGINT");
  expect(await tail.exited).toBe(0);

  const counted = { requests: 0, hits: 0, misses: 0 };
  await until("all is counted", async () => {
    Object.assign(counted, { requests: 0, hits: 0, misses: 0 });
    for (const admin of admins) {
      const stats = (await ask(`${admin}/stats`)).json<typeof counted>();
      expect(stats.requests).toBeGreaterThan(0);
      for (const name of ["requests", "hits", "misses"] as const) counted[name] += stats[name];
    }
    return counted.requests === asked();
  });
  const once = async (command: string) => {
    const program = runProgram([command, "--once", "--json", ...words], {});
    expect(await program.exited).toBe(0);
    return JSON.parse(program.out());
  };
  const [top, hist, stat] = await Promise.all(["top", "hist", "stat"].map(once));
  expect(top.hot).toEqual([{ url: "http://shop.example/article", count: asked() }]);
  expect([hist.hits.count, hist.misses.count]).toEqual([counted.hits, counted.misses]);
  expect(stat.total).toMatchObject(counted);
});

it("explain tells of every process, whichever program is asked", async () => {
  const { programs, admins, get } = await aFleet("explained");
  await get(0, "/article");
  const explain = async (admin: string | undefined) => {
    const program = runProgram(["explain", "http://shop.example/article"], {
      ADMIN_PORT: new URL(admin ?? "").port,
    });
    expect([await program.exited, program.err()]).toEqual([0, ""]);
    return program.out();
  };
  /** `name: tiers`, without names. */
  const tiersIn = (said: string) =>
    [...(/^instances +(.*)$/m.exec(said)?.[1] ?? "").matchAll(/\S+: ([^|]*?)(?: \||$)/g)].map(
      ([, tiers]) => tiers,
    );
  for (const admin of admins) {
    let said = "";
    const told = async () => {
      said = await explain(admin);
      return tiersIn(said).toSorted().join() === "memory and redis,redis,redis";
    };
    await until(() => `all three are told of: ${said}`, told, 30_000);
    const names = [...said.matchAll(/(\S+): (?:memory and )?redis/g)].map(([, name]) => name);
    expect(new Set(names).size).toBe(3);
  }
  // One of them stops being heard, and says no goodbye.
  programs[0]?.child.kill("SIGKILL");
  await until("it is named as one that does not answer", async () =>
    /no answer/.test(await explain(admins[1])),
  );
});
