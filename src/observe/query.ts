import type { CacheEvent } from "../cache/events.ts";
import { xCacheStatus } from "../policy/outcome.ts";
import { shownUrl } from "./live.ts";
import { shownUri } from "./redact.ts";

type Answered = CacheEvent & { readonly type: "answered" };
export type Matches = (event: Answered) => boolean;

/** Why a query is not one; `at` counts characters from 1 on. */
export interface QueryProblem {
  readonly problem: string;
  readonly at: number;
}

/** Longer ones are refused, in characters. */
const MAX_QUERY = 1000;

interface TextField {
  readonly kind: "text";
  readonly of: (event: Answered) => string | undefined;
}
interface NumberField {
  readonly kind: "status" | "duration" | "seconds" | "size";
  readonly of: (event: Answered) => number | undefined;
}
interface SwitchField {
  readonly kind: "switch";
  readonly of: (event: Answered) => boolean;
}

const FIELDS = {
  id: { kind: "text", of: (event) => event.requestId },
  method: { kind: "text", of: (event) => event.method },
  host: { kind: "text", of: (event) => shownUri(event.uri).host },
  // As readers see it: what is hidden from them cannot be guessed bit by bit.
  url: { kind: "text", of: (event) => shownUrl(event.uri) },
  status: { kind: "status", of: (event) => event.status },
  cache: { kind: "text", of: (event) => event.outcome.word },
  hit: { kind: "switch", of: (event) => xCacheStatus(event.outcome) === "HIT" },
  reason: { kind: "text", of: (event) => event.outcome.reason },
  fwd: { kind: "text", of: (event) => event.outcome.fwd },
  tier: { kind: "text", of: (event) => event.tier },
  age: { kind: "seconds", of: (event) => event.outcome.age },
  ttl: { kind: "seconds", of: (event) => event.outcome.ttl },
  bytes: { kind: "size", of: (event) => event.bytes },
  ttfb: { kind: "duration", of: (event) => event.headMs },
  total: { kind: "duration", of: (event) => event.durationMs },
  origin: { kind: "text", of: (event) => event.origin },
  collapsed: { kind: "switch", of: (event) => event.outcome.collapsed === true },
} as const satisfies Record<string, TextField | NumberField | SwitchField>;

type FieldName = keyof typeof FIELDS;
const QUERY_FIELDS = Object.keys(FIELDS) as readonly FieldName[];

type Operator = "=" | "!=" | "<" | ">" | "<=" | ">=" | "~";

/** A condition, with blanks before it; its value may be in quotes. */
const CONDITION = /\s*([A-Za-z_]+)(!=|<=|>=|=|<|>|~)("[^"]*"|[^\s"]+)?/y;

/**
 * Which answers does a query mean? Conditions with blanks between them must all hold:
 * `cache=MISS reason=set-cookie ttfb>200ms url~/api/`. `=` and `~` (contains) do not look at case;
 * a field that an answer does not have fulfils `!=` alone. An empty query means all.
 */
export function parseQuery(text: string): Matches | QueryProblem {
  if (text.length > MAX_QUERY)
    return { problem: `a query has at most ${MAX_QUERY} characters`, at: MAX_QUERY };
  const conditions: Matches[] = [];
  let at = 0;
  while (text.slice(at).trim() !== "") {
    const start = at + (text.slice(at).length - text.slice(at).trimStart().length);
    CONDITION.lastIndex = at;
    const [whole, name = "", operator = "=", value] = CONDITION.exec(text) ?? [];
    if (whole === undefined)
      return { problem: "expected a field, an operator (= != < > <= >= ~) and a value", at: start + 1 };
    const valueAt = start + name.length + operator.length + 1;
    if (!isField(name))
      return { problem: `no field is called ${name}; there are ${QUERY_FIELDS.join(", ")}`, at: start + 1 };
    if (value === undefined) return { problem: `${name}${operator} needs a value`, at: valueAt };
    const condition = conditionOf(name, operator as Operator, value.replaceAll('"', ""));
    if (typeof condition === "string") return { problem: condition, at: valueAt };
    conditions.push(condition);
    at = CONDITION.lastIndex;
    if (at < text.length && !/\s/.test(text[at] as string))
      return { problem: "expected a blank between two conditions", at: at + 1 };
  }
  return (event) => conditions.every((holds) => holds(event));
}

