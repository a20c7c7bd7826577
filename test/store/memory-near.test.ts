import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StoredResponse } from "../../src/policy/stored-response.ts";
import { Shapes } from "../../src/store/memory/shapes.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { entryOf, KEY, sampleEntry, testClock } from "./sample.ts";

/** Too little for any to be kept as objects. */
const open = () => new MemoryStore({ capacity: 16_000, now: testClock().now });

function nearOf(changes: Partial<StoredResponse>, body = "hello", key = KEY) {
  const store = open();
  const entry = sampleEntry(body, changes);
  store.keep(key, entry);
  const found = store.near(key, []) ?? expect.fail();
  return { store, entry, found, packed: found.packed };
}

describe("what is looked at in memory before it is made", () => {
  const numbers = {
    responseTime: testClock().now() - 12_345,
    initialAge: 0.125,
    freshnessLifetime: 86_400.5,
    epoch: 2 ** 40,
    noCache: true,
  };

  it("says of itself what it will say when it is made", () => {
    const { found, packed, entry } = nearOf({ ...numbers, tags: ["a"], mustRevalidate: true, keep: 1e5 });
    const { stored, body } = found.entry;
    expect(stored).toEqual(entry.stored);
    expect(Buffer.from(body as Uint8Array)).toEqual(Buffer.from(entry.body));
    const { uri, status, fields, tags, staleWhileRevalidate, staleIfError, mustRevalidate } = entry.stored;
    expect(packed).toMatchObject({ ...numbers, uri, bodyBytes: 5, linesBytes: 64 });
    expect(packed).toHaveProperty("tags", tags);
    const asked = [packed?.status, packed?.fields, packed?.staleWhileRevalidate, packed?.staleIfError];
    expect(asked).toEqual([status, fields, staleWhileRevalidate, staleIfError]);
    expect(packed?.mustRevalidate).toBe(mustRevalidate);
  });

  it.each([[[]], [["a", "b"]]])("knows its tags: %j", (tags: string[]) => {
    expect(nearOf({ tags }).packed?.tags).toEqual(tags);
  });

  it("has its lines as they go over the wire, and its body", () => {
    const { packed } = nearOf({ fields: ["A", "1", "b-C", "", "A", "x: \xff"] });
    const to = Buffer.alloc(40, ".");
    packed?.copyLines(to, 2);
    packed?.copyBody(to, 30);
    expect(to.toString("latin1")).toBe("..A: 1\r\nb-C: \r\nA: x: \xff\r\n......hello.....");
  });

  it.each<[string, Partial<StoredResponse>, string?, string?]>([
    ["a part", { part: { first: 0, last: 4, length: 10 } }],
    ["stored for another URI", { uri: `${KEY}&more` }],
    ["of lines that cannot be sent", { fields: ["A", "1\r\n2"] }],
    ["of a name that is none", { fields: ["A: B", "1"] }],
    ["long", {}, "x".repeat(9000)],
  ])("is made at once where it is %s", (_, changes, body) => {
    const store = new MemoryStore({ capacity: 200_000, now: testClock().now });
    for (let i = 0; i < 12; i++) store.keep(`other ${i}`, sampleEntry("", { uri: `other ${i}` }));
    for (let i = 0; i < 12; i++) store.near(`other ${i}`, []);
    const entry = sampleEntry(body ?? "hello", changes);
    store.keep(KEY, entry);
    const found = store.near(KEY, []) ?? expect.fail();
    expect(found.packed).toBeUndefined();
    expect(found.entry.stored).toEqual(entry.stored);
  });

  it("is not read once another record may lie there", () => {
    const { store, found, packed } = nearOf({});
    store.keep("another", entryOf(new Uint8Array(3)));
    expect(packed?.bodyBytes).toBe(5);
    expect(() => found.entry).toThrow("no longer");
    expect(() => packed?.fields).toThrow("no longer");
    expect(() => packed?.copyBody(Buffer.alloc(10), 0)).toThrow("no longer");
    expect(() => packed?.copyLines(Buffer.alloc(100), 0)).toThrow("no longer");
  });

  it("is what was made of it before, once that was asked for", () => {
    const { store, found, entry } = nearOf({});
    const before = found.entry;
    store.keep("another", entryOf(new Uint8Array(3)));
    expect(found.entry).toBe(before);
    expect(found.entry.stored).toEqual(entry.stored);
  });
});

describe("shapes", () => {
  const shapes = new Shapes();
  const stored = (changes: Partial<StoredResponse>) => sampleEntry("", changes).stored;

  it("are the same for those with the same status, reason phrase and names, in order, and no others", () => {
    const line = fc.tuple(fc.constantFrom("A", "a", "B"), fc.constantFrom("1", "2"));
    const one = fc.record({
      status: fc.constantFrom(200, 404),
      statusMessage: fc.constantFrom("OK", "", "A"),
      fields: fc.array(line, { maxLength: 3 }).map((lines) => lines.flat()),
    });
    const nameOf = ({ status, statusMessage, fields }: StoredResponse) =>
      JSON.stringify([status, statusMessage, fields.filter((_, i) => i % 2 === 0)]);
    fc.assert(
      fc.property(one, one, (a, b) => {
        const [first, second] = [stored(a), stored(b)];
        expect(shapes.numberOf(first) === shapes.numberOf(second)).toBe(nameOf(first) === nameOf(second));
      }),
    );
  });

  it("are remembered within bounds, and a number never comes to mean another", () => {
    const many = new Shapes();
    const seen = new Set<number>();
    for (let i = 0; i < 5000; i++) seen.add(many.numberOf(stored({ fields: [`A${i}`, ""] })));
    expect(seen.size).toBe(5000);
    expect(many.numberOf(stored({ fields: ["A0", ""] }))).toBe(5001);
    expect(many.numberOf(stored({ fields: ["A4999", ""] }))).toBe(5000);
    expect(many.numberOf(stored({ statusMessage: "x".repeat(2000) }))).toBe(0);
  });
});
