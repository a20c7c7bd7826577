import { describe, expect, it } from "vitest";
import { ADVICE_CODES, adviceFor } from "../../src/policy/advice.ts";
import { formatHttpDate } from "../../src/policy/http-date.ts";
import type { ReasonCode } from "../../src/policy/reasons.ts";
import type { SeenResponse } from "../../src/policy/symptoms.ts";
import { dateAt, type Fields, lines, NOW } from "./builders.ts";

interface Row {
  /** What is advised, the first cause first. */
  readonly codes: readonly string[];
  readonly code: ReasonCode;
  readonly fields: Fields;
  readonly seen?: Partial<SeenResponse>;
  readonly key?: string;
}

const TAG = { ETag: '"1"' };
const KEY = "http://shop.example/a";

const ROWS: Readonly<Record<string, Row>> = {
  "a good response": { codes: [], code: "fresh", fields: { "Cache-Control": "max-age=60", ...TAG } },
  "a redirect to the origin's own address": {
    codes: ["wrong-host"],
    code: "no-freshness",
    fields: { Location: "http://10.0.0.1:8080/a" },
    seen: { status: 301, origin: "http://10.0.0.1:8080" },
  },
  "a redirect elsewhere": {
    codes: ["no-freshness"],
    code: "no-freshness",
    fields: { Location: "http://other.example/a" },
    seen: { status: 301, origin: "http://10.0.0.1:8080" },
  },
  "no-store from the origin itself": {
    codes: ["no-store"],
    code: "no-store",
    fields: { "Cache-Control": "no-store" },
  },
  "no-store from a proxy in between": {
    codes: ["no-store-upstream"],
    code: "no-store",
    fields: { "Cache-Control": "no-store", Via: "1.1 x" },
  },
  "private alone": { codes: ["private"], code: "private", fields: { "Cache-Control": "private" } },
  "private as frameworks send it": {
    codes: ["framework-private"],
    code: "private",
    fields: { "Cache-Control": "max-age=0, private, must-revalidate" },
  },
  "a number in single quotes": {
    codes: ["quoted-number"],
    code: "no-freshness",
    fields: { "Cache-Control": "max-age='60'" },
  },
  "a number with a unit": {
    codes: ["quoted-number"],
    code: "no-freshness",
    fields: { "Cache-Control": "max-age=60s" },
  },
  "a number in double quotes, which Cache-Control may have": {
    codes: [],
    code: "fresh",
    fields: { "Cache-Control": 'max-age="60"', ...TAG },
  },
  "s-maxage=0 before max-age": {
    codes: ["s-maxage-zero"],
    code: "stale",
    fields: { "Cache-Control": "s-maxage=0, max-age=60", ...TAG },
    seen: { lifetime: 0 },
  },
  "no-cache": {
    codes: ["always-validated"],
    code: "no-cache",
    fields: { "Cache-Control": "no-cache", ...TAG },
    seen: { lifetime: 0 },
  },
  "max-age=0": { codes: ["zero-lifetime"], code: "no-freshness", fields: { "Cache-Control": "max-age=0" } },
  "a clock that is behind": {
    codes: ["clock-skew"],
    code: "stored",
    fields: { "Cache-Control": "max-age=60", Date: dateAt(-3600), ...TAG },
    seen: { lifetime: 0 },
  },
  "a clock that is ahead": {
    codes: ["clock-skew"],
    code: "stored",
    fields: { "Cache-Control": "max-age=60", Date: dateAt(3600), ...TAG },
  },
  "a response that another cache has kept": {
    codes: [],
    code: "stored",
    fields: { "Cache-Control": "max-age=9999", Date: dateAt(-3600), Age: "3600", ...TAG },
  },
  "a stored response, whose age nobody can tell from its Date": {
    codes: [],
    code: "fresh",
    fields: { "Cache-Control": "max-age=9999", Date: dateAt(-3600), ...TAG },
    seen: { live: false },
  },
  "Expires that max-age overrides": {
    codes: [],
    code: "fresh",
    fields: { "Cache-Control": "max-age=60", Expires: "0", ...TAG },
  },
  "Set-Cookie beside other faults": {
    codes: ["set-cookie", "vary-user-agent"],
    code: "set-cookie",
    fields: { "Cache-Control": "max-age=60", Vary: "Accept, user-agent", ...TAG },
  },
  "parameters that advertisers add": {
    codes: ["query-noise"],
    code: "fresh",
    fields: { "Cache-Control": "max-age=60", ...TAG },
    key: "http://shop.example/a?id=1&utm_medium=x&fbclid=y",
  },
  "a body that is sent again each time": {
    codes: ["no-validators"],
    code: "stale",
    fields: { "Cache-Control": "max-age=60" },
  },
};

describe("what should be mended", () => {
  for (const [id, { codes, code, fields, seen, key = KEY }] of Object.entries(ROWS)) {
    it(id, () => {
      const response = {
        status: 200,
        fields: lines({ Date: formatHttpDate(NOW), ...fields }),
        responseTime: NOW,
        live: true,
        ...(code === "no-freshness" ? {} : { lifetime: 60 }),
        ...seen,
      };
      const advice = adviceFor({ key, code, response });
      expect(advice.map((one) => one.code)).toEqual(codes);
      for (const { sentence } of advice) expect(sentence).toMatch(/^[A-Za-z].*\.$/);
    });
  }

  it("is what the reason says where no response is known, and nothing where nothing is wrong", () => {
    expect(adviceFor({ key: KEY, code: "no-store" })).toMatchObject([{ code: "no-store" }]);
    for (const code of ["fresh", "stored", "purged", "uri-miss"] as const)
      expect(adviceFor({ key: KEY, code })).toEqual([]);
  });

  it("has a word of its own for each rule", () => {
    expect(new Set(ADVICE_CODES).size).toBe(ADVICE_CODES.length);
  });
});
