import { type FieldLines, fieldValue, isToken, listMembers, trimOws } from "./fields.ts";
import type { Seconds } from "./stored-response.ts";

/** delta-seconds beyond this count as this: the largest that RFC 9111 §1.2.2 asks recipients to hold. */
const MAX_DELTA: Seconds = 2 ** 31;

/**
 * Directive names (lower-case) to arguments; null where there is none (RFC 9111 §5.2).
 * Of a repeated directive the first counts (§4.2.1), except where the arguments only narrow it.
 */
export type Directives = ReadonlyMap<string, string | null>;

const NONE: Directives = new Map();

/** An argument narrows these to some fields; repeated they add up, as the most restrictive counts (§4.2.1). */
const NARROWABLE: ReadonlySet<string> = new Set(["private", "no-cache"]);

/** Reads a Cache-Control field; arguments may be tokens or quoted strings (§5.2: recipients accept both). */
export function parseDirectives(lines: FieldLines, name = "cache-control"): Directives {
  const value = fieldValue(lines, name);
  if (value === undefined) return NONE;
  const directives = new Map<string, string | null>();
  for (const member of listMembers(value)) {
    const equals = member.indexOf("=");
    const name = equals === -1 ? member : member.slice(0, equals);
    const directive = trimOws(name).toLowerCase();
    const given = equals === -1 ? null : member.slice(equals + 1);
    // No whitespace may stand before "=" (§5.2): the directive is meant, and its argument is none.
    const argument = given === null || trimOws(name) !== name ? given && "" : unquoted(given);
    const earlier = directives.get(directive);
    if (earlier === undefined) directives.set(directive, argument);
    else if (NARROWABLE.has(directive))
      directives.set(directive, earlier && argument ? `${earlier},${argument}` : null);
  }
  if (hasStrayQuote(value))
    for (const restriction of restrictionsIn(value)) directives.set(restriction, null);
  return directives;
}

const RESTRICTIONS = ["no-store", "no-cache", "private", "must-revalidate", "proxy-revalidate"];

/** Is there a quotation mark that belongs to no argument (§5.2, RFC 9110 §5.6.4)? Nobody can tell what it quotes. */
export const hasStrayQuote = (value: string): boolean =>
  value.replace(/=[ \t]*"(?:[^"\\]|\\.)*"/g, "=").includes('"');

/** Every restriction that is named at all: a stray quotation mark hides none. */
function restrictionsIn(value: string): readonly string[] {
  const names = value.split(/[",]/).map((member) => trimOws(member.split("=", 1)[0] ?? "").toLowerCase());
  return RESTRICTIONS.filter((restriction) => names.includes(restriction));
}

/** A quoted-string's content (RFC 9110 §5.6.4); anything else as it is. */
function unquoted(argument: string): string {
  if (argument.length < 2 || !argument.startsWith('"') || !argument.endsWith('"')) return argument;
  return argument.slice(1, -1).replace(/\\(.)/g, "$1");
}

/**
 * A directive's delta-seconds (§1.2.2), or undefined when the directive is absent.
 * An argument that is missing, negative, decimal or no number at all means 0: invalid
 * freshness is stale (§4.2.1), an invalid permission is none.
 */
export function deltaSeconds(directives: Directives, name: string): Seconds | undefined {
  const argument = directives.get(name);
  if (argument === undefined) return undefined;
  if (argument === null || !/^\d+$/.test(argument)) return 0;
  return Math.min(Number(argument), MAX_DELTA);
}

/** What a response's directives mean to a shared cache (§5.2.2). */
export interface ResponseDirectives {
  readonly maxAge: Seconds | undefined;
  readonly sMaxage: Seconds | undefined;
  readonly staleWhileRevalidate: Seconds | undefined;
  readonly staleIfError: Seconds | undefined;
  readonly noStore: boolean;
  readonly mustUnderstand: boolean;
  readonly public: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  /** Unqualified `private`: for one user (§5.2.2.7). */
  readonly private: boolean;
  /** Unqualified `no-cache`: validate before every reuse (§5.2.2.4). */
  readonly noCache: boolean;
  /** Fields that qualified `private="…"` and `no-cache="…"` keep out of a shared cache, lower-case. */
  readonly withheldFields: readonly string[];
}

/** What they mean to a shared cache (§5.2.2). */
export function responseDirectives(directives: Directives): ResponseDirectives {
  const fieldsOf = (name: string): readonly string[] => {
    const argument = directives.get(name);
    if (argument === undefined || argument === null) return [];
    const names = listMembers(argument).map((field) => field.toLowerCase());
    return names.every(isToken) ? names : [];
  };
  const privateFields = fieldsOf("private");
  const noCacheFields = fieldsOf("no-cache");
  return {
    maxAge: deltaSeconds(directives, "max-age"),
    sMaxage: deltaSeconds(directives, "s-maxage"),
    staleWhileRevalidate: deltaSeconds(directives, "stale-while-revalidate"),
    staleIfError: deltaSeconds(directives, "stale-if-error"),
    noStore: directives.has("no-store"),
    mustUnderstand: directives.has("must-understand"),
    public: directives.has("public"),
    mustRevalidate: directives.has("must-revalidate"),
    proxyRevalidate: directives.has("proxy-revalidate"),
    // A list that is empty or malformed qualifies nothing: the directive stands for the whole response.
    private: directives.has("private") && privateFields.length === 0,
    noCache: directives.has("no-cache") && noCacheFields.length === 0,
    withheldFields: [...privateFields, ...noCacheFields],
  };
}

/** What a client asks of the cache (§5.2.1). Advisory; an operator may have it ignored altogether. */
export interface RequestDirectives {
  readonly maxAge?: Seconds;
  /** Infinity when max-stale came without an argument: any staleness. */
  readonly maxStale?: Seconds;
  readonly minFresh?: Seconds;
  readonly noCache: boolean;
  readonly noStore: boolean;
  readonly onlyIfCached: boolean;
}

/** What a request asks whose directives are ignored (CACHE_CLIENT_DIRECTIVES=ignore): they are advisory (§5.2.1). */
export const NOTHING_ASKED: RequestDirectives = { noCache: false, noStore: false, onlyIfCached: false };

/** What they ask for (§5.2.1); Pragma stands in for a Cache-Control that is not there (§5.4). */
export function requestDirectives(lines: FieldLines): RequestDirectives {
  const directives = parseDirectives(lines);
  if (directives.size === 0) {
    // Pragma: no-cache counts only where there is no Cache-Control (§5.4).
    const pragma = fieldValue(lines, "pragma");
    const noCache =
      pragma !== undefined && listMembers(pragma).some((member) => member.toLowerCase() === "no-cache");
    return noCache ? { ...NOTHING_ASKED, noCache } : NOTHING_ASKED;
  }
  const maxAge = deltaSeconds(directives, "max-age");
  const minFresh = deltaSeconds(directives, "min-fresh");
  const maxStale =
    directives.get("max-stale") === null ? Number.POSITIVE_INFINITY : deltaSeconds(directives, "max-stale");
  return {
    ...(maxAge === undefined ? {} : { maxAge }),
    ...(maxStale === undefined ? {} : { maxStale }),
    ...(minFresh === undefined ? {} : { minFresh }),
    noCache: directives.has("no-cache"),
    noStore: directives.has("no-store"),
    onlyIfCached: directives.has("only-if-cached"),
  };
}
