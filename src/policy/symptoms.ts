import { type FieldLines, fieldLineValues, fieldValue, hasField } from "./fields.ts";
import { fieldDate } from "./http-date.ts";
import { siteOf } from "./key.ts";
import type { ReasonCode } from "./reasons.ts";
import { type EpochMs, type Seconds, secondsBetween } from "./stored-response.ts";
import type { Instructions } from "./targeted.ts";

/** A response as it came, or as it is stored. */
export interface SeenResponse {
  readonly status: number;
  readonly fields: FieldLines;
  readonly responseTime: EpochMs;
  /** As it came just now: of a stored one nobody can tell whether it was old already. */
  readonly live: boolean;
  /** freshness_lifetime, where it may be stored. */
  readonly lifetime?: Seconds;
  /** Which origin sent it, as scheme://host:port. */
  readonly origin?: string;
}

export interface AdviceFacts {
  /** The primary key. */
  readonly key: string;
  readonly response?: SeenResponse;
  /** Why it is not stored, or what else decided. */
  readonly code: ReasonCode;
}

/** All that a rule of advice may look at. */
export interface Seen extends AdviceFacts {
  readonly response: SeenResponse;
  readonly instructions: Instructions;
}

/** A redirect to the address by which we reach the origin, and no client may. */
export function leadsToOrigin({ response, key }: Seen): boolean {
  const location = fieldLineValues(response.fields, "location")[0];
  if (location === undefined || response.origin === undefined) return false;
  const authority = /^https?:\/\/([^/?#]+)/i.exec(location)?.[1]?.toLowerCase();
  return authority === response.origin.replace(/^https?:\/\//, "") && !siteOf(key).endsWith(`/${authority}`);
}

const LIFETIMES = "max-age|s-maxage|stale-while-revalidate|stale-if-error";
const SPOILT: Readonly<Record<"strict" | "lenient", RegExp>> = {
  // A structured field's number has no quotes (RFC 9213 §2.1).
  strict: new RegExp(`(?:^|[\\s,;])((?:${LIFETIMES})=(?!\\d+(?:$|[\\s,;]))[^,;]*)`, "i"),
  lenient: new RegExp(`(?:^|[\\s,;])((?:${LIFETIMES})=(?!"?\\d+"?(?:$|[\\s,;]))[^,;]*)`, "i"),
};

/** A lifetime that is written so that it is none. */
export function misquoted({ response, instructions: { from } }: Seen): string | undefined {
  const strict = from === "cdn-cache-control" || from === "freshline-cache-control";
  return SPOILT[strict ? "strict" : "lenient"].exec(fieldValue(response.fields, from) ?? "")?.[1]?.trim();
}

/** By how much the origin's clock is behind ours, as far as its Date tells; 0 where a cache may have made it old. */
export function skewOf({ response }: Seen): Seconds {
  const { fields, responseTime, live } = response;
  const date = fieldDate(fields, "date", responseTime);
  return !live || hasField(fields, "age") || date === undefined ? 0 : secondsBetween(date, responseTime);
}

/** What advertisers and mailers add to links. */
const NOISE =
  /^(?:utm_[a-z_]+|gclid|dclid|gbraid|wbraid|fbclid|msclkid|yclid|ttclid|twclid|igshid|mc_cid|mc_eid|_ga|_gl|ref_src)$/;

/** The names in a key that only tell where a visitor came from. */
export function noiseIn(key: string): string[] {
  const query = key.split("?", 2)[1] ?? "";
  const names = query.split("&").map((pair) => pair.split("=", 1)[0] ?? "");
  return [...new Set(names.filter((name) => NOISE.test(name)))];
}
