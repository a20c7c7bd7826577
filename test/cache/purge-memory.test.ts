import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PurgeMode, PurgeTarget } from "../../src/cache/ports/purge-log.ts";
import { EVER, NEVER, PurgeMemory } from "../../src/cache/purge-memory.ts";
import { siteOf } from "../../src/policy/key.ts";

const SITES = ["http://a", "https://a", "http://a:81", "http://ab"];
const PATHS = ["/", "/x", "/x/", "/x/y", "/x?q=http://a/x", "/xy"];
const NAMES = ["t", "t u", ""];
/** Groups, and tags that are none. */
const TAGS = NAMES.flatMap((name) => [name, `\t${name}`]);
const KEYS = SITES.flatMap((site) => PATHS.map((path) => site + path));

const site = fc.constantFrom(...SITES);
const path = fc.constantFrom(...PATHS);
const tag = fc.constantFrom(...NAMES);
const target: fc.Arbitrary<PurgeTarget> = fc.oneof(
  fc.record({ type: fc.constant("url" as const), key: fc.constantFrom(...KEYS) }),
  fc.record({ type: fc.constant("path" as const), path }),
  fc.record({ type: fc.constant("prefix" as const), site, path }, { requiredKeys: ["type", "path"] }),
  fc.record({ type: fc.constant("site" as const), site }),
  fc.record({ type: fc.constant("tag" as const), site, tag }, { requiredKeys: ["type", "tag"] }),
  fc.record({ type: fc.constant("group" as const), site, group: tag }),
  fc.constant({ type: "everything" as const }),
);
const mode = fc.constantFrom<PurgeMode>("delete", "invalidate");
const purges = fc.array(fc.record({ target, mode }), { maxLength: 25 });

/** What one target covers, straight from its definition. */
function covers(target: PurgeTarget, key: string, tags: readonly string[]): boolean {
  const requestTarget = key.slice(siteOf(key).length);
  switch (target.type) {
    case "url":
      return key === target.key;
    case "path":
      return requestTarget === target.path;
    case "prefix":
      return target.site === undefined
        ? requestTarget.startsWith(target.path)
        : key.startsWith(target.site + target.path);
    case "site":
      return siteOf(key) === target.site;
    case "tag":
      return (
        (tags.includes(target.tag) || tags.includes(`\t${target.tag}`)) &&
        (target.site === undefined || siteOf(key) === target.site)
      );
    case "group":
      return tags.includes(target.group) && siteOf(key) === target.site;
    case "everything":
      return true;
  }
}

interface Told {
  readonly target: PurgeTarget;
  readonly mode: PurgeMode;
  readonly epoch: number;
  readonly since: number;
}

/** The naive list: all purges that a response born then falls under. */
const covering = (told: readonly Told[], key: string, epoch: number, tags: readonly string[]): Told[] =>
  told.filter((purge) => epoch < purge.epoch && covers(purge.target, key, tags));

const sinceOf = (told: readonly Told[]): number =>
  Math.min(NEVER, ...told.map((purge) => (purge.mode === "delete" ? EVER : purge.since)));

function tell(memory: PurgeMemory, all: readonly { target: PurgeTarget; mode: PurgeMode }[]): Told[] {
  return all.map(({ target, mode }, i) => {
    const purge = { target, mode, epoch: 10 * (i + 1), since: 1000 + i };
    memory.remember(target, mode, purge.epoch, purge.since);
    return purge;
  });
}

const births = (told: readonly Told[]): number[] => [0, ...told.flatMap(({ epoch }) => [epoch - 1, epoch])];

