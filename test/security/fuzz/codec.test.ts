import fc from "fast-check";
import { describe, expect } from "vitest";
import type { Outgoing } from "../../../src/cache/arrivals.ts";
import type { StoredResponse } from "../../../src/policy/stored-response.ts";
import {
  arrivalKey,
  headFields,
  parseArrival,
  parseArrivalMessage,
} from "../../../src/store/arrival-record.ts";
import { chunksRecord, decodeChunk, divide, encodeChunk, parseChunks } from "../../../src/store/chunks.ts";
import {
  bodyChecksum,
  bodyMatches,
  decodeMeta,
  dividedHead,
  dividedLine,
  encodeMeta,
  LONGEST_SET,
  MAX_SETS,
} from "../../../src/store/codec.ts";
import { packEntry, Records } from "../../../src/store/memory/records.ts";
import { Slots } from "../../../src/store/memory/slots.ts";
import { baseKey, entryName } from "../../../src/store/redis-layout.ts";
import { fuzz } from "./harness.ts";

/** What origins and clients put into lines: bytes, and what means something to JSON, to Lua and in Unicode. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 20 }),
  fc.constantFrom(
    "",
    "__proto__",
    "a".repeat(5000),
    "\xff".repeat(3000),
    '"\\u0000',
    "%",
    "\n",
    "\ud800",
    "\u2028",
  ),
);
/**
 * As no field's name has one (RFC 9110 §5.1): without a backslash, for which JSON.parse takes an escape where an object
 * of the same shape had it before (nodejs/node#63785).
 */
const name = text.map((any) => any.replaceAll("\\", "/"));
/** What a line of a message can carry (RFC 9110 §5.5): nothing else is believed to be one of a stored response. */
const value = text.map((any) => any.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "?"));
const fieldName = fc.oneof(
  fc.constantFrom("X", "content-type", "Set-Cookie", "a".repeat(5000), "!#$%&'*+-.^_`|~9"),
  fc.string({ unit: fc.constantFrom(..."aZ09-_.~"), minLength: 1, maxLength: 20 }).map((any) => `x${any}`),
);
const seconds = fc.oneof(fc.nat(), fc.double({ min: 1e-9, max: 1e9, noNaN: true }), fc.constant(2 ** 31));
const body = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 60 });

/** `bodyLength` and `part` are those of the body. */
type Lines = Omit<StoredResponse, "bodyLength" | "part">;
const responses: fc.Arbitrary<Lines> = fc.record(
  {
    uri: text,
    selectingFields: fc.dictionary(name, fc.option(text), { maxKeys: 3, noNullPrototype: true }),
    status: fc.integer({ min: 200, max: 599 }),
    statusMessage: value,
    fields: fc.array(fc.tuple(fieldName, value), { maxLength: 6 }).map((pairs) => pairs.flat()),
    etag: text,
    lastModified: text,
    responseTime: fc.integer(),
    initialAge: seconds,
    freshnessLifetime: seconds,
    staleWhileRevalidate: seconds,
    staleIfError: seconds,
    keep: seconds,
    mustRevalidate: fc.boolean(),
    noCache: fc.boolean(),
    tags: fc.array(text, { maxLength: 4 }),
    epoch: fc.maxSafeNat(),
  },
  {
    requiredKeys: [
      ...(["uri", "selectingFields", "status", "statusMessage", "fields", "responseTime"] as const),
      ...(["initialAge", "freshnessLifetime", "staleWhileRevalidate", "staleIfError", "keep"] as const),
      ...(["mustRevalidate", "noCache", "tags", "epoch"] as const),
    ],
  },
);

interface Sample {
  readonly key: string | null;
  readonly lines: Lines;
  readonly body: string;
  /** How many bytes come before and behind the body; null where it is all. */
  readonly around: readonly [number, number] | null;
}
const samples: fc.Arbitrary<Sample> = fc.record({
  key: fc.option(text),
  lines: responses,
  body,
  around: fc.option(fc.tuple(fc.nat(9), fc.nat(9))),
});

