import {
  type FieldLines,
  fieldLineValues,
  fieldValue,
  listedNames,
  lowerCaseName,
  mediaType,
} from "./fields.ts";
import { remembering } from "./remembering.ts";
import type { Instructions } from "./targeted.ts";
import { type Treatment, UNKEYED } from "./unkeyed.ts";

/** What an operator says otherwise; names in lower case, with `*` as in the table. The first that has a name decides. */
export interface UnkeyedSettings {
  /** No origin gets these (UNKEYED_FIELDS_STRIP). */
  readonly stripped: readonly string[];
  /** Whole names that select among all stored answers (CACHE_KEY_FIELDS). */
  readonly keyed: readonly string[];
  /** These are passed and count for nothing (UNKEYED_FIELDS_PASS). */
  readonly passed: readonly string[];
}

/** A request as far as its answer may depend on it. */
interface Asked {
  readonly method: string;
  readonly fields: FieldLines;
}

/** An answer as far as it says whether what answers one request is for others. */
interface Answered {
  readonly uri: string;
  readonly fields: FieldLines;
  /** It is explicitly allowed to be shared although it answers credentials (RFC 9111 §3.5). */
  readonly shareable: boolean;
}

/** What becomes of the request fields that no key has (unkeyed.ts). */
export interface UnkeyedFields {
  /** The lines that an origin may get with this method; `others` are names, in lower case, that it does not get either. */
  withoutStripped(lines: FieldLines, method: string, others?: ReadonlySet<string>): string[];
  /** Names of the fields that select this response although its Vary does not name them (RFC 9111 §4.1). */
  selecting(response: FieldLines): string[];
  /** Why an answer to this request is for this one alone, if it is. */
  whyAlone(request: Asked, answered: Answered): "cookie" | "unkeyed-field" | undefined;
}

const NONE: ReadonlySet<string> = new Set();

const isRead = (method: string): boolean => method === "GET" || method === "HEAD";

/** Which names does a rule such as `x-forwarded-*`, or `*_*`, or a whole name, have? All in lower case. */
function covering(rule: string): (name: string) => boolean {
  if (rule === "*_*") return (name) => /[^a-z0-9-]/.test(name);
  const beginning = rule.slice(0, -1);
  return rule.endsWith("*") ? (name) => name.startsWith(beginning) : (name) => name === rule;
}

interface Rule {
  readonly rule: string;
  readonly covers: (name: string) => boolean;
  readonly treatment: Treatment | "passed";
}

const ruleOf = (rule: string, treatment: Rule["treatment"]): Rule => ({
  rule,
  covers: covering(rule),
  treatment,
});

export function unkeyedFields({ stripped, keyed, passed }: UnkeyedSettings): UnkeyedFields {
  const rules: Rule[] = [
    ...stripped.map((rule) => ruleOf(rule, "stripped")),
    ...keyed.map((name) => ruleOf(name, "keyed")),
    ...passed.map((rule) => ruleOf(rule, "passed")),
    ...UNKEYED.flatMap(({ fields, treatment }) => fields.map((rule) => ruleOf(rule, treatment))),
  ];
  const wild = rules.filter(({ rule }) => rule.includes("*"));
  // Of a whole name the first rule is the one that counts, and one with a star only where it stands before.
  const whole = new Map(
    rules.filter(({ rule }) => !rule.includes("*")).map(({ rule }) => [rule, first(rules, rule)] as const),
  );
  /** Most names have no rule, which only a look at all rules tells. */
  const treatmentOf = remembering((name) => whole.get(name) ?? first(wild, name), 1024);

  return {
    withoutStripped(lines, method, others = NONE) {
      const kept: string[] = [];
      for (let i = 0; i + 1 < lines.length; i += 2) {
        const name = lowerCaseName(lines[i] as string);
        if (others.has(name)) continue;
        const treatment = treatmentOf(name);
        if (treatment === "stripped") continue;
        if (treatment === "stripped-if-safe" && isRead(method)) continue;
        kept.push(lines[i] as string, lines[i + 1] as string);
      }
      return kept;
    },

    selecting(response) {
      const names = [...keyed];
      const isKeyed = (name: string) => treatmentOf(name) === "keyed" && !keyed.includes(name);
      const coding = fieldValue(response, "content-encoding")?.trim().toLowerCase() ?? "";
      if (coding !== "" && coding !== "identity" && isKeyed("accept-encoding")) names.push("accept-encoding");
      const reader = fieldLineValues(response, "access-control-allow-origin")[0] ?? "*";
      if (reader !== "*" && isKeyed("origin")) names.push("origin");
      return names;
    },

    whyAlone({ method, fields: asked }, { uri, fields, shareable }) {
      const vary = listedNames(fields, "vary");
      for (let i = 0; i < asked.length; i += 2) {
        const name = lowerCaseName(asked[i] as string);
        const treatment = treatmentOf(name);
        if (treatment === undefined || vary.includes(name)) continue;
        if (treatment === "alone" || (treatment === "stripped-if-safe" && !isRead(method)))
          return "unkeyed-field";
        if (treatment === "cookie" && isInDisguise(uri, fields)) return "cookie";
        // Of Authorization the caller knows all there is to know (§3.5).
        if (treatment === "credential" && name !== "authorization" && !shareable) return "unkeyed-field";
      }
      return undefined;
    },
  };
}

function first(rules: readonly Rule[], name: string): Rule["treatment"] | undefined {
  for (const { covers, treatment } of rules) if (covers(name)) return treatment;
  return undefined;
}

/** Does it say that shared caches may give it to others, whoever asked (RFC 9111 §3.5, RFC 9213 §2)? */
export const isForAll = ({ directives, expiresCounts }: Instructions): boolean =>
  directives.public ||
  directives.sMaxage !== undefined ||
  directives.mustRevalidate ||
  // What is aimed at this kind of cache is for its users.
  !expiresCounts;

/** What pages are made of, and is nobody's in particular. */
const isMedia = (fields: FieldLines): boolean =>
  /^(?:image|font|audio|video)\/|^text\/(?:css|javascript)$|^application\/(?:(?:x-)?javascript|wasm|manifest\+json|x-font-.+|font-.+|vnd\.ms-fontobject)$/.test(
    mediaType(fields),
  );

const MEDIA_SUFFIX =
  /\.(?:css|m?js|png|jpe?g|gif|webp|avif|svg|ico|bmp|woff2?|ttf|otf|eot|mp[34]|m4[av]|webm|og[agv]|wav|wasm)$/i;

/** Is it a document under a name that says style, script or picture (web cache deception)? */
const isInDisguise = (uri: string, fields: FieldLines): boolean =>
  MEDIA_SUFFIX.test(uri.split("?", 1)[0] ?? "") &&
  !isMedia(fields) &&
  mediaType(fields) !== "application/octet-stream";
