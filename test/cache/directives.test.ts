import { describe, expect, it } from "vitest";
import type { OriginError } from "../../src/cache/ports/origin.ts";
import { type Asked, aProxy, KEEP, type Seen, settled, type TestProxy } from "./harness.ts";

/*
 * Every state × directive × origin, as RFC 9111 and RFC 5861 have it.
 *
 * A line of the first table says what may be done with a stored response at each age, a line
 * of the second what a client then sees of each origin.
 */

/** H fresh hit · U stale, refreshed meanwhile · F asks, may fall back on the stale · A asks, may not · M nothing usable. */
type Verdict = "H" | "U" | "F" | "A" | "M";

interface Line {
  readonly cc: string | undefined;
  readonly clause: string;
  /** Ages in seconds, each with its verdict. */
  readonly at: readonly (readonly [age: number, state: string, verdict: Verdict])[];
}

const STATES: Readonly<Record<Verdict, string>> = {
  H: "fresh",
  U: "in the swr window",
  F: "in the sie window",
  A: "only with validation",
  M: "beyond everything",
};

/**
 * A stored response has each verdict of `until` up to that age; then it is kept for its
 * validator, and then it is gone. Asked in the first and the last second of each, and at the
 * ages that `within` names.
 */
function line(
  cc: string | undefined,
  clause: string,
  until: Readonly<Partial<Record<Verdict, number>>>,
  within: Readonly<Record<number, string>> = {},
): Line {
  const stated = Object.entries(until) as [Verdict, number][];
  const gone = (stated.at(-1)?.[1] ?? 0) + KEEP;
  const spans = [...stated, ["A", gone] as const].map(([verdict, end], i) => ({
    verdict,
    first: stated[i - 1]?.[1] ?? 0,
    last: end - 1,
  }));
  const edges = spans.flatMap(({ verdict, first, last }): Line["at"] => [
    [first, `first second ${STATES[verdict]}`, verdict],
    [last, `last second ${STATES[verdict]}`, verdict],
  ]);
  const inside = Object.entries(within).map(([text, state]): Line["at"][number] => {
    const age = Number(text);
    return [age, state, spans.find(({ last }) => age <= last)?.verdict ?? "M"];
  });
  return { cc, clause, at: [...edges, ...inside, [gone, STATES.M, "M"]] };
}

/** What is not stored, at these ages. */
const notStored = (cc: string, clause: string, states: Readonly<Record<number, string>>): Line => ({
  cc,
  clause,
  at: Object.entries(states).map(([age, state]) => [Number(age), state, "M"]),
});

const CLOSED = "in a window that is closed";
const LINES: readonly Line[] = [
  line("must-revalidate,max-age=10", "RFC 9111 §5.2.2.2", { H: 10 }, { 15: "after its lifetime" }),
  line("stale-while-revalidate=15,max-age=5", "RFC 5861 §3", { H: 5, U: 20 }, { 12: STATES.U }),
  line("stale-if-error=10,max-age=5", "RFC 5861 §4", { H: 5, F: 15 }, { 9: STATES.F }),
  line(
    "max-age=5,stale-while-revalidate=10,stale-if-error=60",
    "RFC 5861 §3, §4",
    { H: 5, U: 15, F: 65 },
    { 40: STATES.F },
  ),
  line("must-revalidate,max-age=5,stale-while-revalidate=15", "RFC 9111 §5.2.2.2", { H: 5 }, { 12: CLOSED }),
  line("must-revalidate,max-age=5,stale-if-error=10", "RFC 9111 §5.2.2.2", { H: 5 }, { 9: CLOSED }),
  line(
    "max-age=5,stale-while-revalidate=10,stale-if-error=60,must-revalidate",
    "RFC 9111 §5.2.2.2",
    { H: 5 },
    { 14: CLOSED, 40: CLOSED },
  ),
  line(
    "proxy-revalidate,max-age=5,stale-while-revalidate=10,stale-if-error=60",
    "RFC 9111 §5.2.2.8",
    { H: 5 },
    { 14: CLOSED, 40: CLOSED },
  ),
  line("s-maxage=5,max-age=60", "RFC 9111 §5.2.2.10", { H: 5 }, { 30: "fresh to private caches only" }),
  line("s-maxage=5,stale-if-error=10", "RFC 5861 §4", { H: 5, F: 15 }),
  line("s-maxage=5,stale-while-revalidate=15", "RFC 5861 §3", { H: 5, U: 20 }),
  notStored("no-store", "RFC 9111 §5.2.2.5", { 0: "just seen", 10: "later" }),
  notStored("no-store,max-age=60,stale-if-error=60", "RFC 9111 §5.2.2.5", {
    10: "in the lifetime that was not stored",
    70: "in the sie window that was not stored",
  }),
  notStored("private,max-age=60", "RFC 9111 §5.2.2.7", {
    0: "just seen",
    10: "fresh to private caches only",
  }),
  line("no-cache", "RFC 9111 §5.2.2.4", {}, { 10: "later" }),
  line(
    "no-cache,max-age=10,stale-while-revalidate=20,stale-if-error=60",
    "RFC 9111 §5.2.2.4",
    { A: 10 },
    { 5: "in its lifetime", 15: CLOSED, 40: CLOSED },
  ),
  line(undefined, "RFC 9111 §4.2.2, §4.3.1", {}, { 10: "later" }),
];

