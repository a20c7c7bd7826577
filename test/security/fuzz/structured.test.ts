import fc from "fast-check";
import { describe, expect } from "vitest";
import { type ResponseDirectives, responseDirectives } from "../../../src/policy/cache-control.ts";
import { cacheGroups } from "../../../src/policy/cache-groups.ts";
import { type SearchVariance, searchVariance } from "../../../src/policy/no-vary-search.ts";
import { cacheStatusMember, type Outcome, withValidCacheStatus } from "../../../src/policy/outcome.ts";
import { instructionsOf } from "../../../src/policy/targeted.ts";
import { NOW, URI } from "../../policy/builders.ts";
import { fuzz } from "./harness.ts";
import { type Item, type Member, orNone, readDictionary, readList } from "./reference-structured.ts";

const STRINGS = [
  '"a"',
  '"X-User"',
  '"a, b"',
  '"\\"\\\\"',
  '""',
  '"@1"',
  '"x=60.0"',
  '"%C3%A9+x"',
  '"\\',
  '"',
];
const ITEMS = [
  ...[
    "a",
    "*",
    "60",
    "0",
    "-1",
    "60.0",
    "60.5",
    "0.1234",
    "1234567890123456",
    "123456789012345",
    "060",
    "1.",
  ],
  ...["?1", "?0", "?2", "@1", "@-1659578233", "@1.5", ":YQ==:", "::", ":*:", '%"f%c3%bc"', '%"%zz"', '%"\\"'],
  ...STRINGS,
];
const KEYS = [
  ...["max-age", "s-maxage", "no-store", "private", "no-cache", "public", "must-understand", "Max-Age"],
  ...["stale-while-revalidate", "params", "except", "key-order", "a", "*b", "-c", "_"],
];
const BREAKS = [",", ", ", " ,\t", ",,", ";", "; ", " ;", "=", " = ", "(", ")", " ", "\t", "\0", "\xff", "="];

/** Nearly right ones of all kinds, and bits in any order. */
const item = fc.constantFrom(...ITEMS);
const key = fc.constantFrom(...KEYS);
const parameters = fc
  .array(fc.tuple(fc.constantFrom(";", "; "), key, fc.option(item)), { maxLength: 2 })
  .map((all) =>
    all.map(([mark, name, value]) => `${mark}${name}${value === null ? "" : `=${value}`}`).join(""),
  );
const whole = fc.tuple(item, parameters).map((both) => both.join(""));
const innerList = fc
  .tuple(fc.array(whole, { maxLength: 3 }), fc.constantFrom(" ", "  ", ""), parameters)
  .map(([items, space, more]) => `(${items.join(space)})${more}`);
const member = fc.oneof({ weight: 3, arbitrary: whole }, { weight: 1, arbitrary: innerList });
const comma = fc.constantFrom(",", ", ", " ,\t", ",,");
const joined = (members: fc.Arbitrary<string>) =>
  fc.tuple(fc.array(members, { maxLength: 4 }), comma).map(([all, between]) => all.join(between));
const dictionaryMember = fc.oneof(
  fc.tuple(key, member).map((both) => both.join("=")),
  fc.tuple(key, parameters).map((both) => both.join("")),
);
const bits = fc
  .array(fc.constantFrom(...ITEMS, ...KEYS, ...BREAKS), { maxLength: 10 })
  .map((all) => all.join(""));
/** A dictionary of the members that mean something to No-Vary-Search, or to a cache. */
const known = fc.oneof(
  joined(
    fc
      .tuple(
        fc.constantFrom("params", "except", "key-order"),
        fc.constantFrom("", "=?1", "=?0", '=("a")', '=("a" "%C3%A9+x")', "=()", '=("a" b)', "=1"),
      )
      .map((both) => both.join("")),
  ),
  joined(
    fc
      .tuple(
        fc.constantFrom(
          "max-age",
          "s-maxage",
          "private",
          "no-cache",
          "no-store",
          "public",
          "must-understand",
        ),
        fc.constantFrom("", "=?0", "=60", "=-1", "=60.0", '="X-User"', '="a, B"', "=a", "=@1", "=(1)"),
      )
      .map((both) => both.join("")),
  ),
);
const texts = fc.oneof(
  known,
  joined(member),
  joined(dictionaryMember),
  joined(fc.constantFrom(...STRINGS)),
  bits,
);

const isItem = (member: Member | undefined): member is Item => member !== undefined && "item" in member;

describe("a structured field is what RFC 9651 says it is, or ignored as a whole:", () => {
  fuzz("Cache-Groups", {
    corpus: "structured",
    inputs: texts,
    runs: 2000,
    holds: (text) => {
      const members = orNone(() => readList(text)) ?? [];
      const groups = members.map((each) =>
        isItem(each) && each.item.type === "string" ? each.item.value : null,
      );
      expect(cacheGroups(["Cache-Groups", text], URI)).toEqual(
        groups.includes(null) ? [] : [...new Set(groups)],
      );
    },
  });

  fuzz("Cache-Status", {
    corpus: "structured",
    inputs: texts,
    runs: 2000,
    holds: (text) => {
      const lines = ["Cache-Status", text];
      const kept = withValidCacheStatus(["A", "b", ...lines]);
      expect(kept).toEqual(["A", "b", ...(orNone(() => readList(text)) === undefined ? [] : lines)]);
    },
  });

  fuzz("CDN-Cache-Control", {
    corpus: "structured",
    inputs: texts,
    runs: 2000,
    holds: (text) => {
      const members = orNone(() => readDictionary(text));
      const { directives, from } = instructionsOf(
        ["CDN-Cache-Control", text, "Cache-Control", "max-age=9"],
        NOW,
      );
      const decides = members !== undefined && members.size > 0;
      expect(from).toBe(decides ? "cdn-cache-control" : "cache-control");
      if (decides) expect(directives).toEqual(meant(members));
    },
  });

  fuzz("No-Vary-Search", {
    corpus: "structured",
    inputs: texts,
    runs: 2000,
    holds: (text) => {
      const members = orNone(() => readDictionary(text));
      expect(searchVariance(["No-Vary-Search", text])).toEqual(members && varianceOf(members));
    },
  });
});

