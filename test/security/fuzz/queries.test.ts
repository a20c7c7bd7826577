import fc from "fast-check";
import { expect } from "vitest";
import { parseQuery } from "../../../src/observe/query.ts";
import { anAnswer, HIT, MISS } from "../../observe/an-event.ts";
import { fuzz } from "./harness.ts";

const TEXTS = {
  id: "r-7",
  method: "GET",
  host: "shop.example",
  cache: "MISS",
  reason: "set-cookie",
  fwd: "uri-miss",
} as const;
const NUMBERS = { bytes: 2048, ttfb: 250, total: 1500, age: 90, ttl: -30, status: 502 } as const;
const FACTS = {
  ...TEXTS,
  ...NUMBERS,
  hit: false,
  collapsed: true,
  tier: undefined,
  origin: undefined,
} as const;
const ANSWER = anAnswer({
  requestId: FACTS.id,
  method: FACTS.method,
  uri: `http://${FACTS.host}/api?token=hunter2`,
  status: FACTS.status,
  outcome: { ...MISS, reason: FACTS.reason, collapsed: true, age: FACTS.age, ttl: FACTS.ttl },
  bytes: FACTS.bytes,
  headMs: FACTS.ttfb,
  durationMs: FACTS.total,
});
const { tier: _, ...WITHOUT_TIER } = ANSWER;

const UNITS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  bytes: { "": 1, B: 1, k: 1024, KiB: 1024, kb: 1000, MiB: 1024 ** 2 },
  ttfb: { "": 1, ms: 1, us: 0.001, s: 1000, m: 60_000 },
  total: { "": 1, ms: 1, s: 1000 },
  age: { "": 1, s: 1, m: 60, h: 3600 },
  ttl: { "": 1, s: 1, ms: 0.001, d: 86_400 },
};

type Condition = readonly [field: keyof typeof FACTS, operator: string, value: string];

const anyOf = <T extends object>(of: T) => fc.constantFrom(...(Object.keys(of) as (keyof T)[]));
const compares = fc.constantFrom("=", "!=", "<", ">", "<=", ">=");
const textCondition = fc.tuple(
  fc.oneof(anyOf(TEXTS), fc.constantFrom("tier" as const, "origin" as const)),
  fc.constantFrom("=", "!=", "~"),
  fc.constantFrom("r-7", "GET", "get", "shop", "MISS", "set-cookie", "-", "memory", "E", "uri-miss"),
);
const numberCondition = anyOf(UNITS).chain((field) =>
  fc.tuple(
    fc.constant(field as keyof typeof FACTS),
    compares,
    fc
      .tuple(
        fc.constantFrom("0", "2", "2048", "250", "0.25", "1.5", "-30", "90", "1500"),
        anyOf(UNITS[field] ?? {}),
      )
      .map((both) => both.join("")),
  ),
);
const otherCondition = fc.oneof(
  fc.tuple(
    fc.constantFrom("hit" as const, "collapsed" as const),
    fc.constantFrom("=", "!="),
    fc.constantFrom("true", "NO", "yes", "false"),
  ),
  fc.tuple(fc.constant("status" as const), compares, fc.constantFrom("502", "200", "500")),
  fc.tuple(
    fc.constant("status" as const),
    fc.constantFrom("=", "!="),
    fc.constantFrom("5xx", "4XX", "MISS", "hit"),
  ),
);
const conditions: fc.Arbitrary<Condition[]> = fc.array(
  fc.oneof(textCondition, numberCondition, otherCondition),
  { maxLength: 3 },
);

/** What a refusal does not have. */
const AGES: readonly string[] = ["age", "ttl"];
const { age: __, ttl: ___, ...YOUNG } = WITHOUT_TIER.outcome;

/** Does it hold of the answer, which may have no age? */
function holds([field, operator, value]: Condition, hasAge: boolean): boolean {
  const fact: string | number | boolean | undefined =
    hasAge || !AGES.includes(field) ? FACTS[field] : undefined;
  const isNot = operator === "!=";
  if (typeof fact === "boolean") return (fact === /^(true|yes)$/i.test(value)) !== isNot;
  if (field === "status" && /xx$/i.test(value)) return (String(fact)[0] === value[0]) !== isNot;
  if (field === "status" && /^[a-z]+$/i.test(value))
    return (FACTS.cache.toLowerCase() === value.toLowerCase()) !== isNot;
  if (fact === undefined) return isNot;
  if (typeof fact === "string") {
    const [has, wanted] = [fact.toLowerCase(), value.toLowerCase()];
    return operator === "~" ? has.includes(wanted) : (has === wanted) !== isNot;
  }
  const [, number = "", unit = ""] = /^(-?[\d.]+)(.*)$/.exec(value) ?? [];
  const wanted = Number(number) * (UNITS[field]?.[unit] ?? 1);
  const order = Math.sign(fact - wanted);
  switch (operator) {
    case "=":
      return order === 0;
    case "!=":
      return order !== 0;
    case "<":
      return order < 0;
    case ">":
      return order > 0;
    case "<=":
      return order <= 0;
    default:
      return order >= 0;
  }
}

fuzz("a query of the tail means what it says", {
  corpus: "queries",
  inputs: fc.tuple(conditions, fc.constantFrom(" ", "  ", "\t", "\n"), fc.boolean()),
  runs: 4000,
  holds: ([all, blank, quotes]) => {
    const text = all
      .map(([field, operator, value]) => `${field}${operator}${quotes ? `"${value}"` : value}`)
      .join(blank);
    const parsed = parseQuery(text);
    if (typeof parsed !== "function") throw new Error(`${parsed.problem} at ${parsed.at} of ${text}`);
    for (const hasAge of [true, false]) {
      const event = hasAge ? WITHOUT_TIER : { ...WITHOUT_TIER, outcome: YOUNG };
      expect(parsed(event)).toBe(all.every((condition) => holds(condition, hasAge)));
    }
  },
});

const bits = fc.constantFrom(
  ...[
    "status",
    "url",
    "ttfb",
    "toString",
    "__proto__",
    "=",
    "!=",
    "<",
    "~",
    "~~",
    '"',
    " ",
    "5xx",
    "200ms",
    "\t",
    "\0",
    "\ud800",
    "é",
    "a".repeat(990),
  ],
);

fuzz("whatever is asked of the tail, it answers with a place in the query, or matches without harm", {
  corpus: "broken-queries",
  inputs: fc.oneof(
    fc.array(bits, { maxLength: 8 }).map((all) => all.join("")),
    fc.string({ unit: "binary", maxLength: 30 }),
  ),
  runs: 4000,
  holds: (text) => {
    const parsed = parseQuery(text);
    if (typeof parsed === "function") {
      for (const event of [WITHOUT_TIER, anAnswer({ outcome: HIT })])
        expect(typeof parsed(event)).toBe("boolean");
      // What is hidden from readers cannot be asked for.
      const guesses = parseQuery('url~"hunter2"');
      if (typeof guesses === "function") expect(guesses(WITHOUT_TIER)).toBe(false);
      return;
    }
    expect(parsed.problem.length).toBeLessThan(1500);
    expect(parsed.at).toBeGreaterThanOrEqual(1);
    expect(parsed.at).toBeLessThanOrEqual(text.length + 1);
  },
});