const ORIGINS = [
  "unchanged",
  "changed",
  "500",
  "502",
  "503",
  "504",
  "refused",
  "timeout",
  "cut off before the head",
  "none healthy",
] as const;
type OriginState = (typeof ORIGINS)[number];

const FAILURES: Readonly<Record<string, OriginError["code"]>> = {
  refused: "refused",
  timeout: "timeout",
  "cut off before the head": "reset",
};

/** `status X-Cache-Status/X-Cache body requests`, the number with a `?` when If-None-Match is sent. */
type Expected = string;

const same = (expected: Expected): Record<OriginState, Expected> =>
  Object.fromEntries(ORIGINS.map((state) => [state, expected])) as Record<OriginState, Expected>;

const SEEN: Readonly<Record<Verdict, Record<OriginState, Expected>>> = {
  // §4.2: fresh, without the origin.
  H: same("200 HIT/HIT old 0"),
  // RFC 5861 §3: at once, whatever the background comes to; where no origin is up there is none.
  U: { ...same("200 HIT/UPDATING old 1?"), "none healthy": "200 HIT/UPDATING old 0" },
  F: {
    ...same("200 HIT/STALE old 1?"),
    unchanged: "200 HIT/REVALIDATED old 1?",
    changed: "200 MISS/EXPIRED new 1?",
    "none healthy": "200 HIT/STALE old 0",
  },
  A: {
    ...same("502 MISS/EXPIRED error 1?"),
    unchanged: "200 HIT/REVALIDATED old 1?",
    changed: "200 MISS/EXPIRED new 1?",
    timeout: "504 MISS/EXPIRED error 1?",
    "none healthy": "502 MISS/EXPIRED error 0",
  },
  // Nothing to fall back on: the origin's own error is the answer, where it gave one.
  M: {
    unchanged: "200 MISS/MISS old 1",
    changed: "200 MISS/MISS new 1",
    "500": "500 MISS/MISS failure 1",
    "502": "502 MISS/MISS failure 1",
    "503": "503 MISS/MISS failure 1",
    "504": "504 MISS/MISS failure 1",
    refused: "502 MISS/MISS error 1",
    timeout: "504 MISS/MISS error 1",
    "cut off before the head": "502 MISS/MISS error 1",
    "none healthy": "502 MISS/MISS error 0",
  },
};

const OLD = { text: "old", etag: '"1"' };
const NEW = { text: "new", etag: '"2"' };

function behave(state: OriginState, cc: string | undefined): (asked: Asked) => void {
  const directive = cc === undefined ? {} : { cc };
  return (asked) => {
    const failure = FAILURES[state];
    if (failure !== undefined) asked.fail(failure);
    else if (state === "unchanged" || state === "changed") {
      const { text, etag } = state === "changed" ? NEW : OLD;
      if (asked.field("if-none-match") === etag) asked.notModified({ ...directive, etag });
      else asked.answer(text, { ...directive, etag });
    } else asked.answer("failure", { status: Number(state) });
  };
}

