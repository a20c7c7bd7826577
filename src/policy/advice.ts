import { fieldLineValues, fieldValue, hasField, listedNames } from "./fields.ts";
import { siteOf } from "./key.ts";
import type { NotStoredReason } from "./outcome.ts";
import { type ReasonCode, reasonOf } from "./reasons.ts";
import { hasValidator, type Seconds, validatorsOf } from "./stored-response.ts";
import { type AdviceFacts, leadsToOrigin, misquoted, noiseIn, type Seen, skewOf } from "./symptoms.ts";
import { instructionsOf } from "./targeted.ts";

/** A cause that can be mended, and how. */
export interface Advice {
  readonly code: AdviceCode | ReasonCode;
  readonly sentence: string;
}

interface Rule {
  readonly code: string;
  /** What is to be done, where the rule applies. */
  readonly sentence: (seen: Seen) => string | undefined;
}

const rule = <Code extends string>(
  code: Code,
  applies: (seen: Seen) => boolean,
  sentence: string | ((seen: Seen) => string),
) => ({
  code,
  sentence: (seen: Seen): string | undefined => {
    if (!applies(seen)) return undefined;
    return typeof sentence === "string" ? sentence : sentence(seen);
  },
});

const refusedFor =
  (...reasons: readonly NotStoredReason[]) =>
  ({ code }: Seen): boolean =>
    (reasons as readonly ReasonCode[]).includes(code);

/** The lifetime is none, whoever says so. */
const isStaleAtOnce = (seen: Seen): boolean => seen.code === "no-freshness" || seen.response.lifetime === 0;

/** It says 0 itself, and nothing that only counts as 0. */
const statesNone = (seen: Seen, name: "maxAge" | "sMaxage"): boolean =>
  isStaleAtOnce(seen) && seen.instructions.directives[name] === 0 && misquoted(seen) === undefined;

/** No directive states a lifetime, and this field is there. */
const isLifetimeBy = ({ response, instructions }: Seen, name: "expires" | "pragma"): boolean => {
  const { directives, expiresCounts } = instructions;
  const stated = directives.sMaxage !== undefined || directives.maxAge !== undefined;
  return expiresCounts && !stated && hasField(response.fields, name);
};

/** A clock that is off by less is right enough. */
const TOLERATED_SKEW: Seconds = 60;

const field = ({ response }: Seen, name: string): string => fieldValue(response.fields, name) ?? "";

