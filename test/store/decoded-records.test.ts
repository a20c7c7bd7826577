import { describe, expect, it } from "vitest";
import { bodyChecksum, decodeMeta, encodeMeta } from "../../src/store/codec.ts";
import { DecodedRecords, type Known } from "../../src/store/decoded-records.ts";
import type { Answered } from "../../src/store/hash-reads.ts";
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

describe("an answer that came before", () => {
  const entry = sampleEntry("hello");
  const body = Buffer.from("hello");
  const ofEntry = () => encodeMeta(KEY, entry.stored, bodyChecksum(body));

  it("is kept in as much memory as it takes, and so is the record", () => {
    const records = new DecodedRecords();
    records.decode("a", ofEntry(), body);
    const { bytes } = records.find("a") as Known;
    expect(bytes.buffer.byteLength).toBe(ofEntry().length);
    records.decode("a", ofEntry(), body);
    const { reply } = (records.find("a") as Known).answered as Answered;
    expect(reply.buffer.byteLength).toBe(reply.length);
  });

  it("is known when it has come twice, byte for byte as Redis says it", () => {
    const records = new DecodedRecords();
    records.decode("a", ofEntry(), body);
    expect(records.find("a")?.answered).toBeUndefined();
    const meta = records.decode("a", ofEntry(), Buffer.from(body));
    const known = records.find("a");
    const { length } = ofEntry();
    expect(known?.answered?.reply.toString("latin1")).toBe(
      `*2\r\n$${length}\r\n${ofEntry().toString("latin1")}\r\n$5\r\nhello\r\n`,
    );
    expect(known?.answered?.with.values.map(String)).toEqual([ofEntry().toString(), "hello"]);
    expect(known?.meta).toBe(meta);
    expect(records.decode("a", ofEntry())).toBe(meta);
  });

  it.each([
    ["has a body that is not its record's", Buffer.from("jello")],
    ["has no body", null],
    ["is long", Buffer.alloc(16_384)],
  ])("is not known where it %s", (_, other) => {
    const records = new DecodedRecords();
    for (let i = 0; i < 3; i++) records.decode("a", ofEntry(), other);
    expect(records.find("a")?.answered).toBeUndefined();
  });

  it("is forgotten with its record", () => {
    const records = new DecodedRecords();
    for (let i = 0; i < 2; i++) records.decode("a", ofEntry(), body);
    const bytes = records.bytes;
    records.decode("a", record({ epoch: 8 }));
    expect(records.find("a")?.answered).toBeUndefined();
    expect(records.bytes).toBeLessThan(bytes);
    records.decode("a", Buffer.from("damaged"));
    expect(records.bytes).toBe(0);
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

it("answers take their room, too", () => {
  const records = new DecodedRecords(64 * 1024);
  const body = Buffer.alloc(8000);
  const { stored } = sampleEntry(body.toString("latin1"));
  const bytes = encodeMeta(KEY, stored, bodyChecksum(body));
  const asked = Array.from({ length: 20 }, (_, i) => String(i));
  for (const id of [...asked, ...asked]) records.decode(id, bytes, body);
  const known = asked.filter((id) => records.find(id)?.answered !== undefined);
  expect(known.length * body.length).toBeLessThan(records.bytes);
  expect(records.bytes).toBeLessThanOrEqual(64 * 1024);
});

it("a very long one is decoded each time", () => {
  const records = new DecodedRecords();
  const long = record({ fields: ["X-Long", "x".repeat(20_000)] });
  expect(records.decode("a", long)).not.toBe(records.decode("a", long));
  expect(records.bytes).toBe(0);
});
