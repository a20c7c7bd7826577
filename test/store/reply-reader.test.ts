import { describe, expect, it } from "vitest";
import { ProtocolError, ReplyReader } from "../../src/store/reply-reader.ts";

/** What a reader has told: values as texts, and of other replies their bytes. */
type Told = (string | null)[] | string;

/** Reads pieces out of one memory, as a socket does that reads into the same again and again. */
function tell(
  pieces: readonly Buffer[],
  reads: readonly boolean[],
  { values = 2, longest = 1e6, known = "" } = {},
) {
  const memory = Buffer.alloc(Math.max(0, ...pieces.map(({ length }) => length)) + 16);
  const told: Told[] = [];
  const asked: number[] = [];
  let [turn, open] = [0, false];
  const reader = new ReplyReader({
    repeated(bytes, at, length) {
      const isKnown = known !== "" && bytes.toString("latin1", at, length).startsWith(known);
      if (!isKnown || reads[turn] !== true) return 0;
      told.push("known");
      turn++;
      return known.length;
    },
    expected: () => (reads[turn] === true ? values : undefined),
    room(bytes) {
      asked.push(bytes);
      return bytes > longest ? undefined : Buffer.alloc(bytes, "?");
    },
    onValues(got) {
      told.push(got.map((value) => value?.toString("latin1") ?? null));
      turn++;
    },
    onOther(bytes) {
      const text = bytes.toString("latin1");
      if (open) told.push(`${told.pop()}${text}`);
      else told.push(text);
      open = !isWhole(String(told.at(-1)));
      if (!open) turn++;
    },
  });
  for (const piece of pieces) {
    memory.fill("\r\n$1*");
    piece.copy(memory);
    reader.read(memory, piece.length);
  }
  return { told, asked };
}

/** The replies of the test that are no reads; each ends where it says. */
const OTHERS = [
  "+OK\r\n",
  "-ERR no\r\n",
  ":12\r\n",
  ":-3\r\n",
  "_\r\n",
  ",1.5\r\n",
  "#t\r\n",
  "(123456789012345678901234567890\r\n",
  "$5\r\na\r\nbc\r\n",
  "$0\r\n\r\n",
  "$-1\r\n",
  "*-1\r\n",
  "*0\r\n",
  "=8\r\ntxt:abcd\r\n",
  "!5\r\nERR x\r\n",
  "*3\r\n*2\r\n:1\r\n$2\r\n\r\n\r\n%2\r\n+a\r\n*0\r\n+b\r\n_\r\n~1\r\n#f\r\n",
  ">2\r\n+message\r\n$1\r\nx\r\n",
  "%0\r\n",
];
const isWhole = (text: string) => OTHERS.includes(text) || text === KNOWN;

const blob = (text: string | null) =>
  text === null ? "$-1\r\n" : `$${Buffer.byteLength(text, "latin1")}\r\n${text}\r\n`;
const list = (values: readonly (string | null)[]) => `*${values.length}\r\n${values.map(blob).join("")}`;

/** A list that may answer something else, too. */
const KNOWN = list(["a\r\n", "*2\r\n"]);

/** The same bytes, cut at these places. */
function cut(text: string, at: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, "latin1");
  const places = [0, ...at.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}

