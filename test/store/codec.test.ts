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

const record = (key: string, changes: Partial<StoredResponse> = {}) =>
  encodeMeta(key, sampleEntry("hello", changes).stored, bodyChecksum(Buffer.from("hello")));
const entryOf = (meta: Meta) => {
  if (meta.type !== "entry") throw new Error(`decoded as ${JSON.stringify(meta)}`);
  return meta;
};

describe("the codec", () => {
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
    ["a status that is none", () => record(KEY, { status: 42 }), "other types"],
    ["the status of an interim response", () => record(KEY, { status: 103 }), "other types"],
    ["a reason with a line end", () => record(KEY, { statusMessage: "OK\r\nX: 1" }), "other types"],
    ["a name that is none", () => record(KEY, { fields: ["X A:", "1"] }), "other types"],
    ["a value with a line end", () => record(KEY, { fields: ["X-A", "1\r\nX-B: 2"] }), "other types"],
    ["a value beyond latin1", () => record(KEY, { fields: ["X-A", "中"] }), "other types"],
    ["a transfer coding", () => record(KEY, { fields: ["Transfer-Encoding", "chunked"] }), "other types"],
    ["a length of its own", () => record(KEY, { fields: ["content-length", "9"] }), "other types"],
    ["a lifetime without end", () => record(KEY, { freshnessLifetime: 1e300 }), "other types"],
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

  it("reads no set of more names than anybody sends", () => {
    const line = dividedLine(Array.from({ length: 5000 }, (_, i) => `name-${i}`));
    expect(decodeMeta(Buffer.from(`${dividedHead(KEY)}accept\n${line}`)).type).toBe("foreign");
  });

  it.each(["", "a,", "%ff", "a\n\nb"])("refuses a divided record that ends in %j", (rest) => {
    expect(decodeMeta(Buffer.from(dividedHead(KEY) + rest)).type).toBe("foreign");
  });
});
