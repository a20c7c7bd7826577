import { beforeEach, describe, expect, it } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { OriginError } from "../../src/cache/ports/origin.ts";
import type { OriginPool, OriginPoolOptions } from "../../src/origin/pool.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { type AnOrigin, anOrigin } from "./an-origin.ts";
import { aPool, get, never, readAll, rejection } from "./asking.ts";
import type { Connection } from "./raw-server.ts";
import { OK } from "./raw-server.ts";

let events: CacheEvent[] = [];
let clock = 0;
beforeEach(() => {
  events = [];
  clock = 1_000_000;
});
const told = <T extends CacheEvent["type"]>(type: T) =>
  events.filter((event): event is Extract<CacheEvent, { type: T }> => event.type === type);

/** A pool whose first checks are still under way. */
const checkingPoolOf = (origins: readonly string[], options: Partial<OriginPoolOptions> = {}): OriginPool =>
  aPool(origins, { emit: (event) => events.push(event), now: () => clock, ...options });

async function poolOf(
  origins: readonly string[],
  options: Partial<OriginPoolOptions> = {},
): Promise<OriginPool> {
  const pool = checkingPoolOf(origins, options);
  await pool.ready;
  return pool;
}

/** An origin that answers like this, one that is well, and a pool that asks them in this order. */
async function badAndGood(answer: AnOrigin["answer"], options: Partial<OriginPoolOptions> = {}) {
  const bad = await anOrigin(answer);
  const good = await anOrigin();
  return { bad, good, pool: await poolOf([bad.url, good.url], options) };
}
const fetched = async (pool: OriginPool, request = get()) =>
  readAll((await pool.send(request, never())).body);
const healthOf = (pool: OriginPool) => pool.states().map(({ healthy }) => healthy);
const reset = ({ socket }: Connection) => socket.resetAndDestroy();

