import { parseDictionary } from "structured-headers";
import {
  type Directives,
  parseDirectives,
  type ResponseDirectives,
  responseDirectives,
} from "./cache-control.ts";
import { type FieldLines, fieldValue, hasField } from "./fields.ts";
import { type EpochMs, secondsBetween } from "./stored-response.ts";

/**
 * The fields that aim at this cache, most specific first (RFC 9213 §2.2). The first that is
 * present, valid and not empty decides alone: Cache-Control and Expires are then ignored.
 */
const TARGET_LIST = ["freshline-cache-control", "cdn-cache-control"] as const;

/** What a response says to this cache, and whether Expires counts beside it. */
export interface Instructions {
  readonly directives: ResponseDirectives;
  readonly expiresCounts: boolean;
}

/** Which of a response's many control fields counts (RFC 9213 §2.2)? */
export function instructionsOf(lines: FieldLines, now: EpochMs): Instructions {
  for (const name of TARGET_LIST) {
    const targeted = targetedDirectives(lines, name);
    if (targeted !== undefined) return { directives: responseDirectives(targeted), expiresCounts: false };
  }
  const surrogate = hasField(lines, "surrogate-control")
    ? parseDirectives(lines, "surrogate-control")
    : undefined;
  if (surrogate !== undefined && surrogate.size > 0) {
    return { directives: responseDirectives(surrogateDirectives(surrogate)), expiresCounts: false };
  }
  const accel = accelExpires(lines, now);
  if (accel !== undefined) return { directives: accel, expiresCounts: false };
  return { directives: responseDirectives(parseDirectives(lines)), expiresCounts: true };
}

/**
 * A targeted field as directives: a structured-field dictionary, read strictly (RFC 9213 §2.1).
 * Undefined when it is absent, malformed (then it is ignored as a whole) or empty.
 */
function targetedDirectives(lines: FieldLines, name: string): Directives | undefined {
  const value = fieldValue(lines, name);
  if (value === undefined) return undefined;
  try {
    const directives = new Map<string, string | null>();
    for (const [directive, [item]] of parseDictionary(value)) {
      // "If a directive's value is of another type than its definition asks for, it is ignored."
      if (item === true) directives.set(directive, null);
      else if (typeof item === "number" && Number.isInteger(item) && item >= 0)
        directives.set(directive, String(item));
      else if (typeof item === "string" && FIELD_LISTS.has(directive)) directives.set(directive, item);
    }
    return directives.size === 0 ? undefined : directives;
  } catch {
    return undefined;
  }
}

const FIELD_LISTS: ReadonlySet<string> = new Set(["private", "no-cache"]);

/** Surrogate-Control (Edge Architecture 1.0): `no-store`, `max-age=60`, `max-age=60+30` for a stale window on top. */
function surrogateDirectives(given: Directives): Directives {
  const directives = new Map<string, string | null>();
  for (const [name, argument] of given) {
    const extended = /^(\d+)\+(\d+)$/.exec(argument ?? "");
    directives.set(name, extended ? (extended[1] ?? null) : argument);
    if (extended) directives.set("stale-while-revalidate", extended[2] ?? null);
  }
  return directives;
}

/** nginx's X-Accel-Expires: seconds, 0 or `off` for not at all, `@` and an epoch time in seconds. */
function accelExpires(lines: FieldLines, now: EpochMs): ResponseDirectives | undefined {
  const value = fieldValue(lines, "x-accel-expires")?.trim();
  const match = value === undefined ? null : /^(off|(@?)(\d+))$/.exec(value);
  if (!match) return undefined;
  const at =
    match[2] === "@"
      ? Math.max(0, Math.floor(secondsBetween(now, Number(match[3]) * 1000)))
      : Number(match[3]);
  const directive: [string, string | null] =
    match[1] === "off" || at === 0 ? ["no-store", null] : ["max-age", String(at)];
  return responseDirectives(new Map([directive]));
}
