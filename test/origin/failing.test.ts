import { beforeEach, describe, expect, it } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import type { OriginPool, OriginPoolOptions } from "../../src/origin/pool.ts";
import { until } from "../until.ts";
import { type AnOrigin, anOrigin } from "./an-origin.ts";
import { aPool, get, never, readAll, rejection } from "./asking.ts";
import { type Connection, OK } from "./raw-server.ts";

let events: CacheEvent[] = [];
let at = 0;
beforeEach(() => {
  events = [];
  at = 1_000_000;
});

const status =
  (code: number) =>
  ({ socket }: Connection) =>
    void socket.write(`HTTP/1.1 ${code} X\r\nContent-Length: 0\r\n\r\n`);
const good = ({ socket }: Connection) => void socket.write(OK);
const silent = () => {};
const reset = ({ socket }: Connection) => void socket.resetAndDestroy();

async function poolOf(origins: readonly AnOrigin[], options: Partial<OriginPoolOptions> = {}) {
  const urls = origins.map(({ url }) => url);
  const pool = aPool(urls, { emit: (event) => events.push(event), elapsed: () => at, ...options });
  await pool.ready;
  return pool;
}

/** How it ended: the status, or the code of the error. */
async function sent(pool: OriginPool, request = get()): Promise<unknown> {
  try {
    const response = await pool.send(request, never());
    await readAll(response.body);
    return response.status;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}
const sentTimes = (pool: OriginPool, times: number) =>
  Promise.all(Array.from({ length: times }, () => sent(pool)));
const changes = () => events.flatMap((event) => (event.type === "origin-health" ? [event.healthy] : []));

describe("the only origin, silent while its health check is good,", () => {
  const silentOne = async () => {
    const origin = await anOrigin(silent);
    const pool = await poolOf([origin], { headersTimeoutMs: 100 });
    expect(await sentTimes(pool, 5)).toEqual(Array(5).fill("timeout"));
    return { origin, pool };
  };

  it("is asked no more after five requests in a row, and those who ask hear so at once", async () => {
    const { origin, pool } = await silentOne();
    expect(await sentTimes(pool, 50)).toEqual(Array(50).fill("no-healthy-origin"));
    expect(origin.asked).toHaveLength(5);
    expect(pool.anyHealthy()).toBe(false);
    expect(changes()).toEqual([false]);
    expect(pool.states()).toMatchObject([
      {
        ...{ healthy: false, detail: "left 5 requests in a row unanswered", inFlight: 0 },
        ...{ breakerOpen: true, breakerOpens: 1 },
      },
    ]);
    await pool.checkAll();
    expect(pool.anyHealthy()).toBe(false);
  });

  it("is asked by one after a second, and by all when that one is answered", async () => {
    const { origin, pool } = await silentOne();
    origin.answer = good;
    at += 999;
    expect(await sent(pool)).toBe("no-healthy-origin");
    at += 1;
    const [trial, ...others] = await sentTimes(pool, 10);
    expect(trial).toBe(200);
    expect(others).toEqual(Array(9).fill("no-healthy-origin"));
    expect(await sentTimes(pool, 5)).toEqual(Array(5).fill(200));
    expect(changes()).toEqual([false, true]);
    const [state] = pool.states();
    expect([state?.breakerOpen, state?.breakerOpens]).toEqual([undefined, 1]);
  });

  it("is asked by all when its check was bad, and is good", async () => {
    const { origin, pool } = await silentOne();
    origin.health = "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n";
    await pool.checkAll();
    origin.answer = good;
    origin.health = OK;
    await pool.checkAll();
    expect(await sentTimes(pool, 5)).toEqual(Array(5).fill(200));
    expect(changes()).toEqual([false, true]);
  });
});

it("an origin with one slow URL is asked for the others", async () => {
  const origin = await anOrigin((connection, head) => {
    if (!head.includes("/slow")) good(connection);
  });
  const pool = await poolOf([origin], { headersTimeoutMs: 100 });
  for (let i = 0; i < 3; i++) {
    const slow = Promise.all(Array.from({ length: 5 }, () => sent(pool, get("/slow"))));
    at += 50;
    expect(await sent(pool)).toBe(200);
    at += 50;
    expect(await slow).toEqual(Array(5).fill("timeout"));
  }
  expect(changes()).toEqual([]);
});

it("errors of the only origin come through, however many they are", async () => {
  const origin = await anOrigin(status(503));
  const pool = await poolOf([origin]);
  for (let i = 0; i < 20; i++) expect(await sent(pool)).toBe(503);
  origin.answer = reset;
  for (let i = 0; i < 20; i++) expect(await sent(pool)).toBe("reset");
  expect(pool.anyHealthy()).toBe(true);
});

describe("one of two origins", () => {
  it.each([
    ["server errors", status(500)],
    ["resets", reset],
  ])(
    "that fails with %s five times in a row gets no turn for ten seconds, and then one",
    async (_how, fail) => {
      const bad = await anOrigin(fail);
      const other = await anOrigin();
      const pool = await poolOf([bad, other]);
      const ask = async (times: number) => {
        for (let i = 0; i < times; i++) await sent(pool);
        return bad.asked.length;
      };
      expect(await ask(30)).toBe(5);
      expect(pool.states()).toMatchObject([
        { healthy: true, ejected: true, ejections: 1 },
        { healthy: true, ejections: 0 },
      ]);
      const detail = "failed 5 times in a row";
      const told = { type: "origin-ejected", origin: bad.url, forMs: 10_000, detail } as const;
      expect(events.filter(({ type }) => type === "origin-ejected")).toEqual([told]);
      at += 9999;
      expect(await ask(30)).toBe(5);
      at += 5001;
      // It is back, and out again at its first failure.
      expect(await ask(30)).toBe(6);
      at += 20_000;
      bad.answer = good;
      expect(await ask(30)).toBe(21);
      expect(pool.states()[0]).toMatchObject({ ejections: 2 });
      expect(pool.states()[0]?.ejected).toBeUndefined();
    },
  );

  it("stays in turn when the other is out, whatever both answer", async () => {
    const both = [await anOrigin(status(503)), await anOrigin(status(503))];
    const pool = await poolOf(both);
    for (let i = 0; i < 40; i++) expect(await sent(pool)).toBe(503);
    expect(pool.states().filter(({ ejected }) => ejected)).toHaveLength(1);
  });

  it("is asked while it is out when the other is down", async () => {
    const bad = await anOrigin(status(500));
    const other = await anOrigin();
    const pool = await poolOf([bad, other]);
    for (let i = 0; i < 20; i++) await sent(pool);
    other.health = "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n";
    await pool.checkAll();
    expect(await sent(pool)).toBe(500);
  });

  it("is not blamed for uploads that its clients break off", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("x");
      throw new Error("the client left");
    }
    const both = [await anOrigin(silent), await anOrigin(silent)];
    const pool = await poolOf(both);
    for (let i = 0; i < 20; i++) {
      const upload = { ...get(), method: "POST", body: { stream: broken(), length: 5 } };
      expect(await rejection(pool.send(upload, never()))).toMatchObject({ code: "reset" });
    }
    expect(pool.states().some(({ ejected }) => ejected)).toBe(false);
  });

  it("gets a share that grows when it comes back, of what the other has", async () => {
    const both = [await anOrigin(silent), await anOrigin(silent)] as const;
    const pool = await poolOf(both, { connections: 200, headersTimeoutMs: 30_000 });
    const leaving = new AbortController();
    const asking: Promise<unknown>[] = [];
    const ask = (times: number) => {
      for (let i = 0; i < times; i++) asking.push(rejection(pool.send(get(), leaving.signal)));
    };
    const [back] = both;
    back.health = "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n";
    await pool.checkAll();
    ask(50);
    back.health = OK;
    await pool.checkAll();
    const has: unknown[] = [];
    for (const ms of [0, 5000, 5000]) {
      at += ms;
      ask(50);
      has.push(pool.states().map(({ inFlight }) => inFlight));
    }
    // A tenth of what the other has, a half, and then as many as the other.
    expect(has).toEqual([
      [9, 91],
      [50, 100],
      [100, 100],
    ]);
    leaving.abort(new Error("enough"));
    await Promise.all(asking);
  });

  it("that has come back gets its turns when requests come one by one", async () => {
    const both = [await anOrigin(), await anOrigin()] as const;
    const pool = await poolOf(both);
    both[0].health = "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n";
    await pool.checkAll();
    both[0].health = OK;
    await pool.checkAll();
    for (let i = 0; i < 20; i++) await sent(pool);
    expect(both.map(({ asked }) => asked.length)).toEqual([10, 10]);
  });
});