describe("the memory of purges", () => {
  it("says what a list of all purges says", () => {
    fc.assert(
      fc.property(purges, fc.subarray(TAGS), (all, tags) => {
        const memory = new PurgeMemory();
        const told = tell(memory, all);
        // Of a target that was invalidated more than twice, only the last time is known exactly.
        const names = told.flatMap((purge) =>
          purge.mode === "invalidate" ? [JSON.stringify(purge.target)] : [],
        );
        const exact = names.every((name) => names.filter((other) => other === name).length <= 2);
        for (const key of KEYS) {
          for (const epoch of births(told)) {
            const expected = sinceOf(covering(told, key, epoch, tags));
            const since = memory.staleSince(key, epoch, tags);
            if (exact || !Number.isFinite(expected)) expect(since).toBe(expected);
            else {
              expect(since).toBeLessThanOrEqual(expected);
              expect(since).toBeGreaterThanOrEqual(1000);
            }
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it("full to the brim says at least as much, and is no larger than it may be", () => {
    const capacity = { urls: 2, paths: 2, prefixes: 2, sites: 2, tags: 2 };
    fc.assert(
      fc.property(purges, fc.subarray(TAGS), (all, tags) => {
        const memory = new PurgeMemory(capacity);
        const told = tell(memory, all);
        expect(memory.size).toBeLessThanOrEqual(10);
        for (const key of KEYS) {
          for (const epoch of births(told)) {
            const purged = covering(told, key, epoch, tags);
            expect(memory.staleSince(key, epoch, tags)).toBeLessThanOrEqual(sinceOf(purged));
          }
          // Nothing covers what is born after the last purge.
          expect(memory.staleSince(key, 10 * all.length, tags)).toBe(NEVER);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("knows since when exactly what was stored between the last two purges is stale, and errs early for older", () => {
    const memory = new PurgeMemory();
    const target: PurgeTarget = { type: "path", path: "/x" };
    for (let day = 1; day <= 100; day++) memory.remember(target, "invalidate", day * 10, day * 1000);
    expect([995, 985, 5].map((epoch) => memory.staleSince("http://a/x", epoch, []))).toEqual([
      100_000, 1000, 1000,
    ]);
  });

  it("tells of a site alone what is forgotten of it, and of everything what belongs to no site", () => {
    const memory = new PurgeMemory({ urls: 1, paths: 1, prefixes: 1, sites: 9, tags: 1 });
    const told: PurgeTarget[] = [
      { type: "prefix", site: "http://a", path: "/x" },
      { type: "prefix", site: "http://b", path: "/x" },
      { type: "prefix", site: "http://c", path: "/x" },
    ];
    for (const target of told) memory.remember(target, "delete", 10, 1);
    expect(memory.staleSince("http://a/other", 9, [])).toBe(EVER);
    expect(memory.staleSince("http://b/other", 9, [])).toBe(EVER);
    expect(memory.staleSince("http://c/other", 9, [])).toBe(NEVER);
    memory.remember({ type: "path", path: "/p?u=http://a/x" }, "delete", 20, 1);
    memory.remember({ type: "prefix", path: "/q" }, "delete", 20, 1);
    expect(memory.staleSince("http://c/other", 19, [])).toBe(NEVER);
    memory.remember({ type: "path", path: "/r" }, "delete", 30, 1);
    expect([19, 20].map((epoch) => memory.staleSince("http://c/other", epoch, []))).toEqual([EVER, NEVER]);
    // A URL within a query is no site.
    memory.remember({ type: "prefix", path: "/s?u=http://a/x" }, "delete", 40, 1);
    memory.remember({ type: "prefix", path: "/t" }, "delete", 50, 1);
    expect([39, 40].map((epoch) => memory.staleSince("http://c/other", epoch, []))).toEqual([EVER, NEVER]);
  });

  it("makes a site stale when one of too many invalidated URLs is forgotten, since nobody has freed that", () => {
    const memory = new PurgeMemory({ urls: 1, paths: 1, prefixes: 1, sites: 9, tags: 1 });
    memory.remember({ type: "url", key: "http://a/x" }, "invalidate", 10, 1000);
    memory.remember({ type: "url", key: "http://a/y" }, "invalidate", 20, 2000);
    expect([5, 15].map((epoch) => memory.staleSince("http://a/z", epoch, []))).toEqual([1000, NEVER]);
    expect(memory.staleSince("http://b/z", 5, [])).toBe(NEVER);
  });

  it("still knows of a deleted URL and a deleted tag when 20 000 others have been deleted since, and of few others", () => {
    const memory = new PurgeMemory({ urls: 100, paths: 1, prefixes: 1, sites: 9, tags: 100 });
    memory.remember({ type: "url", key: "http://a/x" }, "delete", 10, 1);
    memory.remember({ type: "tag", site: "http://a", tag: "t" }, "delete", 10, 1);
    for (let i = 0; i < 20_000; i++)
      memory.remember({ type: "url", key: `http://a/item?n=${i}` }, "delete", 20 + i, 1);
    expect(memory.size).toBeLessThanOrEqual(200);
    const since = (key: string, epoch: number, tags: string[] = []) => memory.staleSince(key, epoch, tags);
    expect([9, 10].map((epoch) => since("http://a/x", epoch))).toEqual([EVER, NEVER]);
    expect([9, 10].map((epoch) => since("http://a/y", epoch, ["t"]))).toEqual([EVER, NEVER]);
    for (const i of [0, 1, 9_999, 19_999])
      expect([19 + i, 20 + i].map((epoch) => since(`http://a/item?n=${i}`, epoch))).toEqual([EVER, NEVER]);
    const others = Array.from({ length: 10_000 }, (_, i) => `http://a/other/${i}`);
    // 20 000 of 262 144 places are taken.
    expect(others.filter((key) => since(key, 1) === EVER).length).toBeLessThan(1_000);
  });

  it("keeps no more characters of names than 256 for each target it may remember, and forgets none", () => {
    const memory = new PurgeMemory({ urls: 100, paths: 100, prefixes: 100, sites: 100, tags: 100 });
    const long = "x".repeat(2_000);
    const name = (i: number) => `/${i}${long}?q`;
    for (let i = 0; i < 50; i++)
      memory.remember({ type: "url", key: `http://a${name(i)}` }, "delete", 10 + i, 1);
    // 12 URLs and their 12 queries; 2 kB each would be 50 of both.
    expect(memory.size).toBe(24);
    for (let i = 0; i < 50; i++) expect(memory.staleSince(`http://a${name(i)}`, 9 + i, [])).toBe(EVER);
    for (let i = 0; i < 50; i++) memory.remember({ type: "prefix", path: name(i) }, "delete", 100 + i, 1);
    expect(memory.size).toBeLessThanOrEqual(36);
    expect([137, 138].map((epoch) => memory.staleSince("http://b/other", epoch - 1, []))).toEqual([
      EVER,
      NEVER,
    ]);
  });

  it("keeps nothing of what was purged before a deletion of everything", () => {
    const memory = new PurgeMemory();
    for (const key of KEYS) memory.remember({ type: "url", key }, "delete", 10, 1);
    memory.remember({ type: "prefix", path: "/x" }, "invalidate", 20, 1);
    memory.remember({ type: "everything" }, "delete", 30, 1);
    expect(memory.size).toBe(0);
    expect([29, 30].map((epoch) => memory.staleSince("http://a/x", epoch, []))).toEqual([EVER, NEVER]);
  });
});

describe("ten thousand prefixes", () => {
  it("cost a lookup a small part of what going through them does", () => {
    const prefixes = Array.from({ length: 10_000 }, (_, i) => `/shop/section-${i % 97}/item-${i}/`);
    const memory = new PurgeMemory();
    for (const path of prefixes) memory.remember({ type: "prefix", path }, "delete", 10, 1);
    const keys = Array.from({ length: 500 }, (_, i) => `http://a/shop/section-${i % 97}/thing-${i}/page`);
    const timed = (covers: (key: string) => boolean): number => {
      const startedAt = performance.now();
      expect(keys.filter(covers)).toEqual([]);
      return performance.now() - startedAt;
    };
    const through = timed((key) => prefixes.some((path) => key.startsWith(path, "http://a".length)));
    expect(timed((key) => memory.staleSince(key, 5, []) === EVER)).toBeLessThan(through / 5);
    expect(memory.staleSince(`http://a${prefixes[9_999]}x`, 5, [])).toBe(EVER);
  });
});
