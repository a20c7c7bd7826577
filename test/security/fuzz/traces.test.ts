import fc from "fast-check";
import { expect } from "vitest";
import {
  formatTraceParent,
  parseTraceParent,
  traceParentOf,
  withTraceParent,
} from "../../../src/observe/trace-context.ts";
import { traceOf } from "../../../src/policy/trace.ts";
import { fuzz } from "./harness.ts";

const hex = (length: number) =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.string({
        unit: fc.constantFrom(..."0123456789abcdef"),
        minLength: length,
        maxLength: length,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "0".repeat(length),
        "f".repeat(length),
        "A".repeat(length),
        "",
        "g".repeat(length),
      ),
    },
  );
const value = fc
  .tuple(
    fc.constantFrom("00", "00", "00", "01", "cc", "ff", "0", "FF"),
    hex(32),
    hex(16),
    fc.oneof(fc.constantFrom("00", "01", "02", "03", "ff"), hex(2)),
    fc.constantFrom("", "", "", "-", "-more", " ", "x", "-\n"),
  )
  .map(([version, trace, span, flags, more]) => `${version}-${trace}-${span}-${flags}${more}`);

/** W3C Trace Context §3.2, by places. */
function expected(text: string) {
  const [version = "", trace = "", span = "", flags = ""] = [
    text.slice(0, 2),
    text.slice(3, 35),
    text.slice(36, 52),
    text.slice(53, 55),
  ];
  const right =
    [text[2], text[35], text[52]].every((dash) => dash === "-") &&
    [version, trace, span, flags].every((each) => /^[0-9a-f]+$/.test(each)) &&
    flags.length === 2 &&
    version !== "ff" &&
    /[^0]/.test(trace) &&
    /[^0]/.test(span) &&
    (text.length === 55 || (version !== "00" && text[55] === "-" && !text.includes("\n")));
  if (!right) return undefined;
  const bits = Number.parseInt(flags, 16);
  return {
    traceId: trace,
    spanId: span,
    sampled: bits % 2 === 1,
    random: version === "00" && Math.floor(bits / 2) % 2 === 1,
  };
}

fuzz("traceparent is what W3C Trace Context says, or begins a new trace", {
  corpus: "traceparents",
  inputs: fc.array(fc.tuple(fc.constantFrom("traceparent", "Traceparent", "tracestate", "x"), value), {
    maxLength: 3,
  }),
  runs: 4000,
  holds: (lines) => {
    for (const [, text] of lines) {
      const parent = parseTraceParent(text);
      expect(parent).toEqual(expected(text));
      if (parent !== undefined) expect(parseTraceParent(formatTraceParent(parent))).toEqual(parent);
    }
    const given = lines.filter(([name]) => name.toLowerCase() === "traceparent");
    const parent = given.length === 1 ? expected((given[0]?.[1] ?? "").trim()) : undefined;
    expect(traceParentOf(lines.flat())).toEqual(parent);
    // Beside a new parent the old one is gone, and its state with it, unless the trace goes on.
    const next = {
      traceId: parent?.traceId ?? "1".repeat(32),
      spanId: "2".repeat(16),
      sampled: true,
      random: false,
    };
    const sent = withTraceParent(lines.flat(), next);
    expect(traceParentOf(sent)).toEqual(next);
    const others = lines
      .filter(([name]) => name === "x" || (name === "tracestate" && parent !== undefined))
      .flat();
    expect(sent.slice(0, -2)).toEqual(others);
  },
});

const facts = fc.dictionary(
  fc.constantFrom("key", "why", "age", "vary"),
  fc.oneof(
    fc.string({ unit: "binary", maxLength: 30 }),
    fc.integer(),
    fc.constantFrom("a".repeat(3000), "\ud800", '"; x="', "\r\nX: y", "é§"),
  ),
  { noNullPrototype: true },
);

fuzz("what a field tells of a trace is printable ASCII, of bounded length, and quotes what it must", {
  corpus: "traces",
  inputs: facts,
  runs: 2000,
  holds: (all) => {
    const text = traceOf(all);
    expect(text).toMatch(/^[\x20-\x7e]*$/);
    expect(text.length).toBeLessThanOrEqual(2048);
    if (text.length < 2048) {
      const members = text === "" ? [] : [...text.matchAll(/(\w+)=(?:"([^"]*)"|([^";]*))(?:; |$)/g)];
      expect(members.map(([whole]) => whole).join("")).toBe(text);
      expect(members.map(([, name]) => name)).toEqual(Object.keys(all));
    }
  },
});
