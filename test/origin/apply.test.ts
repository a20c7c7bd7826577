import { describe, expect, it, onTestFinished } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { createHealthChecks, type HealthOptions } from "../../src/origin/health.ts";
import { type HealthChange, remember } from "../../src/origin/member.ts";
import { until } from "../until.ts";
import { anOrigin } from "./an-origin.ts";
import { aPool, get, never, poolOptions, readAll } from "./asking.ts";

const ask = async (pool: ReturnType<typeof aPool>) => readAll((await pool.send(get(), never())).body);

describe("a pool that goes on in another way", () => {
  it("keeps what it knows of an origin that stays", async () => {
    const [one, other] = [await anOrigin(), await anOrigin()];
    one.health = "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n";
    const urls = [one.url, other.url];
    const pool = aPool(urls);
    await pool.ready;
    const [before] = pool.states();
    expect(before).toMatchObject({ healthy: false, detail: "answered 503", history: [{ healthy: false }] });
    await pool.apply(poolOptions(urls, { headersTimeoutMs: 1000, preserveHost: true }), []);
    expect(pool.states()[0]).toEqual(before);
    for (let i = 0; i < 4; i++) await ask(pool);
    expect([one.asked.length, other.asked.length]).toEqual([0, 4]);
  });

  it("asks on new connections where they are made otherwise, and closes those that are idle", async () => {
    const origin = await anOrigin();
    const open = new Set<number>();
    origin.answer = ({ socket }) => {
      const port = socket.remotePort ?? 0;
      open.add(port);
      socket.once("close", () => open.delete(port));
      // Long enough that nobody closes it for being idle.
      socket.write("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=600\r\nContent-Length: 2\r\n\r\nok");
    };
    const oneByOne = { connections: 1 };
    const pool = aPool([origin.url], oneByOne);
    await ask(pool);
    const [first] = open;
    await pool.apply(poolOptions([origin.url], oneByOne), []);
    await ask(pool);
    expect([...open]).toEqual([first]);
    await pool.apply(poolOptions([origin.url], { ...oneByOne, bodyTimeoutMs: 1000 }), []);
    await until("the first connection is closed", () => !open.has(first ?? 0));
    await ask(pool);
    expect(open.size).toBe(1);
  });

  it("counts failures by the new numbers", async () => {
    const [one, other] = [await anOrigin(), await anOrigin()];
    one.answer = ({ socket }) => void socket.write("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n");
    const urls = [one.url, other.url];
    const pool = aPool(urls, { ejectAfter: 0, slowStartMs: 0 });
    for (let i = 0; i < 6; i++) await ask(pool);
    expect(one.asked).toHaveLength(3);
    await pool.apply(poolOptions(urls, { ejectAfter: 1, slowStartMs: 0 }), []);
    for (let i = 0; i < 6; i++) await ask(pool);
    expect(one.asked).toHaveLength(4);
    expect(pool.states()[0]).toMatchObject({ ejected: true });
  });

  it("gives the one that drains no turn, not even for a second try", async () => {
    const [one, other] = [await anOrigin(), await anOrigin()];
    other.answer = ({ socket }) => socket.destroy();
    const urls = [one.url, other.url];
    const pool = aPool(urls);
    await pool.apply(poolOptions(urls), [one.url]);
    await expect(ask(pool)).rejects.toMatchObject({ code: "reset" });
    expect(one.asked).toEqual([]);
  });
});

it("tells nothing of an origin that was removed, however what is under way there ends", async () => {
  const [one, other] = [await anOrigin(), await anOrigin()];
  let held = 0;
  one.answer = () => void held++;
  const events: CacheEvent[] = [];
  const emit = (event: CacheEvent) => void events.push(event);
  const options = { breakAfter: 1, headersTimeoutMs: 1500, emit };
  const pool = aPool([one.url], options);
  await pool.ready;
  const asked = ask(pool);
  await until("it is under way", () => held === 1);
  await pool.apply(poolOptions([other.url], options), []);
  await expect(asked).rejects.toMatchObject({ code: "timeout" });
  const health = events.filter(({ type }) => type === "origin-health" || type === "origin-ejected");
  expect(health.map((event) => "origin" in event && event.origin)).not.toContain(one.url);
});

it("of the changes of an origin's health the last fifty are remembered", () => {
  const history: HealthChange[] = [];
  for (let i = 1; i <= 60; i++) {
    const detail = `change ${i}`;
    remember({ history, since: i, healthy: i % 2 === 0, detail });
  }
  expect(history).toHaveLength(50);
  expect(history.at(-1)).toEqual({ at: 60, healthy: true, detail: "change 60" });
});

describe("health checks that go on in another way", () => {
  function checksOf(origins: readonly string[], options: Partial<HealthOptions> = {}) {
    const told: string[] = [];
    const ticks: number[] = [];
    const way: HealthOptions = {
      healthCheckPath: "/health-check",
      healthCheckIntervalMs: 10_000,
      healthCheckTimeoutMs: 10_000,
      maxHeaderBytes: 16_384,
      every: (ms) => {
        ticks.push(ms);
        return () => void ticks.splice(ticks.indexOf(ms), 1);
      },
      ...options,
    };
    const checks = createHealthChecks(origins, way, (origin, _, detail) => told.push(`${origin} ${detail}`));
    onTestFinished(() => checks.close());
    return { checks, told, ticks, way };
  }

  it("ask those that are new at once, and those that stay at their time", async () => {
    const [one, other] = [await anOrigin(), await anOrigin()];
    const { checks, told, way } = checksOf([one.url]);
    await checks.ready;
    await checks.apply([one.url, other.url], way);
    expect(told).toEqual([`${one.url} answered 200`, `${other.url} answered 200`]);
    await checks.apply([other.url], way);
    await checks.checkAll();
    expect([one.checks, other.checks]).toEqual([1, 2]);
  });

  it("ask all at once where another path is asked", async () => {
    const origin = await anOrigin();
    const { checks, way } = checksOf([origin.url]);
    await checks.ready;
    await checks.apply([origin.url], { ...way, healthCheckPath: "/up" });
    expect(origin.asked).toEqual(["GET /up"]);
    await checks.checkAll();
    expect(origin.asked).toEqual(["GET /up", "GET /up"]);
  });

  it("come at the new interval, and at no other", async () => {
    const origin = await anOrigin();
    const { checks, ticks, way } = checksOf([origin.url]);
    await checks.ready;
    expect(ticks).toEqual([10_000]);
    await checks.apply([origin.url], { ...way, healthCheckIntervalMs: 500 });
    expect(ticks).toEqual([500]);
    expect(origin.checks).toBe(1);
  });

  it("say nothing of one that was taken away while it was asked", async () => {
    const [one, other] = [await anOrigin(), await anOrigin()];
    one.health = "";
    const { checks, told, way } = checksOf([one.url, other.url]);
    await until("both are asked", () => one.checks === 1 && told.length === 1);
    await checks.apply([other.url], way);
    await checks.ready;
    expect(told).toEqual([`${other.url} answered 200`]);
  });
});