/** The directives of a targeted field (RFC 9213 §2.1), each by its type. */
function meant(members: ReadonlyMap<string, Member>): ResponseDirectives {
  const isOn = (name: string): boolean => {
    const member = members.get(name);
    return member !== undefined && !(isItem(member) && member.item.type === "boolean" && !member.item.value);
  };
  const isPlainlyOn = (name: string): boolean => {
    const member = members.get(name);
    return isItem(member) && member.item.type === "boolean" && member.item.value === true;
  };
  const seconds = (name: string): number | undefined => {
    const member = members.get(name);
    if (!isOn(name)) return undefined;
    const given = isItem(member) && member.item.type === "integer" ? Number(member.item.value) : 0;
    return Math.min(Math.max(given, 0), 2 ** 31);
  };
  const fields = (name: string): string[] => {
    const member = members.get(name);
    if (!isItem(member) || member.item.type !== "string") return [];
    const names = String(member.item.value)
      .split(",")
      .map((each) => each.replace(/^[ \t]+|[ \t]+$/g, ""));
    const named = names.filter((each) => each !== "");
    return named.every((each) => /^[!#$%&'*+.^_`|~\w-]+$/.test(each))
      ? named.map((each) => each.toLowerCase())
      : [];
  };
  return {
    ...responseDirectives(new Map()),
    maxAge: seconds("max-age"),
    sMaxage: seconds("s-maxage"),
    staleWhileRevalidate: seconds("stale-while-revalidate"),
    noStore: isOn("no-store"),
    public: isPlainlyOn("public"),
    mustUnderstand: isPlainlyOn("must-understand"),
    private: isOn("private") && fields("private").length === 0,
    noCache: isOn("no-cache") && fields("no-cache").length === 0,
    withheldFields: [...fields("private"), ...fields("no-cache")],
  };
}

/** “Parsing” of draft-ietf-httpbis-no-vary-search. */
function varianceOf(members: ReadonlyMap<string, Member>): SearchVariance | undefined {
  const flag = (member: Member | undefined): boolean | undefined => {
    if (member === undefined) return false;
    return isItem(member) && member.item.type === "boolean" ? Boolean(member.item.value) : undefined;
  };
  const strings = (member: Member): string[] | undefined => {
    if (isItem(member)) return undefined;
    if (member.items.some(({ item }) => item.type !== "string")) return undefined;
    return member.items.map(({ item }) => decoded(String(item.value)));
  };
  const [params, except] = [members.get("params"), members.get("except")];
  const keyOrder = flag(members.get("key-order"));
  if (keyOrder === undefined) return undefined;
  const all = flag(params);
  if (all === undefined) {
    const names = params === undefined || except !== undefined ? undefined : strings(params);
    if (names === undefined || (names.length === 0 && !keyOrder)) return undefined;
    return { parameters: { type: "all-but", names }, keyOrder };
  }
  if (except !== undefined) {
    const names = strings(except);
    return all && names !== undefined ? { parameters: { type: "only", names }, keyOrder } : undefined;
  }
  if (all) return { parameters: { type: "only", names: [] }, keyOrder };
  return keyOrder ? { parameters: { type: "all-but", names: [] }, keyOrder } : undefined;
}

/** A name in application/x-www-form-urlencoded (“parse a key”). */
const decoded = (name: string): string =>
  Buffer.from(
    name
      .replaceAll("+", " ")
      .replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  ).toString("utf8");

const whole32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 });
const outcomes: fc.Arbitrary<Outcome> = fc.record(
  {
    word: fc.constantFrom("HIT", "MISS", "STALE", "BYPASS"),
    body: fc.constantFrom("cache", "origin", "none"),
    fwd: fc.constantFrom("bypass", "method", "uri-miss", "stale"),
    fwdStatus: fc.integer({ min: 100, max: 599 }),
    ttl: whole32,
    stored: fc.boolean(),
    collapsed: fc.boolean(),
    reason: fc.constantFrom("no-store", "method", "origin_timeout", "client-max-stale"),
  },
  { requiredKeys: ["word", "body"] },
);

fuzz("our own member of Cache-Status is read as what it says", {
  corpus: "outcomes",
  inputs: outcomes,
  runs: 2000,
  holds: (outcome) => {
    const [only, ...others] = readList(`other; hit, ${cacheStatusMember("freshline", outcome)}`).slice(
      1,
    ) as Item[];
    expect(others).toEqual([]);
    expect(only?.item).toEqual({ type: "token", value: "freshline" });
    const said = Object.fromEntries([...(only?.parameters ?? [])].map(([name, { value }]) => [name, value]));
    const { fwd, fwdStatus, ttl, stored, collapsed, reason, body } = outcome;
    expect(said).toEqual({
      ...(fwd === undefined ? (body === "cache" ? { hit: true } : {}) : { fwd }),
      ...(fwdStatus === undefined ? {} : { "fwd-status": fwdStatus }),
      ...(ttl === undefined ? {} : { ttl }),
      ...(stored === true ? { stored } : {}),
      ...(collapsed === true ? { collapsed } : {}),
      ...(reason === undefined || reason === fwd ? {} : { detail: reason }),
    });
  },
});
