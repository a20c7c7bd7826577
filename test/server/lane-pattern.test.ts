import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  digitsOf,
  isWritten,
  MAX_TAILS,
  type Pattern,
  tailOf,
  writeDigits,
} from "../../src/server/lane/pattern.ts";

describe("digits", () => {
  const number = fc.oneof(
    fc.nat(120),
    fc.maxSafeNat(),
    fc.tuple(fc.nat(15), fc.constantFrom(-1, 0, 1)).map(([zeros, more]) => Math.max(0, 10 ** zeros + more)),
  );

  it("are those of the number, and as many", () => {
    fc.assert(
      fc.property(number, (written) => {
        const bytes = Buffer.alloc(20, ".");
        const at = writeDigits(bytes, 18, written);
        expect(bytes.toString("latin1")).toBe(`${".".repeat(at)}${written}..`);
        expect(digitsOf(written)).toBe(String(written).length);
      }),
      { numRuns: 2000 },
    );
  });

  it("are not asked for where there are none", () => {
    expect([0, 7, 2 ** 53 - 1].map(isWritten)).toEqual([true, true, true]);
    const none = [-1, 0.5, 2 ** 53, Number.POSITIVE_INFINITY, Number.NaN];
    expect(none.map(isWritten)).toEqual(none.map(() => false));
  });
});

describe("what is behind the lines", () => {
  const pattern: Pattern = {
    aspect: "",
    status: 200,
    outcome: { word: "HIT", body: "cache" },
    statusLine: Buffer.from("HTTP/1.1 200 OK\r\n"),
    pieces: ["Length: ", "; Age: ", "; ttl=", "; ", "\r\n\r\n"],
    tails: new Map(),
    hasBody: true,
  };

  it("has room for as many digits as are asked for, and is kept within bounds", () => {
    for (let i = 0; i < 400; i++) {
      const [length, age, ttl] = [1 + (i % 4), 1 + (i % 7), 1 + (i % 11)];
      const { bytes, lengthEnd, ageEnd, ttlEnd, idAt } = tailOf(pattern, length, age, ttl);
      const text = bytes.toString("latin1");
      expect(text).toMatch(/^Length: 0+; Age: 0+; ttl=0+; #{36}\r\n\r\n$/);
      expect([text.slice(0, lengthEnd), text.slice(lengthEnd, ageEnd), text.slice(ageEnd, ttlEnd)]).toEqual([
        `Length: ${"0".repeat(length)}`,
        `; Age: ${"0".repeat(age)}`,
        `; ttl=${"0".repeat(ttl)}`,
      ]);
      expect(text.indexOf("#")).toBe(idAt);
      expect(pattern.tails.size).toBeLessThanOrEqual(MAX_TAILS);
    }
    expect(tailOf(pattern, 1, 2, 3)).toBe(tailOf(pattern, 1, 2, 3));
  });
});
