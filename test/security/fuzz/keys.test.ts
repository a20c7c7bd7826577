import { BlockList } from "node:net";
import fc from "fast-check";
import { describe, expect } from "vitest";
import type { FieldLines } from "../../../src/policy/fields.ts";
import { selectingFields, variantId, variantMatches } from "../../../src/policy/key.ts";
import { type ReadingSettings, readRequest } from "../../../src/server/read-request.ts";
import { baseKey, variantSuffix } from "../../../src/store/redis-layout.ts";
import { fuzz } from "./harness.ts";
import { split } from "./reference-directives.ts";

const PROXIES = new BlockList();
PROXIES.addAddress("192.0.2.1");

const SETTINGS: ReadingSettings = {
  revision: 0,
  maxUrlBytes: 8192,
  maxHeaderCount: 500,
  clientDirectives: "ignore",
  ignoredParameters: [],
  trustedProxies: PROXIES,
  defaultHost: "default.example",
  maxBodyBytes: 1000,
  bodyTimeoutMs: 1000,
};

/** What a client may ask for, and in what way. */
interface Asked {
  readonly target: string;
  readonly host: string;
  readonly encrypted: boolean;
  readonly version: "1.0" | "1.1";
  /** What a trusted proxy says beside it. */
  readonly forwarded: FieldLines;
}

const HOSTS = [
  "a",
  "A",
  "a:80",
  "a:443",
  "a:080",
  "b",
  "a.",
  "[::1]",
  "[::1]:80",
  "a:8080",
  "default.example",
  "80",
  ":80",
  "",
];
const TARGET_PIECES = [
  ..."/ab?&=%.;:@|*~{}[]",
  ...[
    "//",
    "/../",
    "%2F",
    "%2f",
    "http://",
    "https://",
    "a:80",
    "HTTP://A",
    "?x",
    "{purges}",
    "}",
    "\\",
    "#",
    "\xe9",
  ],
];
const text = fc.array(fc.constantFrom(...TARGET_PIECES), { maxLength: 6 }).map((pieces) => pieces.join(""));
const long = fc
  .tuple(text, fc.constantFrom("a", "%61"), fc.integer({ min: 490, max: 520 }), text)
  .map(([before, unit, count, after]) => before + unit.repeat(count) + after);
const targets = fc.oneof(
  { weight: 6, arbitrary: text.map((rest) => `/${rest}`) },
  { weight: 2, arbitrary: text },
  { weight: 1, arbitrary: long.map((rest) => `/${rest}`) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom("http://", "https://", "HTTP://", "ftp://"), fc.constantFrom(...HOSTS), text)
      .map((all) => all.join("")),
  },
);
const asked: fc.Arbitrary<Asked> = fc.record({
  target: targets,
  host: fc.constantFrom(...HOSTS),
  encrypted: fc.boolean(),
  version: fc.constantFrom("1.1", "1.1", "1.0"),
  forwarded: fc.constantFrom(
    [],
    ["X-Forwarded-Host", "b"],
    ["X-Forwarded-Host", "A:443", "X-Forwarded-Proto", "https"],
    ["X-Forwarded-Proto", "HTTPS"],
    ["X-Forwarded-Proto", "https, http"],
    ["X-Forwarded-Host", "a/b"],
    ["X-Forwarded-Proto", "ws"],
  ),
});

function read({ target, host, encrypted, version, forwarded }: Asked) {
  const incoming = {
    httpVersion: version,
    method: "GET",
    url: target,
    rawHeaders: ["Host", host, ...forwarded],
    headers: {},
    complete: true,
    socket: { remoteAddress: forwarded.length === 0 ? "198.51.100.1" : "192.0.2.1", encrypted },
    iterator: () => ({ next: async () => ({ done: true as const, value: undefined }) }),
  };
  const result = readRequest(incoming, { signal: new AbortController().signal }, SETTINGS);
  return result.type === "request" ? result.request : undefined;
}

/** What an origin can tell of it: the target's bytes, and the three that it hears of beside them. */
const seen = ({ target, forwarded }: NonNullable<ReturnType<typeof read>>) =>
  JSON.stringify([target, forwarded.host, forwarded.proto]);