describe("healthy origins", () => {
  it("take turns", async () => {
    const origins = [await anOrigin(), await anOrigin(), await anOrigin()];
    const pool = await poolOf(origins.map(({ url }) => url));
    for (let i = 0; i < 9; i++) await fetched(pool);
    expect(origins.map(({ asked }) => asked.length)).toEqual([3, 3, 3]);
  });

  it("with less in flight are asked first", async () => {
    const { bad: slow, good: quick, pool } = await badAndGood(() => {});
    const leaving = new AbortController();
    const hanging = rejection(pool.send(get(), leaving.signal));
    await until("the slow one is asked", () => slow.asked.length === 1);
    for (let i = 0; i < 5; i++) await fetched(pool);
    expect([slow.asked.length, quick.asked.length]).toEqual([1, 5]);
    expect(pool.states().map(({ inFlight }) => inFlight)).toEqual([1, 0]);
    leaving.abort();
    await hanging;
  });

  it("are told of, with the time to the head", async () => {
    const origin = await anOrigin(({ socket }) => {
      clock += 250;
      socket.write("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
    });
    const pool = await poolOf([origin.url], { elapsed: () => clock });
    await fetched(pool);
    await fetched(pool, get("/", ["IF-None-Match", '"x"']));
    const answered = { type: "origin-answered", origin: origin.url, status: 503, headMs: 250 };
    expect(events).toEqual([
      { ...answered, conditional: false },
      { ...answered, conditional: true },
    ]);
  });

  it("count as healthy before their first check has ended", async () => {
    const origin = await anOrigin();
    origin.health = "";
    const pool = checkingPoolOf([origin.url]);
    expect(pool.anyHealthy()).toBe(true);
    expect(pool.states()).toEqual([
      {
        ...{ origin: origin.url, healthy: true, since: 1_000_000, detail: "not checked yet", inFlight: 0 },
        ...{ ejections: 0, breakerOpens: 0, history: [] },
      },
    ]);
    expect((await fetched(pool)).toString()).toBe("ok");
  });
});

describe("an origin that refuses a connection", () => {
  it("is out at once, told once, and a GET is answered by another", async () => {
    const origin = await anOrigin();
    const gone = await anOrigin();
    const pool = await poolOf([gone.url, origin.url]);
    await gone.close();
    clock += 5_000;
    expect((await fetched(pool)).toString()).toBe("ok");
    for (let i = 0; i < 4; i++) await fetched(pool);
    expect(origin.asked).toHaveLength(5);
    expect(told("origin-health")).toEqual([
      { type: "origin-health", origin: gone.url, healthy: false, detail: "refused a connection" },
    ]);
    expect(told("origin-failed").map(({ origin, code }) => [origin, code])).toEqual([[gone.url, "refused"]]);
    expect(pool.states()[0]).toMatchObject({ healthy: false, since: 1_005_000, lastCheck: 1_000_000 });
  });

  it("comes back with its next good check, and not before", async () => {
    const gone = await anOrigin();
    const pool = await poolOf([gone.url]);
    await gone.close();
    expect(await rejection(pool.send(get(), never()))).toMatchObject({ code: "refused" });
    expect(pool.anyHealthy()).toBe(false);
    await pool.checkAll();
    expect(pool.anyHealthy()).toBe(false);
    const back = await anOrigin(undefined, gone.port);
    expect(await rejection(pool.send(get(), never()))).toMatchObject({ code: "no-healthy-origin" });
    expect(back.asked).toEqual([]);
    await pool.checkAll();
    expect((await fetched(pool)).toString()).toBe("ok");
    expect(told("origin-health").map(({ healthy }) => healthy)).toEqual([false, true]);
  });

  it("leaves a POST unanswered, though another origin is healthy", async () => {
    const origin = await anOrigin();
    const gone = await anOrigin();
    const pool = await poolOf([gone.url, origin.url]);
    await gone.close();
    expect(await rejection(pool.send({ ...get(), method: "POST" }, never()))).toMatchObject({
      code: "refused",
    });
    expect(origin.asked).toEqual([]);
  });
});

it("no healthy origin is an error at once, with no origin in it", async () => {
  const port = await freePort();
  const pool = await poolOf([`http://127.0.0.1:${port}`]);
  expect(pool.anyHealthy()).toBe(false);
  const error = await rejection(pool.send(get(), never()));
  expect(error).toBeInstanceOf(OriginError);
  expect(error).toMatchObject({ code: "no-healthy-origin", origin: undefined });
  expect(told("origin-failed")).toEqual([
    { type: "origin-failed", origin: undefined, code: "no-healthy-origin", message: "no origin is healthy" },
  ]);
});

describe("a request that failed before any byte of a response", () => {
  it.each(["GET", "HEAD"])("is tried once more on another origin, if it is a %s", async (method) => {
    const { bad, good, pool } = await badAndGood(reset);
    const response = await pool.send({ ...get("/x"), method }, never());
    expect([response.status, response.origin]).toEqual([200, good.url]);
    expect([bad.asked, good.asked]).toEqual([[`${method} /x`], [`${method} /x`]]);
    expect(healthOf(pool)).toEqual([true, true]);
    await response.body[Symbol.asyncIterator]().return?.();
  });

  it("is tried twice in all, not more", async () => {
    const origins = [await anOrigin(reset), await anOrigin(reset), await anOrigin(reset)];
    const pool = await poolOf(origins.map(({ url }) => url));
    expect(await rejection(pool.send(get(), never()))).toMatchObject({ code: "reset" });
    expect(origins.flatMap(({ asked }) => asked)).toHaveLength(2);
    expect(told("origin-failed")).toHaveLength(2);
  });

  it("is told with whether it was conditional", async () => {
    const pool = await poolOf([(await anOrigin(reset)).url]);
    for (const fields of [[], ["If-None-Match", '"a"']])
      await rejection(pool.send(get("/", fields), never()));
    // Their connections are new, so that each is tried once.
    expect(told("origin-failed").map(({ conditional }) => conditional)).toEqual([undefined, true]);
  });

  it("is not tried again after a time-out for the head, which has taken all the time there is", async () => {
    const { good, pool } = await badAndGood(() => {}, { headersTimeoutMs: 50, elapsed: () => 0 });
    expect(await rejection(pool.send(get(), never()))).toMatchObject({ code: "timeout" });
    expect(good.asked).toEqual([]);
  });

  it("has for the second try what the first has left of the time", async () => {
    let at = 0;
    const late = ({ socket }: Connection) => {
      at += 9_900;
      socket.resetAndDestroy();
    };
    const { bad, good, pool } = await badAndGood(late, { headersTimeoutMs: 10_000, elapsed: () => at });
    good.answer = () => {};
    const startedAt = performance.now();
    expect(await rejection(pool.send(get(), never()))).toMatchObject({ code: "timeout", origin: good.url });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect([bad.asked.length, good.asked.length]).toEqual([1, 1]);
  });

  it("is not tried again when no time is left", async () => {
    let at = 0;
    const { good, pool } = await badAndGood(
      ({ socket }) => {
        at += 5_000;
        socket.resetAndDestroy();
      },
      { elapsed: () => at },
    );
    expect(await rejection(pool.send(get(), never()))).toMatchObject({ code: "reset" });
    expect(good.asked).toEqual([]);
  });

  it.each(["POST", "PUT", "DELETE", "OPTIONS", "PURGE"])(
    "is never sent again, if it is a %s",
    async (method) => {
      const { bad, good, pool } = await badAndGood(reset);
      expect(await rejection(pool.send({ ...get(), method }, never()))).toMatchObject({ code: "reset" });
      expect([bad.asked.length, good.asked.length]).toEqual([1, 0]);
    },
  );

  it("is never sent again, if it has a body", async () => {
    const { good, pool } = await badAndGood(reset);
    // One that could be read again: not even then.
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("x");
    }
    const body = { stream: { [Symbol.asyncIterator]: pieces }, length: 1 };
    expect(await rejection(pool.send({ ...get(), body }, never()))).toMatchObject({ code: "reset" });
    expect(good.asked).toEqual([]);
  });

  it("is not tried again when its client has left", async () => {
    const { bad, good, pool } = await badAndGood(() => {});
    const leaving = new AbortController();
    const answer = rejection(pool.send(get(), leaving.signal));
    await until("it is asked", () => bad.asked.length === 1);
    leaving.abort(new Error("left"));
    expect(await answer).toMatchObject({ message: "left" });
    expect(good.asked).toEqual([]);
    expect(told("origin-failed")).toEqual([]);
  });
});

