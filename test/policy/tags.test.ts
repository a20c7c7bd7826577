import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { admit } from "../../src/policy/admit.ts";
import { fieldTags, isGroup, joinedTags, MAX_TAGS, responseTags, tagName } from "../../src/policy/tags.ts";
import { aRequest, aResponse, type Fields, fieldValues, lines, NOW, someSettings, URI } from "./builders.ts";

const ALL = ["cache-groups", "surrogate-key", "cache-tag", "xkey"];
const tagsOf = (fields: Fields, read = ALL): readonly string[] | undefined =>
  responseTags(lines(fields), URI, read);
const namesOf = (fields: Fields, read = ALL) => tagsOf(fields, read)?.map(tagName);

const ROWS: readonly (readonly [id: string, fields: Fields, expected: readonly string[]])[] = [
  ["Surrogate-Key: spaces", { "Surrogate-Key": "a b\tc  d" }, ["a", "b", "c", "d"]],
  ["Surrogate-Key: a comma is part of a key", { "Surrogate-Key": "a,b c" }, ["a,b", "c"]],
  ["Cache-Tag: commas", { "Cache-Tag": "a, b ,c,,d" }, ["a", "b", "c", "d"]],
  ["Cache-Tag: a space within is part of a tag", { "Cache-Tag": "a b, c" }, ["a b", "c"]],
  ["xkey: spaces", { xkey: "a b" }, ["a", "b"]],
  ["xkey: commas", { xkey: "a, b,c" }, ["a", "b", "c"]],
  ["xkey: several lines", { xkey: ["a", "b", "c d"] }, ["a", "b", "c", "d"]],
  ["another field", { "X-Cache-Tags": "a,b c" }, ["a", "b", "c"]],
  ["a name in any case", { "SURROGATE-key": "a", "cache-TAG": "b" }, ["a", "b"]],
  ["case counts", { "Surrogate-Key": "a A" }, ["a", "A"]],
  ["the same in several fields", { "Surrogate-Key": "a b", "Cache-Tag": "b", xkey: "a" }, ["a", "b"]],
  ["bytes beyond ASCII", { "Surrogate-Key": "\xc3\xa9" }, ["\xc3\xa9"]],
  ["quotes mean nothing", { "Cache-Tag": '"a,b"' }, ['"a', 'b"']],
  ["empty", { "Surrogate-Key": "  ", "Cache-Tag": ", ,", xkey: "" }, []],
  ["absent", {}, []],
];

describe("tags of a response", () => {
  test.each(ROWS)("%s", (_, fields, expected) => {
    const read = [...ALL, "x-cache-tags"];
    expect(namesOf(fields, read)).toEqual(expected);
    expect(tagsOf(fields, read)?.some(isGroup)).toBe(false);
  });

  test("are read where the operator says, and nowhere else", () => {
    const fields = { "Cache-Groups": '"g"', "Surrogate-Key": "s", "Cache-Tag": "c", xkey: "x" };
    for (const [i, name] of ALL.entries()) expect(namesOf(fields, [name])).toEqual(["gscx"[i]]);
    expect(namesOf(fields, [])).toEqual([]);
  });

  test("that are groups, too, are groups", () => {
    const tags = tagsOf({ "Cache-Groups": '"a", "b"', "Surrogate-Key": "b c" });
    expect(tags?.map((tag) => [tagName(tag), isGroup(tag)])).toEqual([
      ["a", true],
      ["b", true],
      ["c", false],
    ]);
  });

  test("keep groups apart from tags, whatever they are called", () => {
    const printable = fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
      maxLength: 8,
    });
    fc.assert(
      fc.property(
        fc.array(printable, { maxLength: 5 }),
        fc.array(fieldValues, { maxLength: 3 }),
        (groups, values) => {
          const written = groups.map((group) => `"${group.replace(/["\\]/g, "\\$&")}"`).join(", ");
          const tags = tagsOf({ "Cache-Groups": written, "Cache-Tag": values }) ?? [];
          expect(new Set(tags.filter(isGroup))).toEqual(new Set(groups));
          const named = fieldTags(lines({ "Cache-Tag": values }), "cache-tag");
          expect(new Set(tags.map(tagName))).toEqual(new Set([...groups, ...named]));
        },
      ),
    );
  });
});

describe("a response with more tags than can be kept", () => {
  const named = (count: number, length: number) =>
    Array.from({ length: count }, (_, i) => `${i}`.padStart(length, "g"));
  const of = (count: number, length: number) => tagsOf({ "Surrogate-Key": named(count, length).join(" ") });

  test("has more than 1,000, or longer than 1,024 characters, or 32 KiB of them", () => {
    expect(of(MAX_TAGS, 30)).toHaveLength(MAX_TAGS);
    expect(of(MAX_TAGS + 1, 4)).toBeUndefined();
    expect(of(1, 1023)).toHaveLength(1);
    expect(of(1, 1025)).toBeUndefined();
    expect(of(31, 1023)).toHaveLength(31);
    expect(of(33, 1023)).toBeUndefined();
  });

  test("may be in 32 groups of 32 characters (RFC 9875 §2), and many more", () => {
    const groups = (count: number, length: number) =>
      tagsOf({
        "Cache-Groups": named(count, length)
          .map((name) => `"${name}"`)
          .join(", "),
      });
    expect(groups(32, 32)).toEqual(named(32, 32));
    expect(groups(256, 100)).toEqual(named(256, 100));
    expect(groups(1001, 5)).toBeUndefined();
  });

  test("is not stored, and the reason says so", () => {
    const admitted = (count: number) => {
      const fields = { "Surrogate-Key": named(count, 8).join(" ") };
      const times = { requestTime: NOW, responseTime: NOW };
      return admit(aRequest(), aResponse("max-age=60", { fields }), times, 1, someSettings());
    };
    expect(admitted(1000)).toMatchObject({ type: "store" });
    expect(admitted(1001)).toEqual({ type: "discard", reason: "too-many-tags" });
  });

  test("comes of joining two, too", () => {
    const [a, b] = [of(600, 8) ?? [], of(700, 8) ?? []];
    expect(joinedTags(a, b)).toHaveLength(700);
    expect(joinedTags(a, named(600, 9))).toBeUndefined();
  });
});
