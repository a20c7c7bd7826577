import { describe, expect, it } from "vitest";
import { decodeMeta, encodeMeta } from "../../src/store/codec.ts";
import { DecodedRecords } from "../../src/store/decoded-records.ts";
import { KEY, sampleEntry } from "./sample.ts";

const record = (changes: Parameters<typeof sampleEntry>[1] = {}) =>
  encodeMeta(KEY, sampleEntry("hello", changes).stored, 1);

describe("a record that was decoded before", () => {
  it("comes to the same object, whatever becomes of the buffer that it came in", () => {
    const records = new DecodedRecords();
    const bytes = record();
    const first = records.decode("a", bytes);
    bytes.fill(0);
    expect(records.decode("a", record())).toBe(first);
    expect(first).toEqual(decodeMeta(record()));
  });

  it("is another one when it has changed, and under another key", () => {
    const records = new DecodedRecords();
    const first = records.decode("a", record());
    expect(records.decode("b", record())).not.toBe(first);
    expect(records.decode("a", record({ epoch: 8 }))).toMatchObject({ stored: { epoch: 8 } });
    expect(records.decode("a", record())).toMatchObject({ stored: { epoch: 7 } });
  });

  it("is not taken for it when any bit is another", () => {
    const records = new DecodedRecords();
    records.decode("a", record());
    for (let bit = 0; bit < record().length * 8; bit++) {
      const damaged = record();
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(records.decode("a", damaged).type).toBe("foreign");
      expect(records.decode("a", record()).type).toBe("entry");
    }
  });
});

it("as many are remembered as there is room for, the latest", () => {
  const records = new DecodedRecords(64 * 1024);
  const first = records.decode("0", record());
  for (let i = 1; i < 1000; i++) records.decode(String(i), record());
  const last = records.decode("999", record());
  expect(records.bytes).toBeLessThanOrEqual(64 * 1024);
  expect(records.bytes).toBeGreaterThan(48 * 1024);
  expect(records.decode("999", record())).toBe(last);
  expect(records.decode("0", record())).not.toBe(first);
  const before = records.bytes;
  for (let i = 0; i < 1000; i++) records.decode("999", record({ epoch: i }));
  expect(records.bytes - before).toBeLessThan(100);
});

it("a very long one is decoded each time", () => {
  const records = new DecodedRecords();
  const long = record({ fields: ["X-Long", "x".repeat(20_000)] });
  expect(records.decode("a", long)).not.toBe(records.decode("a", long));
  expect(records.bytes).toBe(0);
});