describe("replies are told apart", () => {
  it("in pieces of one byte, and in two that are cut anywhere", () => {
    const replies = [["a\r\n", null], ...OTHERS, [null, ""], ["$1\r\n", "*2\r\n"]] as const;
    const text = replies.map((each) => (typeof each === "string" ? each : list(each))).join("");
    const reads = replies.map((each) => typeof each !== "string");
    const bytes = Array.from({ length: text.length }, (_, i) => i);
    expect(tell(cut(text, bytes), reads).told).toEqual(replies);
    for (const at of bytes) expect(tell(cut(text, [at]), reads).told, `cut at ${at}`).toEqual(replies);
  });

  it("a list that answers something else is left as it is", () => {
    const text = list(["a", "b"]);
    expect(tell([Buffer.from(text.slice(0, 5))], [false]).told).toEqual([text.slice(0, 5)]);
  });

  it("an error that answers a read is left as it is", () => {
    expect(tell([Buffer.from("-ERR no\r\n")], [true]).told).toEqual(["-ERR no\r\n"]);
  });

  it("one that is known is not read, where it is whole", () => {
    const known = KNOWN;
    const replies = [known, "+OK\r\n", known, list(["b", null]), known, known];
    const reads = [true, false, false, true, true, true];
    const text = replies.join("");
    for (let at = 0; at <= text.length; at++) {
      const { told } = tell(cut(text, [at]), reads, { known });
      let from = 0;
      const wanted = replies.map((reply, i) => {
        const isCut = from < at && at < from + reply.length;
        from += reply.length;
        if (i === 3) return ["b", null];
        return reads[i] !== true ? reply : isCut ? ["a\r\n", "*2\r\n"] : "known";
      });
      expect(told, `cut at ${at}`).toEqual(wanted);
    }
  });

  it("nothing is told of a reply to a read that is not whole", () => {
    const text = list(["abc", "def"]);
    for (let end = 0; end < text.length; end++)
      expect(tell([Buffer.from(text.slice(0, end))], [true]).told, `${end} bytes`).toEqual([]);
  });

  it("a value that nobody wants is skipped, and told as none", () => {
    const text = list(["a".repeat(50), "b"]) + list(["c", "d"]);
    const { told, asked } = tell(cut(text, [3, 20, 40]), [true, true], { longest: 49 });
    expect(told).toEqual([
      [null, "b"],
      ["c", "d"],
    ]);
    expect(asked).toEqual([50, 1, 1, 1]);
  });

  it("memory is asked for once for each value, as much as it says", () => {
    expect(tell([Buffer.from("*2\r\n$9999999999\r\nabc")], [true]).asked).toEqual([9_999_999_999]);
  });
});

describe("what Redis cannot have sent is refused", () => {
  it.each([
    ["no type", "x\r\n"],
    ["a line of HTTP", "HTTP/1.1 200 OK\r\n"],
    ["a line that ends with something else", "+OK\rx"],
    ["a length without digits", "$\r\n"],
    ["a length of letters", "$a\r\n"],
    ["a length with letters behind", "$1a\r\n"],
    ["a length of too many digits", "$12345678901\r\n"],
    ["a negative length", "$-2\r\n"],
    ["a list of a negative length", "*-3\r\n"],
    ["a list that is too long", "*100001\r\n"],
    ["a map that is too long", "%50001\r\n"],
    ["two signs", "$--1\r\n"],
    ["something behind a null", "_1\r\n"],
    ["a value that is longer than it says", "$1\r\nab\r\n"],
    ["a value that is longer by the first half of its end", "$1\r\nab\n"],
    ["a value that does not end", "$1\r\na\r\r"],
  ])("%s", (_, text) => {
    for (const reads of [[false], [true]])
      expect(() => tell([Buffer.from(text)], reads)).toThrow(ProtocolError);
    for (const at of [1, 2, 3]) expect(() => tell(cut(text, [at]), [false])).toThrow(ProtocolError);
  });

  it.each([
    ["a list of fewer values", list(["a"])],
    ["a list of more values", list(["a", "b", "c"])],
    ["no list", "*-1\r\n"],
    ["an empty list", "*0\r\n"],
    ["a list in the list", "*2\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"],
    ["a list of one in the list", "*2\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n"],
    ["a number", "*2\r\n:1\r\n$1\r\na\r\n"],
    ["an error", "*2\r\n-ERR\r\n$1\r\na\r\n"],
    ["an error of bytes", "*2\r\n!1\r\na\r\n$1\r\na\r\n"],
    ["a text of a format", "*2\r\n=5\r\ntxt:a\r\n$1\r\na\r\n"],
    ["a map", "*2\r\n%0\r\n$1\r\na\r\n"],
    ["a message", "*2\r\n>1\r\n+a\r\n$1\r\na\r\n"],
  ])("in an answer to a read: %s", (_, text) => {
    expect(() => tell([Buffer.from(text)], [true])).toThrow(ProtocolError);
  });

  it("a list of one value, in a list of one", () => {
    expect(() => tell([Buffer.from("*1\r\n*1\r\n$1\r\na\r\n")], [true], { values: 1 })).toThrow(
      ProtocolError,
    );
  });
});
