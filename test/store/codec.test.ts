import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StoredResponse } from "../../src/policy/stored-response.ts";
import {
  bodyChecksum,
  bodyMatches,
  decodeMeta,
  dividedHead,
  dividedLine,
  encodeMeta,
  type Meta,
} from "../../src/store/codec.ts";
import { KEY, sampleEntry } from "./sample.ts";

const text = fc.string({ unit: "binary", maxLength: 40 });
const seconds = fc.double({ min: 0, max: 1e9, noNaN: true }).map((value) => value + 0);
const count = fc.nat();
const stored: fc.Arbitrary<StoredResponse> = fc.record(
  {
    uri: text,
    selectingFields: fc.dictionary(text, fc.option(text), { noNullPrototype: true }),
    status: count,
    statusMessage: text,
    fields: fc.array(fc.tuple(text, text)).map((pairs) => pairs.flat()),
    etag: text,
    lastModified: text,
    bodyLength: count,
    responseTime: fc.integer(),
    initialAge: seconds,
    freshnessLifetime: seconds,
    staleWhileRevalidate: seconds,
    staleIfError: seconds,
    keep: seconds,
    mustRevalidate: fc.boolean(),
    noCache: fc.boolean(),
    tags: fc.array(text),
    epoch: fc.maxSafeNat(),
  },
  {
    requiredKeys: [
      ...([
        "uri",
        "selectingFields",
        "status",
        "statusMessage",
        "fields",
        "bodyLength",
        "responseTime",
      ] as const),
      ...(["initialAge", "freshnessLifetime", "staleWhileRevalidate", "staleIfError", "keep"] as const),
      ...(["mustRevalidate", "noCache", "tags", "epoch"] as const),
    ],
  },
);

const record = (key: string, changes: Partial<StoredResponse> = {}) =>
  encodeMeta(key, sampleEntry("hello", changes).stored, bodyChecksum(Buffer.from("hello")));
const entryOf = (meta: Meta) => {
  if (meta.type !== "entry") throw new Error(`decoded as ${JSON.stringify(meta)}`);
  return meta;
};

describe("the codec", () => {
  it("gives back every stored response as it was", () => {
    fc.assert(
      fc.property(text, stored, fc.uint8Array(), (key, response, body) => {
        const meta = entryOf(decodeMeta(encodeMeta(key, response, bodyChecksum(body))));
        expect(meta.key).toBe(key);
        expect(meta.stored).toEqual(response);
      }),
    );
  });

  it("never throws on foreign bytes, and never takes them for an entry", () => {
    const magic = fc.constantFrom("", "FL2e", "FL2v", "FL2v\n", "FL2e00000000", "FL3e");
    fc.assert(
      fc.property(magic, fc.uint8Array({ maxLength: 200 }), (start, bytes) => {
        expect(decodeMeta(Buffer.concat([Buffer.from(start), bytes])).type).not.toBe("entry");
      }),
      { numRuns: 2000 },
    );
  });

  it("notices every truncation and every changed byte", () => {
    const whole = record(KEY);
    for (let length = 0; length < whole.length; length++) {
      expect(decodeMeta(whole.subarray(0, length)).type).toBe("foreign");
      const changed = Buffer.from(whole);
      changed[length] = (changed[length]! + 1) & 0xff;
      expect(decodeMeta(changed).type).toBe("foreign");
    }
  });

  it.each([
    ["a version of tomorrow", () => Buffer.from(`FL3e${record(KEY).toString().slice(4)}`), "unknown version"],
    ["somebody else's value", () => Buffer.from('{"uri":"http://example.test/"}'), "not a record"],
    ["nothing", () => Buffer.alloc(0), "not a record"],
    ["a negative lifetime", () => record(KEY, { freshnessLifetime: -1 }), "other types"],
    ["a lifetime that is no number", () => record(KEY, { freshnessLifetime: Number.NaN }), "other types"],
    ["half a field line", () => record(KEY, { fields: ["Content-Type"] }), "other types"],
    ["a status that is a word", () => record(KEY, { status: "200" as unknown as number }), "other types"],
    ["an epoch of another clock", () => record(KEY, { epoch: 1e300 }), "other types"],
  ])("refuses %s, and says why", (_name, bytes, detail) => {
    const meta = decodeMeta(bytes());
    expect(meta).toEqual({ type: "foreign", detail: expect.stringContaining(detail) });
  });

  it("knows its own body from a truncated, longer or swapped one", () => {
    const meta = entryOf(decodeMeta(record(KEY)));
    expect(bodyMatches(meta, Buffer.from("hello"))).toBe(true);
    for (const other of ["hell", "hello!", "hellO", "", "world"]) {
      expect(bodyMatches(meta, Buffer.from(other))).toBe(false);
    }
  });

  it("gives back the names that divide a resource", () => {
    const sets = [["a-coding", "x,y"], ["a b\n%"], ["é"]];
    const bytes = Buffer.from(dividedHead("http://h/\n?") + sets.map(dividedLine).join("\n"));
    expect(decodeMeta(bytes)).toEqual({ type: "divided", key: "http://h/\n?", sets });
  });

  it("reads no more sets than are ever written", () => {
    const lines = Array.from({ length: 100 }, (_, i) => `name-${i}`).join("\n");
    const meta = decodeMeta(Buffer.from(dividedHead(KEY) + lines));
    expect(meta.type === "divided" && meta.sets.length).toBe(8);
  });

  it.each(["", "a,", "%ff", "a\n\nb"])("refuses a divided record that ends in %j", (rest) => {
    expect(decodeMeta(Buffer.from(dividedHead(KEY) + rest)).type).toBe("foreign");
  });
});