const bodyOf = ({ text }: Seen): string => (text.startsWith("{") ? "error" : text);

async function play(proxy: TestProxy, state: OriginState, cc: string | undefined): Promise<Expected> {
  proxy.origin.script = behave(state, cc);
  proxy.origin.healthy = state !== "none healthy";
  const answer = await proxy.get("/data?id=1");
  await proxy.drain();
  const { asked } = proxy.origin;
  const validated = asked.length > 0 && asked.every((each) => each.field("if-none-match") === OLD.etag);
  return `${answer.status} ${answer.cache} ${bodyOf(answer)} ${asked.length}${validated ? "?" : ""}`;
}

describe.each(LINES)("Cache-Control: $cc ($clause)", ({ cc, at }) => {
  const rows = at.flatMap(([age, state, verdict]) =>
    ORIGINS.map((origin) => ({ age, state, verdict, origin, expected: SEEN[verdict][origin] })),
  );
  it.each(rows)("$age s, $state; origin $origin → $expected", async ({ age, origin, expected }) => {
    const proxy = aProxy();
    await proxy.prime("/data?id=1", OLD.text, { ...(cc === undefined ? {} : { cc }), etag: OLD.etag });
    proxy.advance(age);
    expect(await play(proxy, origin, cc)).toBe(expected);
  });

  it.each(ORIGINS.map((origin) => ({ origin, expected: SEEN.M[origin] })))(
    "nothing stored; origin $origin → $expected",
    async ({ origin, expected }) => {
      expect(await play(aProxy(), origin, cc)).toBe(expected);
    },
  );
});

