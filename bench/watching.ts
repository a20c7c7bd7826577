/**
 * What does it cost that answers can be watched? CPU of this process per answered event, in nanoseconds, the
 * median of interleaved turns: `node bench/watching.ts`. `listener` is one that does nothing, for the loop
 * itself; what a reader costs includes that what it hears of is made text ten times a second.
 */
import { createEvents, type Emit } from "../src/cache/events.ts";
import { createLive } from "../src/observe/live.ts";
import { createTail } from "../src/observe/tail.ts";
import type { Outcome } from "../src/policy/outcome.ts";

const TURNS = 31;
const EVENTS = 200_000;
/** As many answers as come between two takings at 20,000 a second. */
const BETWEEN_TAKINGS = 2000;
const HIT: Outcome = { word: "HIT", body: "cache", ttl: 42 };
const MISS: Outcome = { word: "MISS", body: "origin", fwd: "uri-miss", fwdStatus: 200, stored: true };

const site = "http://shop.example";
/** Every request has a URL of its own making, as in a proxy; 0 to `urls` by a power law. */
const uriOf = (i: number, urls: number): string =>
  `${site}/catalogue/articles/${Math.floor(urls ** (((i * 7919) % 10_007) / 10_007))}`;

interface Subject {
  readonly emit: Emit;
  readonly take?: () => void;
}

function withListener(): Subject {
  const events = createEvents();
  events.listen(() => {});
  return { emit: events.emit };
}

function withTail(queries: readonly string[]): Subject {
  const events = createEvents();
  events.listen(() => {});
  const tail = createTail(events.listen, Date.now);
  const readers = queries.map((query) => tail.watch(query));
  const take = () => {
    for (const reader of readers) if ("take" in reader) JSON.stringify(reader.take());
  };
  return { emit: events.emit, take };
}

function withLive(busy: boolean): Subject {
  const events = createEvents();
  const live = createLive({
    now: Date.now,
    memory: () => ({ entries: 0, bytes: 0 }),
    purgesBehindMs: () => 0,
  });
  events.listen(live.listen);
  live.close();
  // Each tick begins a second in which requests are counted one by one.
  let until = 0;
  return {
    emit(event) {
      if (!busy && until-- <= 0) {
        live.tick();
        until = 1000;
      }
      events.emit(event);
    },
  };
}

const SUBJECTS: Readonly<Record<string, Subject>> = {
  listener: withListener(),
  "tail, nobody watches": withTail([]),
  "tail, one watches what never comes": withTail(["status=5xx ttfb>200ms"]),
  "tail, one watches everything": withTail([""]),
  "counted for top, hist and series, 20,000 a second": withLive(true),
  "counted for top, hist and series, 1,000 a second": withLive(false),
};

function turn({ emit, take }: Subject, urls: number): number {
  const before = process.cpuUsage();
  for (let i = 0; i < EVENTS; i++) {
    const outcome = i % 20 === 0 ? MISS : HIT;
    const times = { bytes: 512, headMs: (i % 100) / 100, durationMs: 1, aborted: false };
    const uri = uriOf(i, urls);
    emit({ type: "answered", requestId: "r", method: "GET", uri, status: 200, outcome, ...times });
    if (i % BETWEEN_TAKINGS === 0) take?.();
  }
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / EVENTS;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

for (const urls of [100, 1_000_000]) {
  const measured = new Map(Object.keys(SUBJECTS).map((name) => [name, [] as number[]]));
  for (let i = 0; i < TURNS; i++)
    for (const [name, subject] of Object.entries(SUBJECTS)) measured.get(name)?.push(turn(subject, urls));
  const base = median(measured.get("listener") ?? []);
  console.log(`${urls.toLocaleString("en")} URLs`);
  for (const [name, values] of measured) {
    const cost = median(values);
    const more = name === "listener" ? "" : `  ${(cost - base).toFixed(0).padStart(6)} more`;
    console.log(`  ${name.padEnd(52)} ${cost.toFixed(0).padStart(6)} ns${more}`);
  }
}
