import fc from "fast-check";
import { Decoder } from "ioredis/built/resp/decoder.js";
import { describe, expect } from "vitest";
import { ProtocolError, ReplyReader } from "../../../src/store/reply-reader.ts";
import { fuzz } from "./harness.ts";

/** A reply to a read of fields, by its values, or any other as its bytes. */
type Reply = readonly (string | null)[] | string;

const byte = fc.constantFrom("\r", "\n", "$", "*", "1", "-", "a", "\0", "\xff");
const value = fc.option(fc.string({ unit: byte, maxLength: 20 }));
const line = fc.string({ unit: fc.constantFrom("a", " ", "$", "*", "1", "\xff"), maxLength: 8 });
const blob = (text: string | null): string => (text === null ? "$-1\r\n" : `$${text.length}\r\n${text}\r\n`);

/** RESP2 and RESP3, lists within lists. */
const { other } = fc.letrec<{ other: string }>((tie) => ({
  other: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(
      line.map((text) => `+${text}\r\n`),
      line.map((text) => `-ERR ${text}\r\n`),
      fc.integer().map((number) => `:${number}\r\n`),
      fc.constantFrom(
        "_\r\n",
        "#t\r\n",
        "#f\r\n",
        ",1.5\r\n",
        ",inf\r\n",
        ",-0.25e3\r\n",
        "(12345678901234567890\r\n",
        "*-1\r\n",
      ),
      value.map(blob),
      line.map((text) => `=${text.length + 4}\r\ntxt:${text}\r\n`),
      line.map((text) => `!${text.length + 4}\r\nERR ${text}\r\n`),
    ),
    fc
      .tuple(fc.constantFrom("*", "~"), fc.array(tie("other"), { maxLength: 4 }))
      .map(([type, all]) => `${type}${all.length}\r\n${all.join("")}`),
    fc
      .array(fc.tuple(line, tie("other")), { maxLength: 3 })
      .map((pairs) => `%${pairs.length}\r\n${pairs.map(([name, one]) => `+${name}\r\n${one}`).join("")}`),
  ),
}));
const push = fc
  .array(value, { minLength: 1, maxLength: 3 })
  .map((all) => `>${all.length}\r\n${all.map(blob).join("")}`);
const replies: fc.Arbitrary<Reply[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.array(value, { minLength: 1, maxLength: 3 }) },
    { weight: 4, arbitrary: other },
    { weight: 1, arbitrary: push },
  ),
  { maxLength: 6 },
);
/** Where the bytes are cut. */
type Places = readonly number[] | "everywhere";
const places: fc.Arbitrary<Places> = fc.oneof(
  fc.array(fc.nat(), { maxLength: 20 }),
  fc.constant("everywhere"),
);

const written = (reply: Reply): string =>
  typeof reply === "string" ? reply : `*${reply.length}\r\n${reply.map(blob).join("")}`;

