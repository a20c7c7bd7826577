import { describe, expect, it, test } from "vitest";
import {
  formatTraceParent,
  parseTraceParent,
  traceParentOf,
  withTraceParent,
} from "../../src/observe/trace-context.ts";
import { createSampler, type SamplerName } from "../../src/observe/trace-sampling.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const SAMPLED = { traceId: TRACE, spanId: SPAN, sampled: true, random: false };

describe("a traceparent (W3C Trace Context §3.2)", () => {
  it.each([
    [`00-${TRACE}-${SPAN}-01`, SAMPLED],
    [`00-${TRACE}-${SPAN}-00`, { ...SAMPLED, sampled: false }],
    [`00-${TRACE}-${SPAN}-03`, { ...SAMPLED, random: true }],
    // Flags that nobody knows yet.
    [`00-${TRACE}-${SPAN}-f9`, SAMPLED],
    // A later version: what is known of this one counts.
    [`01-${TRACE}-${SPAN}-01`, SAMPLED],
    [`cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`, SAMPLED],
  ])("%s is read", (value, expected) => {
    expect(parseTraceParent(value)).toEqual(expected);
  });

  it.each([
    ["", "nothing"],
    [`00-${TRACE}-${SPAN}`, "no flags"],
    [`00-${TRACE}-${SPAN}-01-more`, "more than version 00 has"],
    [`00-${TRACE}-${SPAN}-01-`, "a dash behind it"],
    [`cc-${TRACE}-${SPAN}-01.more`, "no dash before what follows"],
    [`ff-${TRACE}-${SPAN}-01`, "the forbidden version"],
    [`0-${TRACE}-${SPAN}-01`, "half a version"],
    [`00-${TRACE.toUpperCase()}-${SPAN}-01`, "capitals"],
    [`00-${"0".repeat(32)}-${SPAN}-01`, "no trace"],
    [`00-${TRACE}-${"0".repeat(16)}-01`, "no span"],
    [`00-${TRACE.slice(1)}-${SPAN}-01`, "a trace id that is too short"],
    [`00-${TRACE}-${SPAN}0-01`, "a span id that is too long"],
    [`00-${TRACE}-${SPAN}-1`, "half of the flags"],
    [`00-${TRACE}-${SPAN}-0x`, "flags that are no number"],
    [`00_${TRACE}_${SPAN}_01`, "other separators"],
  ])("%s is malformed: %s", (value) => {
    expect(parseTraceParent(value)).toBeUndefined();
  });

  it("comes back as it went, in version 00", () => {
    for (const parent of [SAMPLED, { ...SAMPLED, sampled: false }, { ...SAMPLED, random: true }])
      expect(parseTraceParent(formatTraceParent(parent))).toEqual(parent);
    expect(formatTraceParent(SAMPLED)).toBe(`00-${TRACE}-${SPAN}-01`);
  });

  it("is found under any case of its name, and not where there are two", () => {
    const value = `00-${TRACE}-${SPAN}-01`;
    expect(traceParentOf(["Host", "a", "TraceParent", ` ${value} `])).toEqual(SAMPLED);
    expect(traceParentOf(["traceparent", value, "Traceparent", value])).toBeUndefined();
    expect(traceParentOf(["x-traceparent", value])).toBeUndefined();
  });
});

describe("what an origin gets", () => {
  const ours = { ...SAMPLED, spanId: "b7ad6b7169203331" };

  it("is our span in place of the client's, and tracestate as it came", () => {
    const fields = [
      "Traceparent",
      `00-${TRACE}-${SPAN}-01`,
      "A",
      "1",
      "tracestate",
      "x=1",
      "Tracestate",
      "y=2",
    ];
    expect(withTraceParent(fields, ours)).toEqual([
      ...["A", "1", "tracestate", "x=1", "Tracestate", "y=2"],
      ...["traceparent", `00-${TRACE}-b7ad6b7169203331-01`],
    ]);
  });

  it.each([
    ["malformed", ["traceparent", "00-zz", "tracestate", "x=1"]],
    ["there twice", ["traceparent", `00-${TRACE}-${SPAN}-01`, "traceparent", "z", "tracestate", "x=1"]],
    ["absent", ["tracestate", "x=1"]],
    ["of another trace", ["traceparent", `00-${"1".repeat(32)}-${SPAN}-01`, "tracestate", "x=1"]],
  ])("has no tracestate where traceparent is %s", (_, fields) => {
    expect(withTraceParent(fields, ours)).toEqual(["traceparent", `00-${TRACE}-b7ad6b7169203331-01`]);
  });
});

describe("sampling", () => {
  const unsampled = { ...SAMPLED, sampled: false };
  /** Of traces without a parent, with a parent that is sampled, and with one that is not. */
  test.each<[SamplerName, number, boolean, boolean, boolean]>([
    ["always_on", 1, true, true, true],
    ["always_off", 1, false, false, false],
    ["traceidratio", 0, false, false, false],
    ["traceidratio", 1, true, true, true],
    ["parentbased_always_on", 1, true, true, false],
    ["parentbased_always_off", 1, false, true, false],
    ["parentbased_traceidratio", 0, false, true, false],
    ["parentbased_traceidratio", 1, true, true, false],
  ])("%s(%d): alone %s, sampled parent %s, other parent %s", (name, ratio, alone, withSampled, withOther) => {
    const sample = createSampler(name, ratio);
    expect(sample(TRACE, undefined)).toBe(alone);
    expect(sample(TRACE, SAMPLED)).toBe(withSampled);
    expect(sample(TRACE, unsampled)).toBe(withOther);
  });

  test("a ratio takes its share, the same traces everywhere, and with a larger ratio those and more", () => {
    const ids = Array.from({ length: 1000 }, (_, i) =>
      Math.round((i / 1000) * 16 ** 13)
        .toString(16)
        .padStart(32, "0"),
    );
    const taken = (ratio: number) => ids.filter((id) => createSampler("traceidratio", ratio)(id, undefined));
    expect(taken(0.1)).toHaveLength(100);
    expect(taken(0.5)).toHaveLength(500);
    expect(taken(0.5)).toEqual(expect.arrayContaining(taken(0.1)));
  });
});
