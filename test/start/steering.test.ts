import { describe, expect, it } from "vitest";
import { StoreError } from "../../src/cache/ports/store.ts";
import type { SettingName } from "../../src/config/settings.ts";
import { createSteering, type SteeringNews } from "../../src/start/steering.ts";
import { loadedFor, settledFor } from "../config-for.ts";

type Settings = Partial<Record<SettingName, string>>;
const [A, B, C] = ["http://a.test", "http://b.test", "http://c.test"] as const;

/** Notes what is done, in order: origins that are applied, those that drain behind a bar. */
function aSteering(settings: Settings = { ORIGINS: `${A},${B}` }) {
  let written = settings;
  const done: string[] = [];
  const news: SteeringNews[] = [];
  let hold: Promise<void> = Promise.resolve();
  let emptying: (() => Promise<void>)[] = [];
  const steering = createSteering({
    settled: settledFor(settings),
    reread: () => loadedFor(written),
    async apply({ ORIGINS }, draining) {
      await hold;
      done.push(`${ORIGINS.join(" ")}${draining.length > 0 ? ` | ${draining.join(" ")}` : ""}`);
    },
    async empty() {
      await emptying.shift()?.();
      done.push("empty");
    },
    tell: (told) => news.push(told),
  });
  return {
    steering,
    done,
    news,
    write: (changed: Settings) => {
      written = { ...written, ...changed };
    },
    holdUntil: (until: Promise<void>) => {
      hold = until;
    },
    /** The next time, or after so many good ones. */
    failToEmpty: (goodOnes = 0) => {
      const good = Array.from({ length: goodOnes }, () => async () => {});
      emptying = [...good, () => Promise.reject(new StoreError("unavailable", "gone"))];
    },
  };
}

describe("other origins", () => {
  it("are there beside those that go until they have been checked", async () => {
    const { steering, done, write } = aSteering();
    write({ ORIGINS: `${B},${C}` });
    await steering.reload();
    expect(done).toEqual([`${A} ${B} ${C}`, `${B} ${C}`]);
  });

  it("by the API stay over a reload that leaves ORIGINS as it is", async () => {
    const { steering, done, write } = aSteering();
    await steering.addOrigin(C);
    await steering.drainOrigin(A);
    write({ CACHE_KEEP: "1m" });
    await steering.reload();
    expect(done).toEqual([`${A} ${B} ${C}`, `${A} ${B} ${C} | ${A}`, `${A} ${B} ${C} | ${A}`]);
  });

  it("by a reload that names others take the place of all", async () => {
    const { steering, done, write } = aSteering();
    await steering.drainOrigin(A);
    await steering.addOrigin(C);
    write({ ORIGINS: A });
    await steering.reload();
    expect(done.at(-1)).toBe(A);
  });

  it("are bounded in number", async () => {
    const many = Array.from({ length: 1000 }, (_, i) => `http://origin-${i}.test`);
    const { steering } = aSteering({ ORIGINS: many.join(",") });
    expect(await steering.addOrigin(A)).toMatchObject({ refused: "too_many_origins" });
  });
});

describe("a cache that is to be emptied", () => {
  it("is emptied before the change, when it can still be refused, and after it", async () => {
    const { steering, done, write } = aSteering();
    write({ CACHE_KEY_FIELDS: "X-Kind" });
    expect(await steering.reload()).toMatchObject({ emptied: ["CACHE_KEY_FIELDS"] });
    expect(done).toEqual(["empty", `${A} ${B}`, "empty"]);
  });

  it("is still to be emptied when that has failed after the change", async () => {
    const { steering, done, write, failToEmpty } = aSteering();
    write({ CACHE_KEY_FIELDS: "X-Site" });
    failToEmpty(1);
    await expect(steering.reload()).rejects.toThrow("a change of CACHE_KEY_FIELDS empties the cache");
    expect(await steering.reload()).toMatchObject({ changes: [], emptied: ["CACHE_KEY_FIELDS"] });
    expect(done).toEqual(["empty", `${A} ${B}`, "empty", `${A} ${B}`, "empty"]);
    expect(await steering.reload()).toMatchObject({ emptied: [] });
  });

  it("leaves everything as it is where that fails", async () => {
    const { steering, done, news, write, failToEmpty } = aSteering();
    failToEmpty();
    write({ CACHE_KEY_FIELDS: "X-Kind", CACHE_KEEP: "1m" });
    await expect(steering.reload()).rejects.toThrow("a change of CACHE_KEY_FIELDS empties the cache");
    expect([done, news, steering.config().CACHE_KEEP]).toEqual([[], [], 600]);
  });
});

describe("changes", () => {
  it("come one after the other, each upon the last", async () => {
    const { steering, done, holdUntil } = aSteering();
    const { promise, resolve } = Promise.withResolvers<void>();
    holdUntil(promise);
    const all = [steering.addOrigin(C), steering.removeOrigin(A), steering.drainOrigin(B)];
    resolve();
    await Promise.all(all);
    expect(done).toEqual([`${A} ${B} ${C}`, `${B} ${C}`, `${B} ${C} | ${B}`]);
  });

  it("are refused when a hundred wait", async () => {
    const { steering, holdUntil } = aSteering();
    const { promise, resolve } = Promise.withResolvers<void>();
    holdUntil(promise);
    const waiting = Array.from({ length: 100 }, () => steering.reload());
    await expect(steering.reload()).rejects.toThrow("100 changes wait already");
    resolve();
    await Promise.all(waiting);
    expect(await steering.reload()).toMatchObject({ result: "reloaded" });
  });

  it("are told, refused ones too", async () => {
    const { steering, news, write } = aSteering();
    await steering.drainOrigin(A);
    write({ CACHE_KEEP: "soon" });
    await steering.reload();
    expect(news).toEqual([
      { type: "origin", what: "draining", origin: A },
      { type: "reload", result: "refused", errors: [expect.stringContaining("CACHE_KEEP")] },
    ]);
  });
});
