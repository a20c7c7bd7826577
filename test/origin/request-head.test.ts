import { describe, expect, it } from "vitest";
import { requestHead } from "../../src/origin/lane/request-head.ts";
import { markRepeated } from "../../src/policy/repeated-lines.ts";
import { get } from "./asking.ts";

function repeated(...fields: string[]): readonly string[] {
  markRepeated(fields);
  return fields;
}

describe("a request's head, of which the first lines come again", () => {
  const FIRST = repeated("Accept", "*/*", "Connection", "close", "X-A", "\xe9");

  it("is the same as without the hint", () => {
    for (const own of [["X-Request-Id", "1"], ["X-Request-Id", "2", "Via", "1.1 a"], []]) {
      const request = get("/a", [...FIRST, ...own]);
      expect(requestHead({ ...request, firstFields: FIRST }, "a.example")).toBe(
        requestHead(request, "a.example"),
      );
    }
  });

  it.each([
    ["another value", ["Accept", "a", "Connection", "close", "X-A", "\xe9"]],
    ["another name", ["Accept", "*/*", "Connection", "close", "X-B", "\xe9"]],
    ["fewer lines", ["Accept", "*/*"]],
    ["no lines", []],
  ])("has the lines that it has, where those are others: %s", (_, fields) => {
    const request = get("/a", fields);
    expect(requestHead({ ...request, firstFields: FIRST }, "a.example")).toBe(
      requestHead(request, "a.example"),
    );
  });

  it.each([
    ["a value with a line break", ["X-A", "1\r\nX-B: 2"]],
    ["a name that is no token", ["X A", "1"]],
  ])("is refused each time for %s", (_, line) => {
    const first = repeated(...line);
    const request = { ...get("/a", [...first, "Via", "1.1 a"]), firstFields: first };
    for (let nth = 0; nth < 2; nth++)
      expect(() => requestHead(request, "a.example")).toThrow("invalid field");
  });
});
