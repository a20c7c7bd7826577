import fc from "fast-check";
import { describe, expect } from "vitest";
import {
  parseDirectives,
  type RequestDirectives,
  type ResponseDirectives,
  requestDirectives,
  responseDirectives,
} from "../../../src/policy/cache-control.ts";
import { instructionsOf } from "../../../src/policy/targeted.ts";
import { NOW } from "../../policy/builders.ts";
import { fuzz } from "./harness.ts";
import { type Given, loosely, strictly } from "./reference-directives.ts";

const NAMES = [
  ...["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error", "max-stale", "min-fresh", "Max-AGE"],
  ...["no-store", "no-cache", "private", "public", "must-revalidate", "proxy-revalidate", "must-understand"],
  ...["only-if-cached", "NO-Store", "Private", "ext", "no-storage", "__proto__", "x-no-store"],
];
const ARGUMENTS = [
  ...["60", "0", "007", "-1", "+1", "1.0", "1e1", "2147483648", "2147483649", "9".repeat(400), "a", "0x10"],
  ...[
    '"60"',
    '"X-User"',
    '"x-user, set-cookie"',
    '"a\\", no-store"',
    '"private"',
    '"\\\\"',
    '""',
    '" , "',
    '"',
  ],
  ...["X-User", "'60'", "", '"60', '60"', '"\\', "\xff", '"\xff\t"', "60;a", '"a" b', "=", "==1"],
];
const SEPARATORS = [",", ", ", " ,\t", ",,", " , , ", ";", " ", "", '"', ',"'];

const member = fc.oneof(
  fc.constantFrom(...NAMES),
  fc
    .tuple(
      fc.constantFrom(...NAMES),
      fc.constantFrom("=", "=", "=", "=", " =", "= ", "\t=\t"),
      fc.constantFrom(...ARGUMENTS),
    )
    .map((all) => all.join("")),
);
const right = fc
  .array(
    fc
      .tuple(fc.constantFrom(...NAMES), fc.option(fc.constantFrom(...ARGUMENTS.slice(0, 22))))
      .map(([name, argument]) => (argument === null ? name : `${name}=${argument}`)),
    { maxLength: 6 },
  )
  .chain((members) => fc.constantFrom(...SEPARATORS.slice(0, 5)).map((between) => members.join(between)));
const wrong = fc
  .array(fc.tuple(member, fc.constantFrom(...SEPARATORS)), { maxLength: 6 })
  .map((all) => all.flat().join(""));
const bytes = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 30 });
const values = fc.oneof(
  { weight: 4, arbitrary: right },
  { weight: 4, arbitrary: wrong },
  { weight: 1, arbitrary: bytes },
);

/** delta-seconds (§1.2.2): the first that is given (§4.2.1); what is none is 0. */
function seconds(given: readonly Given[], wanted: string, bare = 0): number | undefined {
  const found = given.find(([name]) => name === wanted);
  if (found === undefined) return undefined;
  if (found[1] === null) return bare;
  return /^[0-9]+$/.test(found[1]) ? Math.min(Number(found[1]), 2 ** 31) : 0;
}

/** The fields that every one of these directives names, or undefined where one of them means the whole response. */
function narrowed(given: readonly Given[], wanted: string): string[] | undefined {
  const fields: string[] = [];
  for (const [name, argument] of given) {
    if (name !== wanted) continue;
    const names = (argument ?? "")
      .split(",")
      .map((each) => each.replace(/^[ \t]+|[ \t]+$/g, "").toLowerCase());
    // Of an empty argument nothing is narrowed, whatever others say.
    if (argument === null || argument === "") return undefined;
    fields.push(...names.filter((each) => each !== ""));
  }
  return fields.length > 0 && fields.every((each) => /^[!#$%&'*+.^_`|~\w-]+$/.test(each))
    ? fields
    : undefined;
}

/** RFC 9111 §5.2.2. */
function responseMeant(given: readonly Given[]): ResponseDirectives {
  const has = (wanted: string) => given.some(([name]) => name === wanted);
  const [privateFields, noCacheFields] = [narrowed(given, "private"), narrowed(given, "no-cache")];
  return {
    maxAge: seconds(given, "max-age"),
    sMaxage: seconds(given, "s-maxage"),
    staleWhileRevalidate: seconds(given, "stale-while-revalidate"),
    staleIfError: seconds(given, "stale-if-error"),
    noStore: has("no-store"),
    mustUnderstand: has("must-understand"),
    public: has("public"),
    mustRevalidate: has("must-revalidate"),
    proxyRevalidate: has("proxy-revalidate"),
    private: has("private") && privateFields === undefined,
    noCache: has("no-cache") && noCacheFields === undefined,
    withheldFields: [...(privateFields ?? []), ...(noCacheFields ?? [])],
  };
}

/** RFC 9111 §5.2.1. */
function requestMeant(given: readonly Given[]): RequestDirectives {
  const has = (wanted: string) => given.some(([name]) => name === wanted);
  const [maxAge, minFresh] = [seconds(given, "max-age"), seconds(given, "min-fresh")];
  const maxStale = seconds(given, "max-stale", Number.POSITIVE_INFINITY);
  return {
    ...(maxAge === undefined ? {} : { maxAge }),
    ...(maxStale === undefined ? {} : { maxStale }),
    ...(minFresh === undefined ? {} : { minFresh }),
    noCache: has("no-cache"),
    noStore: has("no-store"),
    onlyIfCached: has("only-if-cached"),
  };
}

/** Is there a quotation mark that is around no argument? */
function hasStray(value: string): boolean {
  let rest = value;
  for (let at = rest.search(/=[ \t]*"/); at !== -1; at = rest.search(/=[ \t]*"/)) {
    if (rest.slice(0, at).includes('"')) return true;
    const quoted = /^=[ \t]*"(?:[^"\\]|\\.)*"/s.exec(rest.slice(at))?.[0];
    if (quoted === undefined) return true;
    rest = rest.slice(at + quoted.length);
  }
  return rest.includes('"');
}

