import { expect, it } from "vitest";
import { LastAnswers } from "../../src/cache/last-answers.ts";
import { TopKeys } from "../../src/observe/top-keys.ts";
import type { Outcome } from "../../src/policy/outcome.ts";
import { aProxy } from "./harness.ts";

const URLS = 50_000;
const AT_ONCE = 250;
const MEMORY_BYTES = 2 * 1024 * 1024;
const UNCACHEABLE = 1000;
const REMEMBERED = 10_000;
const COUNTERS = 512;

it("a flood of 50,000 URLs fails nobody and leaves everything that is kept within its bounds", async () => {
  const proxy = aProxy({
    memoryBytes: MEMORY_BYTES,
    uncacheableCapacity: UNCACHEABLE,
    flightBytes: 1024 * 1024,
  });
  const answers = new LastAnswers(proxy.now, REMEMBERED);
  const frequent = new TopKeys<number>(COUNTERS);
  // A third is stored, a third must not be, and a third teaches which parameters matter.
  proxy.origin.script = (asked, index) => {
    const body = "x".repeat(512);
    if (index % 3 === 0) asked.answer(body, { cc: "max-age=600" });
    else if (index % 3 === 1) asked.answer(body, { cc: "no-store" });
    else asked.answer(body, { cc: "max-age=600", fields: ["No-Vary-Search", 'params=("utm")'] });
  };
  let mostBytes = 0;
  let mostFlights = 0;
  let stored = 0;
  for (let first = 0; first < URLS; first += AT_ONCE) {
    const urls = Array.from({ length: AT_ONCE }, (_, i) => `/flood/${first + i}?utm=${i}`);
    const seen = await Promise.all(urls.map((url) => proxy.get(url)));
    expect(
      seen.filter(({ status, broken, text }) => status !== 200 || broken || text.length !== 512),
    ).toEqual([]);
    await proxy.drain();
    stored += proxy.of("stored").length;
    mostBytes = Math.max(mostBytes, proxy.memory.stats().bytes);
    mostFlights = Math.max(mostFlights, proxy.budget.used, proxy.coalescer.size, proxy.timers.pending);
    for (const event of proxy.events) answers.listen(event);
    for (const [i, { response }] of seen.entries()) {
      const uri = urls[i] as string;
      answers.listen(answered(uri, response.outcome));
      frequent.count(uri, i);
    }
    // What a test remembers is no part of the program.
    proxy.events.length = proxy.origin.asked.length = 0;
  }
  expect(stored).toBeGreaterThan(URLS / 2);
  expect(mostBytes).toBeLessThanOrEqual(MEMORY_BYTES);
  expect(mostBytes).toBeGreaterThan(MEMORY_BYTES / 2);
  expect(proxy.memory.stats().evictions).toBeGreaterThan(stored / 2);
  expect(mostFlights).toBe(0);
  expect(proxy.uncacheable.size).toBe(UNCACHEABLE);
  expect(proxy.variances.size).toBe(REMEMBERED);
  expect(answers.size).toBeLessThanOrEqual(2 * REMEMBERED);
  expect(answers.size).toBeGreaterThanOrEqual(REMEMBERED);
  expect(frequent.size).toBe(COUNTERS);
});

const answered = (uri: string, outcome: Outcome) =>
  ({
    type: "answered",
    requestId: "r",
    method: "GET",
    uri,
    status: 200,
    outcome,
    bytes: 512,
    headMs: 0,
    durationMs: 0,
    aborted: false,
  }) as const;
