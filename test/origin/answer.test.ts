import { describe, expect, it } from "vitest";
import { fieldLinesFrom } from "../../src/origin/answer.ts";

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