describe("a request that failed after the first byte of a response", () => {
  it.each(["HTTP/1.1 2", "HTTP/1.1 103 Early Hints\r\n\r\n", "garbage"])(
    "%j is not sent again",
    async (bytes) => {
      const { good, pool } = await badAndGood(({ socket }) => socket.end(bytes));
      expect(await rejection(pool.send(get(), never()))).toBeInstanceOf(OriginError);
      expect(good.asked).toEqual([]);
    },
  );

  it("in its body is told as a failure after the answer", async () => {
    const bad = await anOrigin(({ socket }) =>
      socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
    );
    const pool = await poolOf([bad.url]);
    expect(await rejection(fetched(pool))).toMatchObject({ code: "reset" });
    expect(events.map(({ type }) => type)).toEqual(["origin-answered", "origin-failed"]);
  });
});

describe("a kept connection that the origin ends when it is used again", () => {
  /** Answers the first request of every connection, and hangs up on the second. */
  const hangsUp = () => {
    const used = new Set<Connection>();
    return (connection: Connection) => {
      if (used.has(connection)) connection.socket.destroy();
      else connection.socket.write(OK);
      used.add(connection);
    };
  };
  const reused = async (pool: OriginPool, request: Parameters<OriginPool["send"]>[0]) => {
    await fetched(pool);
    await new Promise(setImmediate);
    return pool.send(request, never());
  };

  it("costs a GET nothing, even with a single origin", async () => {
    const origin = await anOrigin(hangsUp());
    const pool = await poolOf([origin.url]);
    const response = await reused(pool, get("/again"));
    expect((await readAll(response.body)).toString()).toBe("ok");
    expect(origin.asked).toEqual(["GET /", "GET /again", "GET /again"]);
  });

  it("never has a POST sent twice", async () => {
    const origin = await anOrigin(hangsUp());
    // Else the GET would be on a connection of another client.
    const pool = await poolOf([origin.url], { plainLane: false });
    expect(await rejection(reused(pool, { ...get("/again"), method: "POST" }))).toMatchObject({
      code: "reset",
    });
    expect(origin.asked).toEqual(["GET /", "POST /again"]);
  });

  it("is told from a new one: a single origin that hangs up on every request is asked once", async () => {
    const origin = await anOrigin(({ socket }) => socket.destroy());
    const pool = await poolOf([origin.url]);
    expect(await rejection(pool.send(get(), never()))).toMatchObject({ code: "reset" });
    expect(origin.asked).toEqual(["GET /"]);
  });
});

it("close ends requests and checks that are under way", async () => {
  const origin = await anOrigin(() => {});
  const pool = await poolOf([origin.url]);
  origin.health = "";
  const check = pool.checkAll();
  const answer = rejection(pool.send(get(), never()));
  await until("both are there", () => origin.asked.length === 1 && origin.checks === 2);
  await pool.close();
  expect(await answer).toMatchObject({ code: "reset" });
  await check;
  expect(healthOf(pool)).toEqual([true]);
  expect(told("origin-health")).toEqual([]);
});
