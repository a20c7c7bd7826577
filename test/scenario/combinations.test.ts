import { describe, expect, it } from "vitest";
import { type Answer, type Site, startSite } from "./site.ts";

/** What a client sees when the origin has the same response, another one, or answers 503. */
type Seen = readonly [unchanged: string, changed: string, failing: string];

/* `HIT/…` brings the first body, `MISS/…` the origin's present one, a number is that status. */
const FRESH: Seen = ["HIT/HIT", "HIT/HIT", "HIT/HIT"];
const UPDATING: Seen = ["HIT/UPDATING", "HIT/UPDATING", "HIT/UPDATING"];
const STALE_ON_ERROR: Seen = ["HIT/REVALIDATED", "MISS/EXPIRED", "HIT/STALE"];
const VALIDATED: Seen = ["HIT/REVALIDATED", "MISS/EXPIRED", "502"];
const NOT_STORED: Seen = ["MISS/MISS", "MISS/MISS", "503"];

type Row = readonly [directives: string, clause: string, after: Readonly<Record<number, Seen>>];

/** What is seen after so many seconds, beside the clause that says so. */
const ROWS: readonly Row[] = [
  [
    "max-age=5,stale-while-revalidate=10,stale-if-error=60",
    "RFC 5861 §3 and §4",
    { 2: FRESH, 8: UPDATING, 15: STALE_ON_ERROR, 40: STALE_ON_ERROR, 65: VALIDATED },
  ],
  [
    "must-revalidate,max-age=5,stale-while-revalidate=10",
    "RFC 9111 §5.2.2.2 closes the window of RFC 5861 §3",
    { 2: FRESH, 8: VALIDATED, 40: VALIDATED },
  ],
  [
    "must-revalidate,max-age=5,stale-if-error=60",
    "RFC 9111 §5.2.2.2 closes the window of RFC 5861 §4",
    { 2: FRESH, 8: VALIDATED },
  ],
  [
    "proxy-revalidate,max-age=5,stale-while-revalidate=10,stale-if-error=60",
    "RFC 9111 §5.2.2.8",
    { 2: FRESH, 8: VALIDATED },
  ],
  ["s-maxage=5,max-age=600", "RFC 9111 §5.2.2.10: s-maxage goes before max-age", { 2: FRESH, 8: VALIDATED }],
  ["s-maxage=600,max-age=5", "RFC 9111 §5.2.2.10", { 8: FRESH }],
  [
    "s-maxage=5,stale-while-revalidate=10,stale-if-error=60",
    "RFC 5861, and the decision that s-maxage leaves a response's own windows open",
    { 8: UPDATING, 40: STALE_ON_ERROR, 70: VALIDATED },
  ],
  ["max-age=5", "RFC 9111 §4.2.4: no permission, no stale response", { 2: FRESH, 8: VALIDATED }],
  [
    "max-age=0,stale-while-revalidate=10",
    "RFC 9111 §4.2: fresh means lifetime > age",
    { 1: UPDATING, 10: VALIDATED },
  ],
  [
    "no-cache,max-age=600,stale-if-error=600",
    "RFC 9111 §5.2.2.4: validated before every reuse",
    { 1: VALIDATED },
  ],
  ["no-store,max-age=600", "RFC 9111 §5.2.2.5", { 1: NOT_STORED }],
  ["private,max-age=600", "RFC 9111 §5.2.2.7", { 1: NOT_STORED }],
  ["", "RFC 9111 §4.2.2: no lifetime, so it is validated each time", { 1: VALIDATED }],
];

const ORIGINS = ["unchanged", "changed", "failing"] as const;

const CASES = ROWS.flatMap(([directives, clause, after]) =>
  Object.entries(after).flatMap(([seconds, seen]) =>
    ORIGINS.map((origin, i) => ({ directives, clause, seconds: Number(seconds), origin, seen: seen[i]! })),
  ),
);

async function sees(site: Site, { directives, seconds, origin }: (typeof CASES)[number]) {
  const cacheControl = directives === "" ? "" : `&cache-control=${directives}`;
  const path = `/data?id=1${cacheControl}`;
  const first = await site.get(path);
  expect(first.cache).toBe("MISS/MISS");
  if (origin === "changed") {
    await site.origin("/data?id=1", { method: "PUT", body: '{"value":"new"}' });
  }
  if (origin === "failing") await site.behave({ status: 503 });
  site.advance(seconds);
  return { first, later: await site.get(path) };
}

const bodyFor = (seen: string, first: Answer, origin: string): unknown => {
  if (seen.startsWith("HIT/")) return first.json();
  if (origin === "changed") return { ...first.json<object>(), value: "new", updated_at: expect.any(String) };
  return seen === "502" ? expect.objectContaining({ code: "origin_error" }) : expect.anything();
};

describe.each(ORIGINS)("with an origin that is %s", (origin) => {
  it.each(CASES.filter((row) => row.origin === origin))(
    "after $seconds s `$directives` is $seen ($clause)",
    async (row) => {
      const site = await startSite({ standingClock: true });
      const { first, later } = await sees(site, row);
      const { seen } = row;
      if (seen.startsWith("5")) expect(later.status).toBe(Number(seen));
      else expect({ status: later.status, cache: later.cache }).toEqual({ status: 200, cache: seen });
      expect(later.json()).toEqual(bodyFor(seen, first, origin));
    },
  );
});