function made({ key, lines, body, around }: Sample) {
  const bytes = Buffer.from(body, "latin1");
  const [before, behind] = around ?? [0, 0];
  const part = { first: before, last: before + bytes.length - 1, length: before + bytes.length + behind };
  const stored: StoredResponse = {
    ...lines,
    bodyLength: bytes.length,
    ...(around === null || bytes.length === 0 ? {} : { part }),
  };
  return { key: key ?? stored.uri, stored, bytes };
}

/** What can go wrong with a value: bits that flip, an end that is missing, spans that are taken for others. */
interface Damage {
  readonly what: "flip" | "cut" | "drop" | "double" | "swap" | "put";
  readonly at: number;
  readonly length: number;
  readonly bit: number;
}
const damages: fc.Arbitrary<readonly Damage[]> = fc.array(
  fc.record({
    what: fc.constantFrom("flip", "cut", "drop", "double", "swap", "put"),
    at: fc.nat(),
    length: fc.integer({ min: 1, max: 40 }),
    bit: fc.nat(255),
  }),
  { minLength: 1, maxLength: 3 },
);

const damaged = (whole: Buffer, all: readonly Damage[]): Buffer => all.reduce(damagedOnce, whole);

function damagedOnce(bytes: Buffer, { what, at: place, length, bit }: Damage): Buffer {
  const at = place % Math.max(1, bytes.length);
  const [before, span, behind] = [
    bytes.subarray(0, at),
    bytes.subarray(at, at + length),
    bytes.subarray(at + length),
  ];
  switch (what) {
    case "flip":
      return Buffer.from(bytes.map((byte, i) => (i === at ? byte ^ (1 << (bit % 8)) : byte)));
    case "cut":
      return before;
    case "drop":
      return Buffer.concat([before, behind]);
    case "double":
      return Buffer.concat([before, span, span, behind]);
    case "swap":
      return Buffer.concat([before, behind.subarray(0, length), span, behind.subarray(length)]);
    case "put":
      return Buffer.concat([before, Buffer.from([bit]), span, behind]);
  }
}

describe("a record in Redis", () => {
  fuzz("comes back as it was, with its key, and knows its body", {
    corpus: "entries",
    inputs: samples,
    runs: 700,
    holds: (sample) => {
      const { key, stored, bytes } = made(sample);
      const meta = decodeMeta(encodeMeta(key, stored, bodyChecksum(bytes)));
      if (meta.type !== "entry") throw new Error(JSON.stringify(meta));
      expect(meta.stored).toEqual(stored);
      expect(meta.key).toBe(key);
      expect(bodyMatches(meta, bytes)).toBe(true);
    },
  });

  fuzz("that is damaged is foreign, and so is a body that is", {
    corpus: "damaged-entries",
    inputs: fc.tuple(samples, damages),
    runs: 1200,
    holds: ([sample, damage]) => {
      const { key, stored, bytes } = made(sample);
      const record = encodeMeta(key, stored, bodyChecksum(bytes));
      const other = damaged(record, damage);
      if (!other.equals(record)) expect(decodeMeta(other).type).toBe("foreign");
      const meta = decodeMeta(record);
      const otherBody = damaged(bytes, damage);
      if (meta.type === "entry") expect(bodyMatches(meta, otherBody)).toBe(otherBody.equals(bytes));
    },
  });

  fuzz("of a divided resource comes back, up to as many sets as are kept", {
    corpus: "divided",
    inputs: fc.tuple(
      text,
      fc.array(
        fc
          .array(
            text.filter((name) => name.isWellFormed() && name !== ""),
            { minLength: 1, maxLength: 3 },
          )
          .filter((names) => dividedLine(names).length <= LONGEST_SET),
        { minLength: 1, maxLength: 10 },
      ),
    ),
    runs: 400,
    holds: ([key, sets]) => {
      const bytes = Buffer.from(dividedHead(key) + sets.map(dividedLine).join("\n"));
      expect(decodeMeta(bytes)).toEqual({ type: "divided", key, sets: sets.slice(0, MAX_SETS) });
    },
  });

  fuzz("is never seen in somebody else's bytes", {
    corpus: "foreign",
    inputs: fc.tuple(
      fc.constantFrom("", "FL2e", "FL2e00000000", "FL2v", "FL2v\n", 'FL2v\n"a"\n', "FL3e", "FL2c "),
      fc.oneof(body, fc.json()),
    ),
    runs: 1200,
    holds: ([magic, rest]) => {
      const bytes = Buffer.from(magic + rest, "latin1");
      expect(decodeMeta(bytes).type).not.toBe("entry");
      expect(parseArrival("a", "freshline", [bytes, bytes, "", "1", ""])).toBeUndefined();
      parseArrivalMessage(rest);
      parseChunks(bytes, 10);
    },
  });
});

