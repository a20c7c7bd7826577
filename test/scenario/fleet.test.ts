import type { ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { redisOfFile } from "../redis-of-file.ts";
import { startRedis } from "../redis-server.ts";
import { get, HOST, PATIENT, type Settings, startFleet as startFleetOn } from "./fleet.ts";
import { startOrigin } from "./own-origin.ts";
import { startSharing } from "./program.ts";
import { type Answer, ask, type Site, startSite } from "./site.ts";

const redis = await redisOfFile();

const CACHEABLE = { "Cache-Control": "max-age=60" };

const startFleet = (size: number, settings?: Settings) => startFleetOn(redis, size, settings);
const many = (n: number, make: () => Promise<Answer>) => Promise.all(Array.from({ length: n }, make));
const countBy = (values: readonly (string | undefined)[]) => {
  const counts: Record<string, number> = {};
  for (const value of values) counts[String(value)] = (counts[String(value)] ?? 0) + 1;
  return counts;
};

describe("one cold key, many instances", () => {
  it("4 instances × 250 clients cost one request, and followers elsewhere are woken by message", async () => {
    const { sites, held, asked, waiting, requests } = await startFleet(4);
    const body = "x".repeat(100_000);
    const doneAt: number[] = [];
    const clients = sites.map((site) =>
      many(250, async () => {
        const answer = await get(site, "/page");
        doneAt.push(performance.now());
        return answer;
      }),
    );
    await asked(1);
    await waiting("/page", 3);
    held[0]!.writeHead(200, CACHEABLE).end(body);
    const endedAt = performance.now();
    const answers = (await Promise.all(clients)).flat();
    expect(requests).toHaveLength(1);
    expect(countBy(answers.map(({ text }) => String(text === body)))).toEqual({ true: 1000 });
    // Late ones may have found it in the store.
    const words = countBy(answers.map(({ cache }) => cache));
    expect((words["MISS/MISS"] ?? 0) + (words["HIT/HIT"] ?? 0)).toBe(1000);
    const collapsed = answers.filter((answer) => answer.header("cache-status")?.endsWith("; collapsed"));
    expect(collapsed.length).toBeGreaterThanOrEqual(3);
    // Far less than the lease's end or anybody's patience.
    expect(Math.max(...doneAt) - endedAt).toBeLessThan(15_000);
  });

  it("a fast origin is asked once, whenever the others come", async () => {
    const { sites, held, requests } = await startFleet(4);
    const answering = setInterval(() => held.splice(0).map((it) => it.writeHead(200, CACHEABLE).end("x")), 1);
    onTestFinished(() => clearInterval(answering));
    for (let round = 0; round < 20; round++) {
      const path = `/fast/${round}`;
      await Promise.all(
        sites.flatMap((site, i) =>
          [0, 1, 2].map(async (n) => {
            await new Promise((resolve) => setTimeout(resolve, (i + n * round) % 7));
            return get(site, path);
          }),
        ),
      );
    }
    expect(requests).toHaveLength(20);
  });

  it("what is answered is said to be another's fetch, and is found in the store from then on", async () => {
    const { sites, held, asked, waiting } = await startFleet(2);
    const [a, b] = sites;
    const first = get(a, "/page");
    await asked(1);
    const second = get(b, "/page");
    await waiting("/page", 1);
    held[0]!.writeHead(200, { ...CACHEABLE, ETag: '"1"' }).end("page");
    expect((await first).header("cache-status")).toBe("freshline; fwd=uri-miss; fwd-status=200; stored");
    const answer = await second;
    expect([answer.status, answer.cache, answer.text]).toEqual([200, "MISS/MISS", "page"]);
    expect(answer.header("cache-status")).toBe("freshline; fwd=uri-miss; collapsed");
    expect(answer.header("etag")).toBe('"1"');
    expect((await b.admin("/stats")).json()).toMatchObject({ coalesced: 1 });
    expect((await get(b, "/page")).cache).toBe("HIT/HIT");
  });

  it("two instances ask for two variants, and then each has both", async () => {
    const { sites, held, asked, waiting } = await startFleet(2);
    const [a, b] = sites;
    const german = get(a, "/page", { "Accept-Language": "de" });
    await asked(1);
    const english = many(3, () => get(b, "/page", { "Accept-Language": "en" }));
    await waiting("/page", 1);
    const head = { ...CACHEABLE, Vary: "Accept-Language" };
    held[0]!.writeHead(200, head).end("de");
    await asked(2);
    held[1]!.writeHead(200, head).end("en");
    expect((await german).text).toBe("de");
    expect((await english).map(({ text }) => text)).toEqual(["en", "en", "en"]);
    await a.until("both are stored", () => b.events.some((event) => event.type === "stored"));
    for (const site of sites)
      for (const language of ["de", "en"]) {
        const answer = await get(site, "/page", { "Accept-Language": language });
        expect([answer.cache, answer.text]).toEqual(["HIT/HIT", language]);
      }
    expect(held).toHaveLength(2);
  });

  it("who asks with Authorization, for a part or with HEAD waits for nobody", async () => {
    const { sites, held, asked } = await startFleet(2);
    const [a, b] = sites;
    const first = get(a, "/page");
    await asked(1);
    const others = [
      get(b, "/page", { Authorization: "Basic eDp5" }),
      get(b, "/page", { Range: "bytes=0-0" }),
      b.ask("/page", { method: "HEAD", headers: HOST }),
    ];
    await asked(4);
    for (const response of held) response.writeHead(200, CACHEABLE).end();
    for (const answer of [first, ...others]) expect((await answer).status).toBe(200);
  });
});

describe("a leader that is not as it should be", () => {
  it("killed in the middle, it is replaced within the lease's end", async () => {
    const fleet = await startFleet(2, { LEASE_TTL: "2s", COALESCE_PATIENCE: "60s" });
    const { sites, held, asked, waiting, settings } = fleet;
    const leader = await startSharing({ ...settings, REDIS_URL: redis.url, LOG_LEVEL: "silent" });
    const killed = ask(`http://127.0.0.1:${leader.port}/page`, { headers: HOST }).catch(() => "gone");
    await asked(1);
    const followers = sites.map((site) => many(5, () => get(site, "/page")));
    await waiting("/page", 2);
    leader.child.kill("SIGKILL");
    const killedAt = performance.now();
    await asked(2);
    // The lease's end, and time for a slow machine.
    expect(performance.now() - killedAt).toBeLessThan(2000 + 5000);
    expect(await killed).toBe("gone");
    await waiting("/page", 1);
    held[1]!.writeHead(200, CACHEABLE).end("page");
    const answers = (await Promise.all(followers)).flat();
    expect(countBy(answers.map(({ text }) => text))).toEqual({ page: 10 });
    expect(held).toHaveLength(2);
  });

  it("slower than its lease lives, it keeps it: one request", async () => {
    // It is kept three times in a life: a machine may be busy for two of those three.
    const { sites, held, asked } = await startFleet(3, { LEASE_TTL: "3s", COALESCE_PATIENCE: "60s" });
    const clients = sites.map((site) => get(site, "/page"));
    await asked(1);
    const startedAt = performance.now();
    await sites[0].until("two lives have passed", () => performance.now() - startedAt > 6500);
    expect(held).toHaveLength(1);
    held[0]!.writeHead(200, CACHEABLE).end("page");
    for (const answer of clients) expect((await answer).text).toBe("page");
    expect(held).toHaveLength(1);
  });

  it("overdue, it is joined by others, three in all, and the first answer is everybody's", async () => {
    const { sites, held, asked } = await startFleet(4, { LEASE_TTL: "60s", COALESCE_PATIENCE: "300ms" });
    let done = 0;
    const clients = sites.map((site) => many(10, () => get(site, "/page").finally(() => done++)));
    await asked(3);
    const startedAt = performance.now();
    await sites[0].until("patience has ended often", () => performance.now() - startedAt > 1500);
    expect(held).toHaveLength(3);
    held[2]!.writeHead(200, CACHEABLE).end("page");
    // All but those whose own requests the other two are.
    await sites[0].until("they have it", () => done >= 38);
    for (const response of held.slice(0, 2)) response.writeHead(200, CACHEABLE).end("page");
    const answers = (await Promise.all(clients)).flat();
    expect(countBy(answers.map(({ text }) => text))).toEqual({ page: 40 });
    expect(held).toHaveLength(3);
  });

  it("with a body that takes long, nobody elsewhere waits for its end", async () => {
    const { sites, held, asked } = await startFleet(4, { LEASE_TTL: "300ms", COALESCE_PATIENCE: "200ms" });
    const clients = sites.map((site) => get(site, "/page"));
    for (let n = 1; n <= 4; n++) {
      await asked(n);
      held[n - 1]!.writeHead(200, CACHEABLE).write("first ");
    }
    for (const response of held) response.end("last");
    for (const answer of clients) expect((await answer).text).toBe("first last");
  });

  it.each([
    { fails: "soon", ms: 0, leaders: 3 },
    { fails: "after half a second", ms: 500, leaders: 2 },
  ])(
    "with an origin that fails $fails, a thousand clients cost it $leaders requests",
    async ({ ms, leaders }) => {
      let elapsed = 0;
      const { sites, held, waiting } = await startFleetOn(redis, 4, PATIENT, { elapsed: () => elapsed });
      const [a] = sites;
      const answering = setInterval(() => {
        for (const response of held) if (response.req.url === "/last") response.end();
      }, 5);
      onTestFinished(() => clearInterval(answering));
      const clients = sites.map((site) => many(250, () => get(site, "/page")));
      // Who comes after them is answered when they have all joined.
      for (let i = 0; i < 2; i++)
        await Promise.all(sites.map((site) => get(site, "/last", { Authorization: "Basic eDp5" })));
      const pages = () => held.filter(({ req }) => req.url === "/page");
      for (let n = 1; n <= leaders; n++) {
        await a.until(`${n} have led`, () => pages().length === n);
        await waiting("/page", 3);
        elapsed += ms;
        pages()[n - 1]!.writeHead(503).end();
      }
      const statuses = countBy((await Promise.all(clients)).flat().map(({ status }) => String(status)));
      // Those who led have the origin's own words.
      expect(statuses).toEqual({ 502: 1000 - leaders, 503: leaders });
      expect(pages()).toHaveLength(leaders);
    },
  );

  it("of a body that breaks off, it is replaced, and nobody elsewhere has half of it", async () => {
    const { sites, held, asked, waiting } = await startFleet(2);
    const [a, b] = sites;
    const broken = get(a, "/page").catch(() => "broken");
    await asked(1);
    const whole = get(b, "/page");
    await waiting("/page", 1);
    held[0]!.writeHead(200, { ...CACHEABLE, "Content-Length": "100" }).write("half");
    held[0]!.flushHeaders();
    held[0]!.socket?.destroySoon();
    await asked(2);
    held[1]!.writeHead(200, CACHEABLE).end("whole");
    expect((await whole).text).toBe("whole");
    expect(await broken).toBe("broken");
  });
});

describe("what may not be shared", () => {
  it("lets everybody go alone, and nobody queues the second time", async () => {
    const { sites, held, asked, waiting, leaseOf } = await startFleet(3);
    const clients = sites.map((site) => many(3, () => get(site, "/login")));
    await asked(1);
    await waiting("/login", 2);
    const answer = (response: ServerResponse) =>
      response.writeHead(200, { ...CACHEABLE, "Set-Cookie": `n=${held.indexOf(response)}` }).end();
    answer(held[0]!);
    await asked(9);
    held.slice(1).map(answer);
    const cookies = (await Promise.all(clients)).flat().map((it) => it.header("set-cookie"));
    expect(new Set(cookies).size).toBe(9);
    await redis.command("DEL", leaseOf("/login"));
    const again = sites.map((site) => get(site, "/login"));
    await asked(12);
    held.slice(9).map(answer);
    await Promise.all(again);
    expect(await redis.command("EXISTS", leaseOf("/login"))).toBe(0);
  });

  it("too large to be stored, it is fetched by each, and nobody waits for its end", async () => {
    const { sites, held, asked, waiting } = await startFleet(2, {
      ...PATIENT,
      CACHE_MAX_OBJECT_BYTES: "1000",
    });
    const [a, b] = sites;
    const first = get(a, "/large");
    await asked(1);
    const second = get(b, "/large");
    await waiting("/large", 1);
    held[0]!.writeHead(200, CACHEABLE).write("x".repeat(2000));
    await asked(2);
    for (const response of held) {
      if (!response.headersSent) response.writeHead(200, CACHEABLE).write("x".repeat(2000));
      response.end();
    }
    for (const answer of [first, second]) expect((await answer).text).toHaveLength(2000);
  });
});

describe("what is stale", () => {
  it("is refreshed in the background once in the fleet", async () => {
    const { sites, held, asked } = await startFleet(4);
    const [a] = sites;
    const head = { "Cache-Control": "max-age=5, stale-while-revalidate=600" };
    const first = get(a, "/page");
    await asked(1);
    held[0]!.writeHead(200, head).end("old");
    await first;
    await a.until("it is stored", () => a.events.some((event) => event.type === "stored"));
    for (const site of sites) expect((await get(site, "/page")).cache).toBe("HIT/HIT");
    for (let round = 1; round <= 3; round++) {
      a.advance(6);
      const answers = (await Promise.all(sites.map((site) => many(20, () => get(site, "/page"))))).flat();
      expect(countBy(answers.map(({ cache }) => cache))).toEqual({ "HIT/UPDATING": 80 });
      await asked(round + 1);
      // The origin's clock is the proxies'.
      const date = new Date(Date.now() + a.clock.addedMs).toUTCString();
      held[round]!.writeHead(200, { ...head, Date: date }).end(`new ${round}`);
      await a.until("everybody has it", async () => {
        const now = await Promise.all(sites.map((site) => get(site, "/page")));
        return now.every(({ cache, text }) => cache === "HIT/HIT" && text === `new ${round}`);
      });
      expect(held).toHaveLength(round + 1);
    }
  });

  it("is validated once for all who cannot use it", async () => {
    const { sites, held, asked, waiting } = await startFleet(3);
    const [a, b, c] = sites as [Site, Site, Site];
    const head = { "Cache-Control": "max-age=5, must-revalidate", ETag: '"1"' };
    const first = get(a, "/page");
    await asked(1);
    held[0]!.writeHead(200, head).end("page");
    await first;
    await a.until("it is stored", () => a.events.some((event) => event.type === "stored"));
    for (const site of sites) await get(site, "/page");
    a.advance(6);
    const clients = [get(a, "/page")];
    await asked(2);
    clients.push(get(b, "/page"), get(c, "/page"));
    await waiting("/page", 2);
    expect(held[1]!.req.headers["if-none-match"]).toBe('"1"');
    held[1]!.writeHead(304, head).end();
    for (const client of clients) {
      const { cache, text } = await client;
      expect([cache, text]).toEqual(["HIT/REVALIDATED", "page"]);
    }
    expect(held).toHaveLength(2);
  });

  it("is served when the leader elsewhere fails", async () => {
    const { sites, held, asked, waiting } = await startFleet(2);
    const [a, b] = sites;
    const first = get(a, "/page");
    await asked(1);
    held[0]!.writeHead(200, { "Cache-Control": "max-age=5, stale-if-error=600" }).end("page");
    await first;
    await a.until("it is stored", () => a.events.some((event) => event.type === "stored"));
    await get(b, "/page");
    a.advance(6);
    const second = get(a, "/page");
    await asked(2);
    const third = get(b, "/page");
    await waiting("/page", 1);
    held[1]!.writeHead(503).end();
    for (const answer of [second, third]) expect((await answer).cache).toBe("HIT/STALE");
    expect(held).toHaveLength(2);
  });

  it("for all who waited when it came (max-age=0), it is still an answer", async () => {
    const { sites, held, asked, waiting } = await startFleet(2);
    const [a, b] = sites;
    const first = get(a, "/page");
    await asked(1);
    const second = many(3, () => get(b, "/page"));
    await waiting("/page", 1);
    held[0]!.writeHead(200, { "Cache-Control": "no-cache", ETag: '"1"' }).end("page");
    expect((await first).text).toBe("page");
    expect((await second).map(({ text }) => text)).toEqual(["page", "page", "page"]);
    expect(held).toHaveLength(1);
  });
});

describe("a purge while others wait", () => {
  it.each(["delete", "invalidate"])(
    "(%s) leaves nobody who asks later, and nobody elsewhere, the old body",
    async (mode) => {
      const { sites, held, asked, waiting } = await startFleet(3);
      const [a, b, c] = sites as [Site, Site, Site];
      const first = get(a, "/page");
      await asked(1);
      const second = get(b, "/page");
      await waiting("/page", 1);
      const purge = { urls: ["http://shop.test/page"], mode };
      const receipt = await c.admin("/purge", { method: "POST", body: JSON.stringify(purge) });
      expect(receipt.json()).toMatchObject({ instances: 3, acked: 3 });
      const later = [get(b, "/page"), get(c, "/page")];
      await waiting("/page", 2);
      held[0]!.writeHead(200, CACHEABLE).end("old");
      expect((await first).text).toBe("old");
      await asked(2);
      held[1]!.writeHead(200, CACHEABLE).end("new");
      for (const answer of [second, ...later]) expect((await answer).text).toBe("new");
      expect(held).toHaveLength(2);
      for (const site of sites) {
        const { cache, text } = await get(site, "/page");
        expect([cache, text]).toEqual(["HIT/HIT", "new"]);
      }
    },
  );
});

describe("a Redis that is not as it should be", () => {
  it("hanging in the middle, it keeps nobody waiting", async () => {
    const own = await startRedis();
    onTestFinished(() => own[Symbol.asyncDispose]());
    const held: ServerResponse[] = [];
    const origin = await startOrigin((_request, response) => held.push(response));
    const settings: Settings = { ORIGINS: origin.url, ...PATIENT, REDIS_COMMAND_TIMEOUT: "250ms" };
    const a = await startSite({ settings, redisUrl: own.url });
    const b = await startSite({ settings, redisUrl: own.url, beside: a });
    const first = get(a, "/page");
    await a.until("the leader has asked", () => held.length === 1);
    const second = get(b, "/page");
    const lease = "freshline:lease:{http://shop.test/page}";
    await a.until("the other waits", async () => Number(await own.command("HLEN", lease)) === 4);
    process.kill(own.pid, "SIGSTOP");
    onTestFinished(() => void process.kill(own.pid, "SIGCONT"));
    const answering = setInterval(() => {
      for (const response of held.splice(0)) response.writeHead(200, CACHEABLE).end("page");
    }, 5);
    onTestFinished(() => clearInterval(answering));
    const startedAt = performance.now();
    expect([(await first).text, (await second).text]).toEqual(["page", "page"]);
    expect((await get(b, "/other")).text).toBe("page");
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  });

  it("that forgets scripts and leases costs a request more, and no error", async () => {
    const { sites, held, asked, waiting } = await startFleet(2);
    const [a, b] = sites;
    const first = get(a, "/page");
    await asked(1);
    await redis.command("SCRIPT", "FLUSH");
    const second = get(b, "/page");
    await waiting("/page", 1);
    await redis.command("SCRIPT", "FLUSH");
    held[0]!.writeHead(200, CACHEABLE).end("page");
    for (const answer of [first, second]) expect((await answer).text).toBe("page");
    expect(held).toHaveLength(1);
  });

  it("of which another type is under the lease's key is put right", async () => {
    const { sites, held, asked, waiting, leaseOf } = await startFleet(2);
    const [a, b] = sites;
    await redis.command("SET", leaseOf("/page"), "x");
    const first = get(a, "/page");
    await asked(1);
    const second = get(b, "/page");
    await waiting("/page", 1);
    held[0]!.writeHead(200, CACHEABLE).end("page");
    for (const answer of [first, second]) expect((await answer).text).toBe("page");
    expect(held).toHaveLength(1);
  });

  it("full, it makes each instance ask for itself", async () => {
    const { sites, held } = await startFleet(2);
    await redis.command("CONFIG", "SET", "maxmemory", "1");
    onTestFinished(() => redis.command("CONFIG", "SET", "maxmemory", "0").then(() => {}));
    const answering = setInterval(() => {
      for (const response of held.splice(0)) response.writeHead(200, CACHEABLE).end("page");
    }, 5);
    onTestFinished(() => clearInterval(answering));
    const answers = (await Promise.all(sites.map((site) => many(10, () => get(site, "/page"))))).flat();
    expect(countBy(answers.map(({ text }) => text))).toEqual({ page: 20 });
  });
});

it("an instance that stops leaves nobody waiting", async () => {
  const { sites, held, asked, waiting } = await startFleet(2, { ...PATIENT, SHUTDOWN_TIMEOUT: "100ms" });
  const [a, b] = sites;
  const first = get(a, "/page").catch(() => "gone");
  await asked(1);
  const second = get(b, "/page");
  await waiting("/page", 1);
  await a.proxy.stop();
  await asked(2);
  held[1]!.writeHead(200, CACHEABLE).end("page");
  expect((await second).text).toBe("page");
  await first;
});

it("without Redis there is no lease to wait for", async () => {
  const origin = await startOrigin((_request, response) => response.writeHead(200, CACHEABLE).end("page"));
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  expect((await get(site, "/page")).cache).toBe("MISS/MISS");
  expect((await get(site, "/page")).cache).toBe("HIT/HIT");
});