describe("second tries", () => {
  it("are no more than ten for a hundred requests", async () => {
    const origins = [await anOrigin(reset), await anOrigin(reset)];
    const pool = await poolOf(origins, { ejectAfter: 0 });
    for (let i = 0; i < 200; i++) expect(await sent(pool)).toBe("reset");
    expect(origins.flatMap(({ asked }) => asked)).toHaveLength(220);
  });

  it("of requests that had reached nobody have no bound but their number", async () => {
    const gone = await anOrigin();
    const other = await anOrigin();
    const pool = await poolOf([gone, other], { retryPercent: 0, connections: 64 });
    await gone.close();
    expect(await sentTimes(pool, 60)).toEqual(Array(60).fill(200));
    expect(other.asked).toHaveLength(60);
  });
});

describe("hedging", () => {
  const hedging = (origins: readonly AnOrigin[], options: Partial<OriginPoolOptions> = {}) =>
    poolOf(origins, { hedgeAfterMs: 20, elapsed: performance.now.bind(performance), ...options });

  it("asks another origin for a GET that takes long, and cuts the slower one off", async () => {
    const slow = await anOrigin(silent);
    const quick = await anOrigin();
    const pool = await hedging([slow, quick]);
    const response = await pool.send(get("/x"), never());
    expect([response.status, response.origin]).toEqual([200, quick.url]);
    expect((await readAll(response.body)).toString()).toBe("ok");
    await until("the slower one is cut off", () => pool.states().every(({ inFlight }) => inFlight === 0));
    expect([slow.asked, quick.asked]).toEqual([["GET /x"], ["GET /x"]]);
    expect(events.filter(({ type }) => type === "origin-failed")).toEqual([]);
  });

  it("follows the first origin when that is quicker after all", async () => {
    const first = await anOrigin(silent);
    const second = await anOrigin(() => first.connections.at(-1)?.socket.write(OK));
    const pool = await hedging([first, second]);
    expect((await pool.send(get(), never())).origin).toBe(first.url);
  });

  it("is not done by default, for what is quick, for a POST, for what is one client's own, or without another origin", async () => {
    const hang = (pool: OriginPool, request = get()) => expect(sent(pool, request)).resolves.toBe("timeout");
    const short = { headersTimeoutMs: 150 };
    const origins = [await anOrigin(silent), await anOrigin()];
    const [slow, quick] = origins as [AnOrigin, AnOrigin];
    await hang(await hedging(origins, { ...short, hedgeAfterMs: 0 }));
    await hang(await hedging(origins, short), { ...get(), method: "POST" });
    await hang(await hedging(origins, short), get("/", ["Authorization", "Basic eA=="]));
    await hang(await hedging(origins, { ...short, retryPercent: 0 }));
    await hang(await hedging([slow], short));
    expect(await sent(await hedging([quick, slow]))).toBe(200);
    expect([slow.asked.length, quick.asked.length]).toEqual([5, 1]);
  });

  it("that fails twice is the first one's failure, and nobody else is asked", async () => {
    const first = await anOrigin((connection) => setTimeout(reset, 60, connection));
    const second = await anOrigin((connection) => setTimeout(reset, 10, connection));
    const third = await anOrigin();
    const pool = await hedging([first, second, third]);
    expect(await rejection(pool.send(get(), never()))).toMatchObject({ code: "reset", origin: first.url });
    expect(third.asked).toEqual([]);
  });

  it("ends with its client", async () => {
    const both = [await anOrigin(silent), await anOrigin(silent)];
    const pool = await hedging(both);
    const leaving = new AbortController();
    const answer = rejection(pool.send(get(), leaving.signal));
    await until("both are asked", () => both.every(({ asked }) => asked.length === 1));
    leaving.abort(new Error("left"));
    expect(await answer).toMatchObject({ message: "left" });
    await until("nothing is in flight", () => pool.states().every(({ inFlight }) => inFlight === 0));
  });
});