/** The same bytes, cut at these places. */
function cut(text: string, at: Places): Buffer[] {
  const bytes = Buffer.from(text, "latin1");
  if (at === "everywhere") return Array.from(bytes, (byte) => Buffer.from([byte]));
  const ends = [0, ...at.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return ends.slice(1).map((end, i) => bytes.subarray(ends[i], end));
}

/** A value as text, whatever its type. */
const shown = (value: unknown): string =>
  JSON.stringify(value, (_, each) => {
    if (each instanceof Error) return `!${each.message}`;
    if (each instanceof Map || each instanceof Set) return [...each];
    return typeof each === "bigint" || (typeof each === "number" && !Number.isFinite(each))
      ? String(each)
      : each;
  });

/** ioredis's own decoder, which tells of what it has read; of a push without being asked. */
function decoder(told: string[], onReply = () => {}): (bytes: Buffer) => void {
  const tell = (what: string) => (reply: unknown) => {
    told.push(what + shown(reply));
    if (what !== ">") onReply();
  };
  const options = {
    getTypeMapping: () => ({ 36: Buffer }),
    onReply: tell(""),
    onErrorReply: tell("-"),
    onPush: tell(">"),
  };
  const decoder = new Decoder(options);
  return (bytes) => decoder.write(Buffer.from(bytes));
}

interface Told {
  readonly told: readonly string[];
  /** What it has ended with. */
  readonly error: unknown;
}

/** A longer value is wanted by nobody. */
const LONGEST = 1000;

function byIoredis(pieces: readonly Buffer[]): Told {
  const told: string[] = [];
  const write = decoder(told);
  try {
    for (const piece of pieces) if (piece.length > 0) write(piece);
  } catch (error) {
    return { told, error };
  }
  return { told, error: undefined };
}

interface TakenOut extends Told {
  readonly values: readonly (readonly (string | null)[])[];
  /** Of how many bytes memory was asked for. */
  readonly asked: readonly number[];
}

/** The way of the program: reads are taken out, those that are `known` without being read, the rest is ioredis's. */
function byBoth(
  pieces: readonly Buffer[],
  reads: readonly (number | undefined)[],
  known: readonly Reply[] = [],
): TakenOut {
  const told: string[] = [];
  const taken: (string | null)[][] = [];
  const asked: number[] = [];
  let turn = 0;
  const write = decoder(told, () => turn++);
  const reader = new ReplyReader({
    repeated(bytes, at, length) {
      const reply = known[turn];
      if (reply === undefined || typeof reply === "string" || reads[turn] === undefined) return 0;
      const wanted = written(reply);
      if (!bytes.subarray(at, length).toString("latin1").startsWith(wanted)) return 0;
      told.push(shown(reply.map((each) => (each === null ? null : Buffer.from(each, "latin1")))));
      turn++;
      return wanted.length;
    },
    expected: () => reads[turn],
    room: (bytes) => {
      asked.push(bytes);
      return bytes > LONGEST ? undefined : Buffer.alloc(bytes);
    },
    onValues: (values) => {
      told.push(shown(values));
      taken.push(values.map((value) => value?.toString("latin1") ?? null));
      turn++;
    },
    onOther: write,
  });
  // As from a socket, which reads into the same memory again and again.
  const memory = Buffer.alloc(Math.max(0, ...pieces.map(({ length }) => length)) + 16);
  let error: unknown;
  try {
    for (const piece of pieces) {
      memory.fill("\r\n$1*");
      piece.copy(memory);
      reader.read(memory, piece.length);
    }
  } catch (thrown) {
    error = thrown;
  }
  return { told, values: taken, asked, error };
}

const isPush = (reply: Reply): boolean => typeof reply === "string" && reply.startsWith(">");
/** Of how many values is the list that answers each, if it is one? A read may be answered by anything else. */
const readsOf = (all: readonly Reply[]) =>
  all
    .filter((reply) => !isPush(reply))
    .map((reply) => (typeof reply !== "string" ? reply.length : reply.startsWith("*") ? undefined : 2));

const edits = fc.array(
  fc.tuple(fc.nat(), fc.nat(2), fc.oneof(byte, fc.constantFrom(..."_+:%>~=!#(,09\r\n", ""))),
  { minLength: 1, maxLength: 2 },
);

/** A value as it may be written, as a pattern. */
const framed = (value: string | null): string =>
  value === null
    ? "(?:\\$-0*1|_)\r\n"
    : `\\$0*${value.length}\r\n${value.replace(/[^\w]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`)}\r\n`;

describe("with the replies to reads taken out of a connection", () => {
  fuzz("all are told as ioredis alone would tell them, in any pieces", {
    corpus: "replies",
    inputs: fc.tuple(replies, places),
    runs: 1000,
    holds: ([all, at]) => {
      const pieces = cut(all.map(written).join(""), at);
      const { told, asked, error } = byBoth(pieces, readsOf(all));
      expect(error).toBeUndefined();
      expect(told).toEqual(byIoredis(pieces).told);
      expect(told).toHaveLength(all.length);
      const values = all.filter((each) => typeof each !== "string").flat();
      expect(asked).toEqual(values.flatMap((one) => (one === null ? [] : [one.length])));
      expect(
        byBoth(
          pieces,
          readsOf(all),
          all.filter((reply) => !isPush(reply)),
        ).told,
      ).toEqual(told);
    },
  });

  fuzz(
    "what is damaged ends the connection, or no byte of it passes for a value that was not written as one",
    {
      corpus: "damaged-replies",
      inputs: fc.tuple(replies, edits, places),
      runs: 1500,
      holds: ([all, edits, at]) => {
        const text = edits.reduce((before, [place, drop, put]) => {
          const from = place % (before.length + 1);
          return before.slice(0, from) + put + before.slice(from + drop);
        }, all.map(written).join(""));
        const { values, asked, error } = byBoth(cut(text, at), readsOf(all));
        expect(asked.length).toBeLessThanOrEqual(
          readsOf(all).reduce<number>((sum, count) => sum + (count ?? 0), 0),
        );
        // ioredis's own errors end the connection as well.
        if (error !== undefined && !(error instanceof ProtocolError))
          expect(String(error)).toMatch(/^(?:Range)?Error: /);
        if (asked.some((bytes) => bytes > LONGEST)) return;
        let from = 0;
        for (const one of values) {
          const pattern = new RegExp(one.map(framed).join(""), "gy");
          const begin = new RegExp(`\\*0*${one.length}\r\n`, "g");
          begin.lastIndex = from;
          do {
            expect(begin.exec(text), JSON.stringify([text, one])).not.toBeNull();
            pattern.lastIndex = begin.lastIndex;
          } while (!pattern.test(text));
          from = pattern.lastIndex;
        }
      },
    },
  );
});
