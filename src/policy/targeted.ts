import {
  type Directives,
  hasStrayQuote,
  parseDirectives,
  type ResponseDirectives,
  responseDirectives,
} from "./cache-control.ts";
import { type FieldLines, fieldValue, listMembers, trimOws } from "./fields.ts";
import { remembering } from "./remembering.ts";
import { type EpochMs, secondsBetween } from "./stored-response.ts";
import { readDictionary } from "./structured-fields.ts";

/**
 * The fields that aim at this cache, most specific first (RFC 9213 §2.2). The first that is
 * present, valid and not empty decides alone: Cache-Control and Expires are then ignored.
 */
const TARGET_LIST = ["freshline-cache-control", "cdn-cache-control"] as const;

/** What a response says to this cache, and whether Expires counts beside it. */
export interface Instructions {
  readonly directives: ResponseDirectives;
  readonly expiresCounts: boolean;
  /** Where the directives stand. */
  readonly from: (typeof TARGET_LIST)[number] | "surrogate-control" | "x-accel-expires" | "cache-control";
}

/** Which of a response's many control fields counts (RFC 9213 §2.2)? */
export function instructionsOf(lines: FieldLines, now: EpochMs): Instructions {
  for (const name of TARGET_LIST) {
    const targeted = targetedDirectives(lines, name);
    if (targeted !== undefined)
      return { directives: responseDirectives(targeted), expiresCounts: false, from: name };
  }
  const surrogate = surrogateDirectives(lines);
  if (surrogate !== undefined)
    return { directives: responseDirectives(surrogate), expiresCounts: false, from: "surrogate-control" };
  const accel = accelExpires(lines, now);
  if (accel !== undefined) return { directives: accel, expiresCounts: false, from: "x-accel-expires" };
  const value = fieldValue(lines, "cache-control");
  return {
    directives: value === undefined ? NO_DIRECTIVES : directivesIn(value),
    expiresCounts: true,
    from: "cache-control",
  };
}

const NO_DIRECTIVES = responseDirectives(new Map());

/** A site writes them in few ways. */
const directivesIn = remembering(
  (value) => responseDirectives(parseDirectives(["cache-control", value])),
  256,
);

/**
 * A targeted field as directives: a structured-field dictionary, read strictly (RFC 9213 §2.1).
 * Undefined when it is absent, malformed (then it is ignored as a whole) or empty; one whose
 * every directive is unknown or off is none of these, and decides.
 */
function targetedDirectives(lines: FieldLines, name: string): Directives | undefined {
  const value = fieldValue(lines, name);
  if (value === undefined) return undefined;
  try {
    const members = readDictionary(value);
    if (members.size === 0) return undefined;
    const directives = new Map<string, string | null>();
    for (const [directive, [item]] of members) {
      const argument = argumentOf(directive, item);
      if (argument !== undefined) directives.set(directive, argument);
    }
    return directives;
  } catch {
    return undefined;
  }
}

const FIELD_LISTS: ReadonlySet<string> = new Set(["private", "no-cache"]);
const PERMISSIONS: ReadonlySet<string> = new Set(["public", "must-understand"]);

/**
 * A directive's argument; null where it has none, undefined where the directive is off. A value
 * of a type that is not the directive's permits nothing and lifts no restriction: a lifetime
 * becomes an invalid one, a list of fields stands for all of them.
 */
function argumentOf(directive: string, item: unknown): string | null | undefined {
  if (item === true) return null;
  if (item === false || PERMISSIONS.has(directive)) return undefined;
  if (FIELD_LISTS.has(directive)) return typeof item === "string" ? item : null;
  return Number.isInteger(item) ? String(item) : "";
}

/** One of these says that Surrogate-Control is about storing, and not about content alone. */
const SURROGATE_POLICY = ["max-age", "no-store", "private", "no-cache"] as const;

/**
 * Surrogate-Control (Edge Architecture 1.0): `no-store`, `max-age=60`, `max-age=60+30` for a stale
 * window on top. A directive with `;name` is for the surrogate of that name, and never for us.
 * Undefined when it is absent or says nothing about storing.
 */
function surrogateDirectives(lines: FieldLines): Directives | undefined {
  const value = fieldValue(lines, "surrogate-control");
  if (value === undefined) return undefined;
  const directives = new Map<string, string | null>();
  const isOurs = (member: string): boolean => !member.replace(/"[^"]*"/g, "").includes(";");
  const ours = hasStrayQuote(value) ? [value] : listMembers(value).filter(isOurs);
  for (const [name, argument] of parseDirectives(
    ["surrogate-control", ours.join(",")],
    "surrogate-control",
  )) {
    const extended = name === "max-age" ? /^(\d+)\+(\d+)$/.exec(argument ?? "") : null;
    directives.set(name, extended ? (extended[1] ?? null) : argument);
    if (extended) directives.set("stale-while-revalidate", extended[2] ?? null);
  }
  return SURROGATE_POLICY.some((name) => directives.has(name)) ? directives : undefined;
}

/** Beyond this a number has no plain digits any more; deltaSeconds caps it further. */
const LONGEST = 2 ** 53;

/** nginx's X-Accel-Expires: seconds, 0 or `off` for not at all, `@` and an epoch time in seconds. */
function accelExpires(lines: FieldLines, now: EpochMs): ResponseDirectives | undefined {
  const value = fieldValue(lines, "x-accel-expires");
  if (value === undefined) return undefined;
  const match = /^(off|(@?)(\d+))$/.exec(trimOws(value));
  if (!match) return undefined;
  const given = Number(match[3]);
  const at = match[2] === "@" ? Math.max(0, Math.floor(secondsBetween(now, given * 1000))) : given;
  const directive: [string, string | null] =
    match[1] === "off" || at === 0 ? ["no-store", null] : ["max-age", String(Math.min(at, LONGEST))];
  return responseDirectives(new Map([directive]));
}