fuzz("a chunk is the one that was written, in its place, whole, or none", {
  corpus: "chunks-in-redis",
  inputs: fc.tuple(body, fc.nat(2000), fc.nat(2000), damages),
  runs: 1200,
  holds: ([text, index, otherIndex, damage]) => {
    const bytes = Buffer.from(text, "latin1");
    const [chunks, others] = [divide(5000, 10), divide(5000, 10)];
    const value = encodeChunk(chunks, index, [bytes.subarray(0, 3), bytes.subarray(3)]);
    expect(parseChunks(Buffer.from(chunksRecord(chunks)), 5000)).toEqual(chunks);
    expect(decodeChunk(chunks, index, value)).toEqual(bytes);
    if (otherIndex !== index) expect(decodeChunk(chunks, otherIndex, value)).toBeUndefined();
    expect(decodeChunk(others, index, value)).toBeUndefined();
    const other = damaged(value, damage);
    if (!other.equals(value)) expect(decodeChunk(chunks, index, other)).toBeUndefined();
  },
});

const UNREAD: Pick<Outgoing, "body" | "tell"> = { body: { read: async function* () {} }, tell: () => {} };

fuzz("a body that arrives is told of as it was written, under its own name, and nothing damaged is", {
  corpus: "arrivals",
  inputs: fc.tuple(samples, fc.nat(5000), fc.nat(1), damages),
  runs: 400,
  holds: ([sample, arrived, which, damage]) => {
    const { key, stored, bytes } = made(sample);
    const chunks = divide(bytes.length, 10);
    const name = entryName(baseKey("freshline", key), stored);
    const [, head, , record] = headFields({ key, stored, origin: "o", ...UNREAD }, chunks).map(String);
    const at = arrivalKey(name, chunks);
    expect(parseArrival(at, "freshline", [head, record, "o", String(arrived), ""])).toEqual({
      ...{ key, stored, origin: "o", name, chunks },
      news: { arrived },
    });
    expect(parseArrival(`${at}x`, "freshline", [head, record, "o", "1", ""])).toBeUndefined();
    const fields = [head as string, record as string];
    const other = damaged(Buffer.from(fields[which] as string), damage).toString();
    if (other === fields[which]) return;
    fields[which] = other;
    const found = parseArrival(at, "freshline", [...fields, "o", "1", ""]);
    // Of the size of a chunk alone nothing can be told: a body of one chunk has it whatever it is.
    if (found !== undefined)
      expect([which, found.chunks.count, found.stored]).toEqual([1, chunks.count, stored]);
  },
});

fuzz("a record in memory comes back as it was, beside others", {
  corpus: "packed",
  inputs: fc.array(fc.tuple(fc.nat(5), samples), { minLength: 1, maxLength: 8 }),
  runs: 250,
  holds: (puts) => {
    const rows = new Slots();
    for (let slot = 0; slot <= 5; slot++) rows.take();
    const records = new Records(rows, 1_000_000, 20_000, undefined);
    const slots = new Map<number, ReturnType<typeof made>>();
    for (const [slot, sample] of puts) {
      const { key, stored, bytes } = made(sample);
      if (slots.has(slot)) records.free(slot);
      records.put(slot, packEntry(key, stored, bytes));
      slots.set(slot, { key, stored, bytes });
    }
    for (const [slot, { key, stored, bytes }] of slots) {
      for (const { entry } of [
        records.peek(slot, key),
        records.find(slot, key, 9),
        records.find(slot, key, 1),
      ]) {
        expect(entry.stored).toEqual(stored);
        expect(Buffer.compare(entry.body as Uint8Array, bytes)).toBe(0);
      }
    }
  },
});