/** In the order in which causes hide one another: the first that applies is the one to mend first. */
const RULES = [
  rule(
    "wrong-host",
    (seen) => seen.response.status === 421 || leadsToOrigin(seen),
    ({ response, key }) =>
      `The origin leads to its own address (${fieldLineValues(response.fields, "location")[0] ?? response.status}) in place of ${siteOf(key)}: it is asked under its own Host; set PRESERVE_HOST=true.`,
  ),
  rule(
    "no-store-upstream",
    (seen) =>
      seen.code === "no-store" && (hasField(seen.response.fields, "via") || field(seen, "age") !== ""),
    (seen) =>
      `no-store came with Via: ${field(seen, "via")}: look at the proxy between this one and the origin, which may have added it.`,
  ),
  rule(
    "framework-private",
    (seen) =>
      seen.code === "private" && /\bmax-age=0\b|\bmust-revalidate\b/.test(field(seen, "cache-control")),
    (seen) =>
      `Cache-Control: ${field(seen, "cache-control")} is what frameworks send when nobody has said anything: send s-maxage=… or public where the answer is everybody's.`,
  ),
  rule(
    "quoted-number",
    (seen) => isStaleAtOnce(seen) && misquoted(seen) !== undefined,
    (seen) => `${misquoted(seen)} is no number of seconds, and counts as 0: write it in digits alone.`,
  ),
  rule(
    "redirect-without-lifetime",
    (seen) => seen.code === "status" && seen.response.status >= 300 && seen.response.status < 400,
    ({ response }) =>
      `A ${response.status} is stored only with a lifetime of its own: send max-age with it, or 301 or 308 where it is for good.`,
  ),
  rule(
    "unasked-part",
    refusedFor("partial"),
    ({ response }) =>
      `The origin answers ${response.status} with Content-Range to a request without Range: send 200 with the whole.`,
  ),
  rule(
    "s-maxage-zero",
    (seen) => statesNone(seen, "sMaxage"),
    "s-maxage=0 is for shared caches, and counts before max-age: take it away, or give it a time.",
  ),
  rule(
    "always-validated",
    (seen) => seen.instructions.directives.noCache && seen.code !== "no-store" && seen.code !== "private",
    "no-cache has the origin asked for every request: send max-age=…, with stale-while-revalidate=… where it may be a little old.",
  ),
  rule(
    "must-revalidate-zero",
    (seen) => statesNone(seen, "maxAge") && seen.instructions.directives.mustRevalidate,
    "max-age=0, must-revalidate is no-cache by another name: every request waits for a validation, and no stale answer bridges a failure.",
  ),
  rule(
    "zero-lifetime",
    (seen) => statesNone(seen, "maxAge"),
    "max-age=0 makes it stale as it comes: send a lifetime, or s-maxage=… for this cache and max-age=0 for browsers.",
  ),
  rule(
    "clock-skew",
    (seen) => Math.abs(skewOf(seen)) > TOLERATED_SKEW && seen.code !== "no-store" && seen.code !== "private",
    (seen) => {
      const skew = Math.round(skewOf(seen));
      return `The origin's Date is ${Math.abs(skew)} s ${skew > 0 ? "behind" : "ahead of"} this machine's clock, which counts as age: set the origin's clock.`;
    },
  ),
  rule(
    "expires-past",
    (seen) => isStaleAtOnce(seen) && isLifetimeBy(seen, "expires"),
    (seen) => `Expires: ${field(seen, "expires")} is over already: send max-age=… in its place.`,
  ),
  rule(
    "pragma",
    (seen) => isStaleAtOnce(seen) && isLifetimeBy(seen, "pragma"),
    "Pragma says nothing in a response (RFC 9111 §5.4), and no lifetime is stated: send Cache-Control.",
  ),
  rule(
    "vary-user-agent",
    (seen) => seen.code !== "vary-star" && listedNames(seen.response.fields, "vary").includes("user-agent"),
    "Vary: User-Agent keeps one variant for each of thousands of browsers: vary by what differs, such as Sec-CH-UA-Mobile, or not at all.",
  ),
  rule(
    "query-noise",
    ({ key }) => noiseIn(key).length > 0,
    ({ key }) =>
      `${noiseIn(key).join(", ")} only tell where a visitor came from, and each value is another key: set CACHE_KEY_IGNORE_PARAMS=${noiseIn(key).join(",")}.`,
  ),
  rule(
    "no-validators",
    ({ code, response }) =>
      reasonOf(code).group !== "not storing" &&
      response.status === 200 &&
      response.lifetime !== undefined &&
      !hasValidator(validatorsOf(response.fields)),
    "It has neither ETag nor Last-Modified: when it is stale the whole body is sent again, changed or not.",
  ),
] as const satisfies readonly Rule[];

export type AdviceCode = (typeof RULES)[number]["code"];

export const ADVICE_CODES: readonly AdviceCode[] = RULES.map(({ code }) => code);

/** What should be mended, and how, the first cause first; empty where nothing needs to be. */
export function adviceFor(facts: AdviceFacts): Advice[] {
  const { response, code } = facts;
  const found: Advice[] = [];
  if (response !== undefined) {
    const instructions = instructionsOf(response.fields, response.responseTime);
    for (const rule of RULES) {
      const sentence = rule.sentence({ ...facts, response, instructions });
      if (sentence !== undefined) found.push({ code: rule.code, sentence });
    }
  }
  const { group, change } = reasonOf(code);
  const explained = found.some((advice) => EXPLAINED[code]?.includes(advice.code as AdviceCode));
  const mendable = group === "not storing" || group === "bypassing" ? !PASSING.has(code) : LASTING.has(code);
  return mendable && !explained ? [{ code, sentence: change }, ...found] : found;
}

const FRESHNESS: readonly AdviceCode[] = [
  "wrong-host",
  "quoted-number",
  "s-maxage-zero",
  "always-validated",
  "must-revalidate-zero",
  "zero-lifetime",
  "clock-skew",
  "expires-past",
  "pragma",
];

/** Which rules name the very cause of what the reason says of all such responses. */
const EXPLAINED: Readonly<Partial<Record<ReasonCode, readonly AdviceCode[]>>> = {
  "no-store": ["no-store-upstream"],
  private: ["framework-private"],
  status: ["wrong-host", "redirect-without-lifetime"],
  partial: ["unasked-part"],
  "no-freshness": FRESHNESS,
};

/** Failures that wait for the operator, whatever the next answer is. */
const LASTING: ReadonlySet<ReasonCode> = new Set<ReasonCode>(["origin_certificate"]);

/** The next answer may do better by itself. */
const PASSING: ReadonlySet<ReasonCode> = new Set<ReasonCode>(["purged"]);