describe("what follows an answer", () => {
  const prime = async (cc: string, age: number) => {
    const proxy = aProxy();
    await proxy.prime("/d", "old", { cc, etag: OLD.etag });
    proxy.advance(age);
    return proxy;
  };

  it("revalidated: fresh again for a whole lifetime (RFC 9111 §4.3.4)", async () => {
    const cc = "must-revalidate,max-age=10";
    const proxy = await prime(cc, 12);
    proxy.origin.script = behave("unchanged", cc);
    expect((await proxy.get("/d")).cache).toBe("HIT/REVALIDATED");
    await proxy.drain();
    proxy.advance(9);
    const hit = await proxy.get("/d");
    expect([hit.cache, hit.field("age")]).toEqual(["HIT/HIT", "9"]);
    proxy.advance(1);
    expect((await proxy.get("/d")).cache).toBe("HIT/REVALIDATED");
  });

  it("revalidated by an origin without a clock: fresh again all the same (RFC 9110 §6.6.1)", async () => {
    const proxy = aProxy();
    await proxy.prime("/d", "old", { cc: "max-age=10", etag: OLD.etag, date: false });
    proxy.advance(12);
    proxy.origin.script = (asked) => void asked.notModified({ etag: OLD.etag, date: false });
    expect((await proxy.get("/d")).cache).toBe("HIT/REVALIDATED");
    await proxy.drain();
    proxy.advance(9);
    const hit = await proxy.get("/d");
    expect([hit.cache, hit.field("age")]).toEqual(["HIT/HIT", "9"]);
  });

  it("stale-while-revalidate: one refresh, and the next request sees the new one (RFC 5861 §3)", async () => {
    const cc = "stale-while-revalidate=15,max-age=5";
    const proxy = await prime(cc, 10);
    const three = await Promise.all([proxy.get("/d"), proxy.get("/d"), proxy.get("/d")]);
    expect(three.map(({ cache, text }) => `${cache} ${text}`)).toEqual(Array(3).fill("HIT/UPDATING old"));
    expect(proxy.origin.asked).toHaveLength(1);
    proxy.origin.last.answer("new", { cc, etag: NEW.etag });
    await proxy.drain();
    const next = await proxy.get("/d");
    expect([next.cache, next.text]).toEqual(["HIT/HIT", "new"]);
    expect(proxy.of("refreshed").map(({ result }) => result)).toEqual(["replaced"]);
  });

  it("the error after the windows names its cause and is not stored (RFC 9111 §3)", async () => {
    const proxy = await prime("stale-if-error=10,max-age=5", 15);
    proxy.origin.script = behave("503", undefined);
    const error = await proxy.get("/d");
    expect(JSON.parse(error.text)).toEqual({
      code: "origin_error",
      message: expect.stringContaining("answered with an error"),
      requestId: error.response.outcome.body === "none" ? expect.stringMatching(/^request-/) : "",
    });
    expect(error.field("cache-control")).toBe("no-store");
    expect(error.cacheStatus).toBe("freshline; fwd=stale; fwd-status=503; detail=origin_error");
    proxy.origin.script = behave("unchanged", undefined);
    expect((await proxy.get("/d")).cache).toBe("HIT/REVALIDATED");
  });

  it.each([
    ["refused", 502, "origin_unreachable"],
    ["timeout", 504, "origin_timeout"],
    ["cut off before the head", 502, "origin_unreachable"],
    ["none healthy", 502, "no_healthy_origin"],
  ] as const)("nothing stored, origin %s: %i %s", async (state, status, code) => {
    const proxy = aProxy();
    proxy.origin.script = behave(state, undefined);
    proxy.origin.healthy = state !== "none healthy";
    const error = await proxy.get("/d");
    expect([error.status, (JSON.parse(error.text) as { code: string }).code]).toEqual([status, code]);
  });

  it("stale-if-error without a healthy origin asks nobody", async () => {
    const proxy = await prime("stale-if-error=10,max-age=5", 7);
    proxy.origin.healthy = false;
    const stale = await proxy.get("/d");
    expect([stale.cache, stale.field("age")]).toEqual(["HIT/STALE", "7"]);
    expect(stale.cacheStatus).toBe("freshline; hit; ttl=-2; detail=stale-if-error");
    expect(proxy.origin.unroutable).toBe(0);
  });

  it("an origin's 503 within the window is told as such", async () => {
    const proxy = await prime("stale-if-error=10,max-age=5", 7);
    proxy.origin.script = behave("503", undefined);
    expect((await proxy.get("/d")).cacheStatus).toBe(
      "freshline; fwd=stale; fwd-status=503; detail=stale-if-error",
    );
  });

  it("an operator's default windows count where the response names none, and s-maxage closes them", async () => {
    const admission = { defaultStaleWhileRevalidate: 10, defaultStaleIfError: 20 };
    const open = aProxy({ admission });
    await open.prime("/d", "old", { cc: "max-age=5", etag: OLD.etag });
    open.advance(6);
    expect((await open.get("/d")).cache).toBe("HIT/UPDATING");
    open.origin.last.fail();
    await open.drain();
    const closed = aProxy({ admission });
    await closed.prime("/d", "old", { cc: "s-maxage=5", etag: OLD.etag });
    closed.advance(6);
    closed.origin.script = behave("503", undefined);
    expect((await closed.get("/d")).status).toBe(502);
  });

  it("a client's only-if-cached is never forwarded (RFC 9111 §5.2.1.7)", async () => {
    const proxy = await prime("max-age=5", 6);
    const fields = ["Cache-Control", "only-if-cached"];
    expect((await proxy.get("/d", { fields })).status).toBe(504);
    expect((await proxy.get("/other", { fields })).status).toBe(504);
    await settled();
    expect(proxy.origin.asked).toHaveLength(0);
  });

  it("a client's max-stale is granted without a refresh, and must-revalidate refuses it (§5.2.1.2)", async () => {
    const fields = ["Cache-Control", "max-stale=10"];
    const open = await prime("max-age=5", 7);
    expect((await open.get("/d", { fields })).cache).toBe("HIT/STALE");
    expect(open.origin.asked).toHaveLength(0);
    const closed = await prime("max-age=5,must-revalidate", 7);
    closed.origin.script = behave("unchanged", undefined);
    expect((await closed.get("/d", { fields })).cache).toBe("HIT/REVALIDATED");
  });
});
