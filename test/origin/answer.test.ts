import { describe, expect, it } from "vitest";
import {
  fieldLinesFrom,
  framingOf,
  isCloseDelimited,
  reasonPhrase,
  unknownTransferCoding,
} from "../../src/origin/answer.ts";

const HEAD = "Content-Type: text/html\r\nX-Name: \xe9\xff\t \r\nX-Empty:\r\nServer: one";
const LINES = ["Content-Type", "text/html", "X-Name", "\xe9\xff", "X-Empty", "", "Server", "one"];

/** In a buffer of its own, at its beginning. */
const apart = (bytes: Buffer): Buffer => Buffer.from(Uint8Array.from(bytes).buffer);

/** The parts of a head as undici's parser gives them: views of what was read. */
function partsOf(read: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let at = 0;
  for (const line of read.toString("latin1").split("\r\n")) {
    const colon = line.indexOf(":");
    const valueAt = Math.min(line.length, line[colon + 1] === " " ? colon + 2 : colon + 1);
    parts.push(read.subarray(at, at + colon), read.subarray(at + valueAt, at + line.length));
    at += line.length + 2;
  }
  return parts;
}

describe("field lines of an origin", () => {
  it("are those of a head that came in one read, wherever in its buffer that is", () => {
    const read = Buffer.concat([Buffer.alloc(100), Buffer.from(HEAD, "latin1")]).subarray(100);
    expect(fieldLinesFrom(partsOf(read))).toEqual(LINES);
  });

  it.each(Array.from(LINES, (_, i) => i))("are the same where part %i came in two reads", (i) => {
    const parts = partsOf(apart(Buffer.from(HEAD, "latin1")));
    parts[i] = apart(parts[i] as Buffer);
    expect(fieldLinesFrom(parts)).toEqual(LINES);
  });

  it("are the same where the head's end came in another read", () => {
    const [first, second] = [partsOf(Buffer.from(HEAD, "latin1")), partsOf(Buffer.from(HEAD, "latin1"))];
    for (let cut = 0; cut <= LINES.length; cut++)
      expect(fieldLinesFrom([...first.slice(0, cut), ...second.slice(cut)])).toEqual(LINES);
  });

  it("are the same wherever they were put together", () => {
    const place = Buffer.alloc(200);
    const parts = partsOf(Buffer.from(HEAD, "latin1")).map((part, i) => {
      const at = 180 - 20 * i;
      return place.subarray(at, at + part.copy(place, at));
    });
    expect(fieldLinesFrom(parts)).toEqual(LINES);
  });

  it("are none where there are none", () => {
    expect([fieldLinesFrom([]), fieldLinesFrom(undefined)]).toEqual([[], []]);
  });
});

describe("what a head says of its body's end", () => {
  it.each([
    ["a length", ["Content-Length", "3"], { closes: false, unknown: undefined }],
    ["a length in another case", ["CONTENT-LENGTH", "3"], { closes: false, unknown: undefined }],
    ["chunks", ["Transfer-Encoding", "Chunked"], { closes: false, unknown: undefined }],
    ["an empty coding", ["Transfer-Encoding", ""], { closes: false, unknown: undefined }],
    [
      "empty members beside the chunks",
      ["transfer-encoding", ", chunked,"],
      { closes: false, unknown: undefined },
    ],
    ["another coding", ["Transfer-Encoding", "gzip, chunked"], { closes: false, unknown: "gzip, chunked" }],
    [
      "codings in several lines",
      ["Transfer-Encoding", "gzip", "X-A", "1", "transfer-encoding", "chunked"],
      { closes: false, unknown: "gzip, chunked" },
    ],
    [
      "nothing",
      ["X-Content-Length", "3", "Transfer-Encodings", "gzip"],
      { closes: true, unknown: undefined },
    ],
  ])("%s", (_, fields, { closes, unknown }) => {
    const framing = framingOf(fields);
    expect(isCloseDelimited("GET", 200, framing)).toBe(closes);
    expect(unknownTransferCoding(framing)).toBe(unknown);
    for (const [method, status] of [["HEAD", 200] as const, ["GET", 204] as const, ["GET", 304] as const])
      expect(isCloseDelimited(method, status, framing)).toBe(false);
  });
});

it.each([
  ["OK", "OK"],
  ["", ""],
  ["\tTab and ~", "\tTab and ~"],
  ["Gut\u00e9", "Gut\xc3\xa9"],
  ["not UTF-8: \ufffd", ""],
  ["a\x7fb", ""],
  ["a\nb", ""],
  [undefined, ""],
])("a reason phrase has its bytes again, or is none: %j", (decoded, phrase) => {
  expect(reasonPhrase(decoded)).toBe(phrase);
});
