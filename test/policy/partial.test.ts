import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  admitPart,
  completes,
  completionFields,
  partOf,
  shareStrongValidator,
  strongValidator,
} from "../../src/policy/partial.ts";
import type { Part } from "../../src/policy/stored-response.ts";
import { freshen } from "../../src/policy/validate.ts";
import {
  aRequest,
  aResponse,
  aStored,
  dateAt,
  type Fields,
  fieldValues,
  later,
  lines,
  NOW,
  someSettings,
} from "./builders.ts";

const TIMES = { requestTime: NOW, responseTime: NOW };

describe("the part that a 206 holds (RFC 9110 §14.4, §15.3.7.1)", () => {
  const rows: readonly { id: string; fields: Fields; expect: Part | undefined }[] = [
    {
      id: "well-formed",
      fields: { "Content-Range": "bytes 0-4/10" },
      expect: { first: 0, last: 4, length: 10 },
    },
    {
      id: "any case",
      fields: { "content-range": "BYTES 9-9/10" },
      expect: { first: 9, last: 9, length: 10 },
    },
    {
      id: "with its length",
      fields: { "Content-Range": "bytes 2-4/10", "Content-Length": "3" },
      expect: { first: 2, last: 4, length: 10 },
    },
    {
      id: "another Content-Length",
      fields: { "Content-Range": "bytes 4-9/10", "Content-Length": "5" },
      expect: undefined,
    },
    { id: "none", fields: {}, expect: undefined },
    { id: "unknown length", fields: { "Content-Range": "bytes 0-4/*" }, expect: undefined },
    { id: "unsatisfied", fields: { "Content-Range": "bytes */10" }, expect: undefined },
    { id: "beyond the length", fields: { "Content-Range": "bytes 0-10/10" }, expect: undefined },
    { id: "backwards", fields: { "Content-Range": "bytes 4-3/10" }, expect: undefined },
    { id: "another unit", fields: { "Content-Range": "lines 0-4/10" }, expect: undefined },
    { id: "twice", fields: { "Content-Range": ["bytes 0-4/10", "bytes 0-4/10"] }, expect: undefined },
    { id: "a list", fields: { "Content-Range": "bytes 0-4/10, bytes 0-4/10" }, expect: undefined },
    {
      id: "too large to count",
      fields: { "Content-Range": `bytes 0-4/${"9".repeat(20)}` },
      expect: undefined,
    },
    {
      id: "multipart/byteranges",
      fields: { "Content-Range": "bytes 0-4/10", "Content-Type": "Multipart/Byteranges; boundary=x" },
      expect: undefined,
    },
  ];
  for (const { id, fields, expect: expected } of rows) {
    test(id, () => expect(partOf(lines(fields))).toEqual(expected));
  }

  test("whatever it says, it lies within the representation, and nothing throws", () => {
    const value = fc.oneof(
      fc.tuple(fc.nat(12), fc.nat(12), fc.nat(12)).map(([a, b, c]) => `bytes ${a}-${b}/${c}`),
      fieldValues,
    );
    fc.assert(
      fc.property(value, (range) => {
        const part = partOf(["Content-Range", range]);
        if (part === undefined) return;
        expect(part.first).toBeLessThanOrEqual(part.last);
        expect(part.last).toBeLessThan(part.length);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("admitting a part (RFC 9111 §3.3)", () => {
  const admitted = (fields: Fields, cacheControl = "max-age=60") =>
    admitPart(
      aRequest({ fields: { Range: "bytes=0-4" } }),
      aResponse(cacheControl, { status: 206, statusMessage: "Partial Content", fields }),
      TIMES,
      7,
      someSettings(),
    );

  test("it is stored as the part that it is, without the Content-Range of this one message", () => {
    const admission = admitted({ "Content-Range": "bytes 2-4/10", ETag: '"a"' });
    expect(admission).toMatchObject({
      type: "store",
      head: {
        status: 206,
        statusMessage: "Partial Content",
        part: { first: 2, last: 4, length: 10 },
        etag: '"a"',
        freshnessLifetime: 60,
        epoch: 7,
      },
    });
    if (admission.type === "store") expect(admission.head.fields).not.toContain("Content-Range");
  });

  test("a part that is everything is complete (RFC 9110 §15.3.7.3)", () => {
    const admission = admitted({ "Content-Range": "bytes 0-9/10" });
    expect(admission).toMatchObject({ type: "store", head: { status: 200, statusMessage: "OK" } });
    if (admission.type === "store") expect(admission.head).not.toHaveProperty("part");
  });

  test.each([
    ["no Content-Range", {}, "max-age=60"],
    ["one that lies", { "Content-Range": "bytes 4-9/10", "Content-Length": "5" }, "max-age=60"],
    ["no-store", { "Content-Range": "bytes 0-4/10" }, "no-store"],
    ["no lifetime", { "Content-Range": "bytes 0-4/10" }, undefined],
    ["Set-Cookie", { "Content-Range": "bytes 0-4/10", "Set-Cookie": "a=b" }, "max-age=60"],
    [
      "a part that is too large",
      { "Content-Range": "bytes 0-1000/5000", "Content-Length": "1001" },
      "max-age=60",
    ],
  ] as const)("%s is not stored", (_id, fields, cacheControl) => {
    expect(
      admitPart(aRequest(), aResponse(cacheControl, { status: 206, fields }), TIMES, 7, someSettings()),
    ).toEqual({ type: "discard", reason: "partial" });
  });

  test("the answer to an If-Range may lack what describes it, and is not stored (RFC 9110 §15.3.7)", () => {
    for (const range of ["bytes 0-4/10", "bytes 0-9/10"]) {
      const request = aRequest({ fields: { Range: "bytes=0-9", "If-Range": '"a"' } });
      const response = aResponse("max-age=60", {
        status: 206,
        fields: { ETag: '"a"', "Content-Range": range },
      });
      expect(admitPart(request, response, TIMES, 7, someSettings())).toEqual({
        type: "discard",
        reason: "partial",
      });
    }
  });

  test("a 304 freshens it, and the part stays (RFC 9111 §4.3.4)", () => {
    const part = { first: 2, last: 4, length: 10 };
    const stored = aStored({ status: 206, statusMessage: "Partial Content", part, fields: { ETag: '"a"' } });
    const times = { requestTime: later(90), responseTime: later(90) };
    const admission = freshen(
      stored,
      aRequest(),
      lines({ Date: dateAt(90), "Cache-Control": "max-age=30", "Content-Range": "bytes 0-0/1" }),
      times,
      8,
      someSettings(),
    );
    expect(admission).toMatchObject({
      type: "store",
      head: { status: 206, statusMessage: "Partial Content", part, freshnessLifetime: 30, epoch: 8 },
    });
  });
});

describe("the strong validator (RFC 9110 §8.8.1, §8.8.2.2)", () => {
  const rows: readonly { id: string; fields: Fields; expect: string | undefined }[] = [
    { id: "a strong tag", fields: { ETag: '"a"' }, expect: '"a"' },
    { id: "a strong tag and a date", fields: { ETag: '"a"', "Last-Modified": dateAt(-100) }, expect: '"a"' },
    { id: "a weak tag", fields: { ETag: 'W/"a"' }, expect: undefined },
    {
      id: "a weak tag and a date (§13.1.5)",
      fields: { ETag: 'W/"a"', "Last-Modified": dateAt(-100) },
      expect: undefined,
    },
    { id: "no tag at all", fields: { ETag: "a" }, expect: undefined },
    { id: "a date", fields: { "Last-Modified": dateAt(-1) }, expect: dateAt(-1) },
    { id: "a date in the answer's second", fields: { "Last-Modified": dateAt(0) }, expect: undefined },
    {
      id: "a date, and no Date",
      fields: { "Last-Modified": dateAt(-9), Date: undefined },
      expect: undefined,
    },
    { id: "no date at all", fields: { "Last-Modified": "yesterday" }, expect: undefined },
    { id: "none", fields: {}, expect: undefined },
  ];
  for (const { id, fields, expect: expected } of rows) {
    test(id, () => expect(strongValidator(lines({ Date: dateAt(0), ...fields }), NOW)).toBe(expected));
  }

  test("none is shared by two that have none, or only weak ones", () => {
    for (const fields of [{}, { ETag: 'W/"a"' }, { "Last-Modified": dateAt(0) }])
      expect(shareStrongValidator(aStored({ fields }).fields, aStored({ fields }).fields, NOW)).toBe(false);
  });
});

describe("completing a part (RFC 9111 §3.4)", () => {
  const START = { first: 0, last: 4, length: 10 };
  const stored = aStored({ status: 206, part: START, fields: { ETag: '"a"' } });

  test.each([
    ["a strong tag", { ETag: '"a"' }, START, ["Range", "bytes=5-", "If-Range", '"a"']],
    ["a strong date", { "Last-Modified": dateAt(-9) }, START, ["Range", "bytes=5-", "If-Range", dateAt(-9)]],
    ["a weak tag", { ETag: 'W/"a"' }, START, undefined],
    ["no validator", {}, START, undefined],
    ["no beginning", { ETag: '"a"' }, { first: 1, last: 4, length: 10 }, undefined],
  ] as const)("with %s", (_id, fields, part, expected) => {
    expect(completionFields(aStored({ status: 206, fields, part }), NOW)).toEqual(expected);
  });

  test("nothing lacks in a complete response", () => {
    expect(completionFields(aStored({ fields: { ETag: '"a"' } }), NOW)).toBeUndefined();
  });

  test.each([
    ["the rest", { "Content-Range": "bytes 5-9/10", ETag: '"a"' }, true],
    ["of another tag", { "Content-Range": "bytes 5-9/10", ETag: '"b"' }, false],
    ["without the tag", { "Content-Range": "bytes 5-9/10" }, false],
    ["of another length", { "Content-Range": "bytes 5-10/11", ETag: '"a"' }, false],
    ["not to the end", { "Content-Range": "bytes 5-8/10", ETag: '"a"' }, false],
    ["after a gap", { "Content-Range": "bytes 6-9/10", ETag: '"a"' }, false],
    ["of unknown length", { "Content-Range": "bytes 5-9/*", ETag: '"a"' }, false],
    ["that lies", { "Content-Range": "bytes 5-9/10", "Content-Length": "4", ETag: '"a"' }, false],
  ] as const)("an answer %s", (_id, fields, expected) => {
    expect(completes(stored, lines({ Date: dateAt(0), ...fields }), NOW)).toBe(expected);
  });
});
