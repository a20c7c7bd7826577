import { expect, it } from "vitest";
import { createEntries } from "../../src/cache/entries.ts";
import type { Browsable } from "../../src/cache/ports/store.ts";
import { NEVER } from "../../src/cache/purge-memory.ts";
import { KEY, sampleEntry, T0 } from "../store/sample.ts";

/** A tier whose every look finds this many entries, takes so long, and never comes to an end. */
function endless(found: number, tookMs: number) {
  const clock = { elapsedMs: 0 };
  const mosts: number[] = [];
  const tier: Browsable = {
    tier: "redis",
    browse: async (cursor, most) => {
      clock.elapsedMs += tookMs;
      mosts.push(most);
      const { stored } = sampleEntry("x");
      return {
        found: Array.from({ length: found }, () => ({ key: KEY, stored })),
        lookedAt: 100,
        next: String(Number(cursor) + 1),
      };
    },
  };
  const entries = createEntries({
    tiers: [tier],
    purges: { staleSince: () => NEVER, vouchesFor: () => true },
    admission: { defaultTtl: 0, maxTtl: 100_000 },
    now: () => T0 + 1000,
    elapsed: () => clock.elapsedMs,
  });
  const page = async (limit: number) => {
    const said = await entries({ match: "", limit, cursor: "" });
    if ("problem" in said) throw new Error(said.problem);
    return { found: said.entries.length, looked_at: said.looked_at, cursor: said.cursor };
  };
  return { page, mosts };
}

it("a page that finds nothing ends after twenty looks, and says where to go on", async () => {
  expect(await endless(0, 1).page(50)).toEqual({ found: 0, looked_at: 2000, cursor: "20" });
});

it("a page that takes long ends after a second, but not before the first look", async () => {
  expect(await endless(0, 400).page(50)).toEqual({ found: 0, looked_at: 300, cursor: "3" });
  expect(await endless(0, 5000).page(50)).toEqual({ found: 0, looked_at: 100, cursor: "1" });
});

it("a page ends when it has enough, and asks for no more than it lacks", async () => {
  const { page, mosts } = endless(3, 1);
  expect(await page(7)).toEqual({ found: 9, looked_at: 300, cursor: "3" });
  expect(mosts).toEqual([7, 4, 1]);
});
