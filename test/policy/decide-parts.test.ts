import { describe, expect, test } from "vitest";
import { decide } from "../../src/policy/decide.ts";
import { notModified } from "../../src/policy/validate.ts";
import { aRequest, aStored, dateAt, type Fields, later, lines, NOW } from "./builders.ts";

const PART = aStored({
  status: 206,
  part: { first: 0, last: 4, length: 10 },
  bodyLength: 5,
  fields: { ETag: '"a"' },
  etag: '"a"',
  staleWhileRevalidate: 30,
  staleIfError: 60,
});

describe("a stored part (RFC 9111 §3.3)", () => {
  const inside: Fields = { Range: "bytes=1-3" };
  test.each<[string, Fields, number, string]>([
    ["fresh, and asked for what it holds", inside, 59, "serve"],
    ["in its stale window", inside, 60, "serve-stale"],
    ["stale", inside, 90, "revalidate"],
    ["and the client wants it validated", { ...inside, "Cache-Control": "no-cache" }, 0, "revalidate"],
    ["and the client wants nothing else", { ...inside, "Cache-Control": "only-if-cached" }, 0, "serve"],
    ["asked for more", { Range: "bytes=1-5" }, 0, "fetch"],
    ["asked for the whole", {}, 0, "fetch"],
    ["asked for the whole in its stale window", {}, 60, "fetch"],
    ["asked for the whole when stale", {}, 90, "fetch"],
    ["asked for the whole, whatever its age", { "Cache-Control": "max-stale" }, 90, "fetch"],
    ["asked for the whole alone from the cache", { "Cache-Control": "only-if-cached" }, 0, "refuse"],
  ])("%s", (_id, fields, at, expected) => {
    expect(decide(aRequest({ fields }), PART, later(at)).type).toBe(expected);
  });

  test("that does not do is known for being completed", () => {
    expect(decide(aRequest(), PART, NOW)).toEqual({ type: "fetch", incomplete: PART });
  });

  test("answers HEAD", () => {
    expect(decide(aRequest({ method: "HEAD" }), PART, NOW).type).toBe("serve");
  });

  test("is 304 to a client that has it: the condition comes before the range (RFC 9110 §13.2.2)", () => {
    expect(notModified(lines({ "If-None-Match": '"a"' }), PART, NOW, "stored")).toBe(true);
    expect(notModified(lines({ "If-None-Match": '"b"' }), PART, NOW, "stored")).toBe(false);
    expect(notModified(lines({ "If-Modified-Since": dateAt(1) }), PART, NOW, "stored")).toBe(true);
  });
});