describe("two requests have one key where an origin can tell no difference, and only there:", () => {
  fuzz("in memory, and in Redis", {
    corpus: "keys",
    // Often the same but for one thing.
    inputs: fc
      .tuple(
        asked,
        asked,
        fc.constantFrom("", "", "x", "%"),
        fc.subarray(["target", "host", "encrypted", "version", "forwarded"] as const),
      )
      .map(([one, other, more, same]): [Asked, Asked] => {
        const shared = Object.fromEntries(same.map((name) => [name, one[name]]));
        return [one, { ...other, ...shared, ...(more === "" ? {} : { target: one.target + more }) }];
      }),
    runs: 6000,
    holds: (both) => {
      const [one, other] = both.map(read);
      for (const [i, request] of [one, other].entries())
        if (request !== undefined) asItCame(both[i] as Asked, request);
      if (one === undefined || other === undefined) return;
      const same = seen(one) === seen(other);
      expect(one.uri === other.uri).toBe(same);
      expect(baseKey("freshline", one.uri) === baseKey("freshline", other.uri)).toBe(same);
      // All of a resource is in one slot of a Cluster: one pair of braces, with something in it.
      expect(baseKey("freshline", one.uri)).toMatch(/^freshline:\{[^{}]+\}$/);
    },
  });
});

/** The target goes on byte for byte; of its host only case and the scheme's own port are lost. */
function asItCame(
  { target, host, encrypted, forwarded }: Asked,
  request: NonNullable<ReturnType<typeof read>>,
) {
  const [, authority, path] = /^https?:\/\/([^/?]*)(.*)$/is.exec(target) ?? [];
  expect(request.target).toBe(path === undefined ? target : path.startsWith("/") ? path : `/${path}`);
  expect(request.target).not.toContain("#");
  if (forwarded.length > 0) return;
  const own = encrypted ? ":443" : ":80";
  const given = (authority ?? host).toLowerCase();
  expect(request.forwarded.host).toBe(given.endsWith(own) ? given.slice(0, -own.length) : given);
  expect(request.forwarded.proto).toBe(encrypted ? "https" : "http");
}

const VALUE_PIECES = [
  "a",
  "b",
  "A",
  ",",
  ", ",
  " ,\t",
  ",,",
  '"',
  '"a, b"',
  "\\",
  ";q=0",
  ";q=0.5",
  "*",
  "]",
  "null",
  "",
];
const values = fc.array(fc.constantFrom(...VALUE_PIECES), { maxLength: 5 }).map((pieces) => pieces.join(""));
const FIELDS = ["X-A", "x-b", "Cookie", "Accept-Encoding", "__proto__", "constructor"];
const requests = fc
  .array(fc.tuple(fc.constantFrom(...FIELDS), values), { maxLength: 3 })
  .map((pairs) => pairs.flat());

/** A field's value as RFC 9111 §4.1 compares it: whitespace around commas means nothing outside of quotation marks. */
function compared(lines: FieldLines, name: string): string | null {
  const all = lines.filter((_, i) => i % 2 === 1 && lines[i - 1]?.toLowerCase() === name);
  if (all.length === 0) return null;
  return split(all.join(", "), true)
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""))
    .join(",");
}

fuzz("two requests select one variant where Vary's fields say the same, and only there", {
  corpus: "variants",
  inputs: fc.tuple(fc.subarray(FIELDS, { minLength: 1 }), requests, requests),
  runs: 6000,
  holds: ([names, one, other]) => {
    const vary = ["Vary", names.join(", ")];
    const [first, second] = [selectingFields(vary, one), selectingFields(vary, other)];
    expect(variantMatches(first, one)).toBe(true);
    const matches = variantMatches(first, other);
    expect(variantId(first) === variantId(second)).toBe(matches);
    expect(variantSuffix(variantId(first)) === variantSuffix(variantId(second))).toBe(matches);
    // What clients prefer is compared by its meaning, and has tests of its own (test/policy/preferences.test.ts).
    const exact = names.map((name) => name.toLowerCase()).filter((name) => name !== "accept-encoding");
    const same = exact.every((name) => compared(one, name) === compared(other, name));
    if (!same || exact.length === names.length) expect(matches).toBe(same);
  },
});