const RESTRICTIONS = ["noStore", "private", "noCache", "mustRevalidate", "proxyRevalidate"] as const;
const PERMISSIONS = ["public", "mustUnderstand"] as const;
const LIFETIMES = ["maxAge", "sMaxage", "staleWhileRevalidate", "staleIfError"] as const;

describe("Cache-Control", () => {
  fuzz(
    "is what RFC 9111 says it is, and where it is nothing of that it allows no more than others read in it",
    {
      corpus: "directives",
      inputs: values,
      runs: 4000,
      holds: (value) => {
        const read = responseDirectives(parseDirectives(["Cache-Control", value]));
        const asked = requestDirectives(["Cache-Control", value]);
        const given = strictly(value);
        if (given !== undefined) {
          expect(read).toEqual(responseMeant(given));
          expect(asked).toEqual(requestMeant(given));
          return;
        }
        // Of a stray quotation mark nobody can tell what it hides: no restriction that is named at all.
        if (hasStray(value)) {
          const named = loosely(value.replaceAll('"', ","))[0] ?? [];
          const meant = responseMeant(named.map(([name]): Given => [name, null]));
          for (const name of RESTRICTIONS) if (meant[name]) expect([name, read[name]]).toEqual([name, true]);
        }
        const readings = loosely(value).map(responseMeant);
        for (const name of RESTRICTIONS) {
          // Restricted to some fields counts where nobody reads more in it.
          if (readings.every((each) => each[name])) expect([name, read[name]]).toEqual([name, true]);
        }
        for (const name of PERMISSIONS) {
          if (read[name]) expect(readings.map((each) => each[name])).toContain(true);
        }
        for (const name of LIFETIMES) {
          if (read[name]) expect(readings.map((each) => each[name])).toContain(read[name]);
        }
      },
    },
  );

  fuzz("says the same on one line and on several, and in any case", {
    corpus: "directive-lines",
    inputs: fc.tuple(right, right),
    runs: 2000,
    holds: ([one, other]) => {
      const read = (...lines: string[]) => {
        const all = lines.flatMap((line) => ["cache-CONTROL", line]);
        return [responseDirectives(parseDirectives(all)), requestDirectives(all)];
      };
      expect(read(one, other)).toEqual(read(`${one}, ${other}`));
      expect(read(one.toUpperCase(), other)).toEqual(read(one, other.toUpperCase()));
    },
  });
});

const surrogateMember = fc.tuple(
  fc.constantFrom("max-age", "no-store", "private", "no-cache", "content", "MAX-AGE"),
  fc.option(fc.constantFrom("60", "60+30", "60+", "+30", "60+30+1", '"ESI/1.0"', '"a;b"', '"a, b"', "x")),
  fc.option(fc.constantFrom("freshline", "other", "q=1")),
);

fuzz(
  "Surrogate-Control: what is for a surrogate of a name is for it alone, and n+m is a lifetime and a stale window",
  {
    corpus: "surrogate-control",
    inputs: fc.array(surrogateMember, { maxLength: 4 }),
    runs: 2000,
    holds: (members) => {
      const text = members.map(
        ([name, value, to]) => `${name}${value === null ? "" : `=${value}`}${to === null ? "" : `;${to}`}`,
      );
      const read = instructionsOf(["Surrogate-Control", text.join(", "), "Cache-Control", "max-age=9"], NOW);
      const ours = members
        .filter(([, , to]) => to === null)
        .map(([name, value]): Given => {
          return [name.toLowerCase(), value?.replace(/^"|"$/g, "") ?? null];
        });
      const decides = ours.some(([name]) => ["max-age", "no-store", "private", "no-cache"].includes(name));
      expect(read.from).toBe(decides ? "surrogate-control" : "cache-control");
      if (!decides) return;
      const [, window] = /^\d+\+(\d+)$/.exec(ours.find(([name]) => name === "max-age")?.[1] ?? "") ?? [];
      const plain = ours.map(
        ([name, value]): Given => [
          name,
          name === "max-age" ? (value?.replace(/^(\d+)\+\d+$/, "$1") ?? null) : value,
        ],
      );
      expect(read.directives).toEqual({
        ...responseMeant(plain),
        staleWhileRevalidate: window === undefined ? undefined : Number(window),
      });
    },
  },
);
