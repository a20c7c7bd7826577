import { describe, expect, it } from "vitest";
import type { Hist, ShownAnswer } from "../../src/admin/answers.ts";
import { eventParser, type ServerSent } from "../../src/cli/event-stream.ts";
import { histLines, joinHists } from "../../src/cli/hist.ts";
import { harmless, openScreen } from "../../src/cli/screen.ts";
import { joinStats, ratesOf, type ShownStats } from "../../src/cli/stat.ts";
import { tailLine } from "../../src/cli/tail.ts";
import { joinTops, topLines } from "../../src/cli/top.ts";

const plain = { paint: (_: string, text: string) => text };

/** What a screen writes to a terminal of this size, or to a pipe. */
function drawn(views: readonly (readonly string[])[], size?: { columns: number; rows: number }, env = {}) {
  let text = "";
  const to = { write: (more: string) => (text += more), isTTY: size !== undefined, ...size };
  const screen = openScreen(to, env, true);
  for (const view of views) screen.show(view.map((line) => screen.paint("red", line)));
  screen.close();
  return text;
}

const RED = (text: string) => `\x1b[31m${text}\x1b[0m`;

describe("a screen", () => {
  it("draws each view of a terminal over the last one, and gives the cursor back", () => {
    expect(drawn([["one", "two"], ["three"]], { columns: 80, rows: 24 })).toBe(
      `\x1b[?25l\x1b[2J\x1b[H${RED("one")}\x1b[K\n${RED("two")}\x1b[K\x1b[J\x1b[H${RED("three")}\x1b[K\x1b[J\n\x1b[?25h`,
    );
  });

  it("writes plain lines to a pipe, one view after the other", () => {
    expect(drawn([["one", "two"], ["three"]])).toBe("one\ntwo\nthree\n");
  });

  it("cuts what does not fit, and takes a terminal that tells no size for an ordinary one", () => {
    expect(drawn([["abcdef", "b", "c"]], { columns: 3, rows: 3 })).toBe(
      `\x1b[?25l\x1b[2J\x1b[Habc\x1b[K\n${RED("b")}\x1b[K\x1b[J\n\x1b[?25h`,
    );
    expect(drawn([["abcdef"]], { columns: 0, rows: 0 })).toContain("abcdef");
  });

  it("has no colours with NO_COLOR", () => {
    expect(drawn([["one"]], { columns: 80, rows: 24 }, { NO_COLOR: "1" })).not.toContain("\x1b[31m");
  });

  it("lets no client steer the terminal", () => {
    expect(harmless("/a\x1b[2Jb\nc\u202ed")).toBe("/a\\x1b[2Jb\\x0ac\\x202ed");
    const answered: ShownAnswer = {
      time: "2026-11-21T12:00:00.000Z",
      id: "1",
      method: "\x1b",
      host: null,
      url: "/\x9b",
      status: 200,
      cache: "HIT",
      hit: true,
      reason: null,
      fwd: null,
      tier: "memory",
      age: 0,
      ttl: 1,
      key_hash: "0",
      bytes: 1,
      ttfb_ms: 0.05,
      total_ms: 0.05,
      origin: null,
      collapsed: false,
    };
    const line = tailLine(answered, undefined, plain.paint);
    expect(line).toBe("12:00:00.000 HIT         200    50 µs       1 B \\x1b /\\x9b");
  });
});

describe("several instances", () => {
  const top = (count: number, p99_ms: number | null) => ({
    since: 1000 * count,
    hot: [{ url: "/a", count }],
    missing: [{ url: "/a", count, reason: "private" }],
    reasons: [{ reason: "private", count }],
    origins: [{ origin: "http://o", count, p50_ms: null, p99_ms }],
  });

  it("have their counts added up, and of percentiles the worst", () => {
    const joined = joinTops([top(2, 5), top(3, 4), top(1, null)]);
    expect(joined).toEqual({ ...top(6, 5), since: 1000 });
    expect(topLines(joined, plain)).toContain("         6  /a  private");
  });

  it("have the slowest origin of all of them first", () => {
    const of = (origin: string, p99_ms: number | null) => ({ origin, count: 1, p50_ms: null, p99_ms });
    const { origins } = joinTops([
      { ...top(1, 1), origins: [of("http://a", 2), of("http://b", null)] },
      { ...top(1, 1), origins: [of("http://c", 9), of("http://a", 3)] },
    ]);
    expect(origins.map(({ origin }) => origin)).toEqual(["http://c", "http://a", "http://b"]);
  });

  it("have exact percentiles together where there are buckets", () => {
    const latency = (buckets: readonly (readonly [number, number])[]) => ({
      count: buckets.reduce((sum, [, count]) => sum + count, 0),
      p50_ms: 0,
      p90_ms: 0,
      p99_ms: 0,
      buckets,
    });
    const none = latency([]);
    const hist = (hits: Hist["hits"]): Hist => ({ hits, misses: none, origins: none });
    const joined = joinHists([
      hist(
        latency([
          [1, 98],
          [9, 1],
        ]),
      ),
      hist(
        latency([
          [0.5, 100],
          [1, 1],
        ]),
      ),
    ]);
    expect(joined.hits).toEqual({
      count: 200,
      p50_ms: 0.5,
      p90_ms: 1,
      p99_ms: 1,
      buckets: [
        [0.5, 100],
        [1, 99],
        [9, 1],
      ],
    });
    expect(joined.misses.p50_ms).toBeNull();
    const rows = histLines(joined, plain).filter((line) => line.startsWith("  ≤"));
    expect(rows.map((row) => Number(row.split(" ").at(-1)))).toEqual([100, 99, 0, 0, 1]);
  });
});

describe("rates", () => {
  const stats = (requests: number, hits: number): ShownStats =>
    ({ ...joinStats([]), requests, hits, misses: requests - hits, entries: 5 }) as ShownStats;

  it("are what happened in between, by the second", () => {
    const rates = ratesOf(stats(30, 15), stats(10, 10), 2);
    expect(rates.rate).toMatchObject({ requests: 10, hits: 2.5, misses: 7.5 });
    expect(rates.hit_rate).toBe(0.25);
    expect(ratesOf(stats(30, 15), undefined, 0)).toMatchObject({ rate: null, hit_rate: 0.5 });
  });

  it("are none below zero when a proxy began anew", () => {
    expect(ratesOf(stats(1, 0), stats(10, 10), 1).rate).toMatchObject({ requests: 0, hits: 0, misses: 1 });
  });
});

describe("a stream of events", () => {
  it("is understood wherever it is cut", () => {
    const text =
      ': watching\n\nevent: answered\ndata: {"a":1}\n\ndata: x\n\n: alive\n\nevent: dropped\ndata: {}\n\n';
    for (let size = 1; size < 20; size++) {
      const heard: ServerSent[] = [];
      const parse = eventParser((event) => heard.push(event));
      for (let at = 0; at < text.length; at += size) parse(text.slice(at, at + size));
      expect(heard).toEqual([
        { event: "answered", data: '{"a":1}' },
        { event: "message", data: "x" },
        { event: "dropped", data: "{}" },
      ]);
    }
  });

  it("keeps no event that never ends", () => {
    const heard: ServerSent[] = [];
    const parse = eventParser((event) => heard.push(event));
    parse(`data: ${"x".repeat(1_000_001)}`);
    parse("\n\ndata: y\n\n");
    expect(heard).toEqual([{ event: "message", data: "y" }]);
  });
});