const isField = (name: string): name is FieldName => Object.hasOwn(FIELDS, name);

const SWITCHES: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["yes", true],
  ["false", false],
  ["no", false],
]);

/** The condition, or what is wrong with it. */
function conditionOf(name: FieldName, operator: Operator, value: string): Matches | string {
  const field: TextField | NumberField | SwitchField = FIELDS[name];
  switch (field.kind) {
    case "text":
      return textCondition(field.of, name, operator, value);
    case "switch": {
      if (operator !== "=" && operator !== "!=") return `${name} takes = and != alone`;
      const wanted = SWITCHES.get(value.toLowerCase());
      if (wanted === undefined) return `${name} is true or false, not ${value}`;
      return (event) => (field.of(event) === wanted) === (operator === "=");
    }
    case "status":
      return statusCondition(field.of, operator, value);
    case "duration":
    case "seconds":
    case "size":
      return numberCondition(field, name, operator, value);
  }
}

function textCondition(
  of: TextField["of"],
  name: string,
  operator: Operator,
  value: string,
): Matches | string {
  const wanted = value.toLowerCase();
  switch (operator) {
    case "=":
      return (event) => of(event)?.toLowerCase() === wanted;
    case "!=":
      return (event) => of(event)?.toLowerCase() !== wanted;
    case "~":
      return (event) => of(event)?.toLowerCase().includes(wanted) === true;
    default:
      return `${name} is a text: it takes =, != and ~`;
  }
}

/** A number, a class of numbers (5xx), or what X-Cache says: `status=MISS` is what people write. */
function statusCondition(of: NumberField["of"], operator: Operator, value: string): Matches | string {
  if (/^[1-9]xx$/i.test(value)) {
    if (operator !== "=" && operator !== "!=") return `status${operator} needs a number, not a class`;
    const first = Number(value[0]);
    return (event) => (Math.floor((of(event) ?? 0) / 100) === first) === (operator === "=");
  }
  if (/^[a-z]+$/i.test(value)) return textCondition(FIELDS.cache.of, "status", operator, value);
  if (!/^\d{3}$/.test(value)) return `a status is a number such as 404, a class such as 5xx, or HIT, MISS …`;
  return compare(of, "status", operator, Number(value));
}

/** By unit: how many milliseconds, seconds and bytes it is. A number without unit is in the first. */
const UNITS: Readonly<Record<"duration" | "seconds" | "size", Readonly<Record<string, number>>>> = {
  duration: { ms: 1, us: 0.001, µs: 0.001, s: 1000, m: 60_000 },
  seconds: { s: 1, ms: 0.001, m: 60, h: 3600, d: 86_400 },
  size: {
    b: 1,
    k: 1024,
    kib: 1024,
    kb: 1000,
    m: 1024 ** 2,
    mib: 1024 ** 2,
    mb: 1000 ** 2,
    gib: 1024 ** 3,
    gb: 1000 ** 3,
  },
};
const EXAMPLES = { duration: "200ms", seconds: "30s", size: "64KiB" } as const;

function numberCondition(
  { kind, of }: NumberField,
  name: string,
  operator: Operator,
  value: string,
): Matches | string {
  if (kind === "status") return `${name} is no quantity`;
  const [, digits, unit = ""] = /^(-?\d+(?:\.\d+)?)([a-zµ]*)$/i.exec(value) ?? [];
  const units = new Map(Object.entries(UNITS[kind]));
  const factor = unit === "" ? 1 : units.get(unit.toLowerCase());
  if (digits === undefined || factor === undefined)
    return `${name} is written like ${EXAMPLES[kind]}, not ${value}`;
  return compare(of, name, operator, Number(digits) * factor);
}

function compare(of: NumberField["of"], name: string, operator: Operator, wanted: number): Matches | string {
  const holds: Readonly<Record<Exclude<Operator, "~">, (value: number) => boolean>> = {
    "=": (value) => value === wanted,
    "!=": (value) => value !== wanted,
    "<": (value) => value < wanted,
    ">": (value) => value > wanted,
    "<=": (value) => value <= wanted,
    ">=": (value) => value >= wanted,
  };
  if (operator === "~") return `${name} is a number: it takes no ~`;
  const test = holds[operator];
  return (event) => {
    const value = of(event);
    return value === undefined ? operator === "!=" : test(value);
  };
}
