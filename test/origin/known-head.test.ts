import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Head, KnownHead } from "../../src/origin/lane/known-head.ts";
import { aClient, get, never, readAll } from "./asking.ts";
import { rawServer } from "./raw-server.ts";

const head = (text: string): Head => ({
  text,
  status: 200,
  statusMessage: "OK",
  fields: ["Content-Length", "2", "X-A", "1"],
  content: 2,
  keepMs: 4000,
});

const TEXT = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\n\r\n";

function keeping(text: string): KnownHead {
  const known = new KnownHead();
  known.keep(head(text));
  return known;
}

describe("a head that came before", () => {
  it("is the same again, wherever it begins", () => {
    const known = keeping(TEXT);
    const bytes = Buffer.from(`xx${TEXT}ok`, "latin1");
    const found = known.at(bytes, 2, bytes.length);
    expect(found).toEqual(head(TEXT));
    expect(known.at(bytes, 2, bytes.length)).toBe(found);
  });

  it("is none where it has not come whole, whatever stands behind what has come", () => {
    const bytes = Buffer.from(`${TEXT}ok`, "latin1");
    expect(keeping(TEXT).at(bytes, 0, TEXT.length)).toBeDefined();
    expect(keeping(TEXT).at(bytes, 0, TEXT.length - 1)).toBeUndefined();
  });

  it("is another where any byte is", () => {
    fc.assert(
      fc.property(fc.nat(TEXT.length - 1), fc.nat(255), (at, byte) => {
        const bytes = Buffer.from(TEXT, "latin1");
        fc.pre(bytes[at] !== byte);
        bytes[at] = byte;
        expect(keeping(TEXT).at(bytes, 0, bytes.length)).toBeUndefined();
      }),
    );
  });

  it("is not kept where it is long", () => {
    const long = (length: number) => `HTTP/1.1 200 OK\r\nX-A: ${"x".repeat(length - 26)}\r\n\r\n`;
    for (const [length, isKept] of [
      [4096, true],
      [4097, false],
    ] as const) {
      const bytes = Buffer.from(long(length), "latin1");
      expect([bytes.length, keeping(long(length)).at(bytes, 0, length) !== undefined]).toEqual([
        length,
        isKept,
      ]);
    }
  });
});

describe("answers of one origin, one after the other", () => {
  const of = (content: string, more = "") =>
    `HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\n${more}\r\n${content}`;

  async function answersTo(answers: readonly string[], cut?: number) {
    const server = await rawServer(({ socket }, _, nth) => {
      const answer = answers[nth] as string;
      socket.write(answer.slice(0, cut));
      if (cut !== undefined) setImmediate(() => socket.write(answer.slice(cut)));
    });
    const client = aClient(server.url);
    const got: unknown[] = [];
    for (const _ of answers) {
      const { status, fields, body } = await client.send(get(), never());
      got.push([status, fields, (await readAll(body)).toString()]);
    }
    return got;
  }

  it("have the content that each has, and the lines", async () => {
    const one = [200, ["Content-Length", "2"]];
    expect(await answersTo([of("aa"), of("bb"), of("cc")])).toEqual([
      [...one, "aa"],
      [...one, "bb"],
      [...one, "cc"],
    ]);
  });

  it("have other lines where those are others, of the same length or not", async () => {
    const heads = ["X-A: 1\r\n", "X-A: 1\r\n", "X-A: 2\r\n", "X-A: 10\r\n", "X-A: 1\r\n"];
    expect(await answersTo(heads.map((line) => of("ok", line)))).toEqual(
      heads.map((line) => [200, ["Content-Length", "2", "X-A", line.slice(5, -2)], "ok"]),
    );
  });

  it.each([1, 20, 40])("are whole where they come in two pieces, cut at %i", async (cut) => {
    const one = [200, ["Content-Length", "2"]];
    expect(await answersTo([of("aa"), of("bb"), of("cc")], cut)).toEqual([
      [...one, "aa"],
      [...one, "bb"],
      [...one, "cc"],
    ]);
  });

  it("are not mistaken for it where they go on with its bytes", async () => {
    const begun = "HTTP/1.1 200 OK\r\nX-A: ";
    const answers = [of("aa"), of("bb"), begun + of("cc")];
    expect((await answersTo(answers, begun.length)).at(-1)).toEqual([
      200,
      ["X-A", "HTTP/1.1 200 OK", "Content-Length", "2"],
      "cc",
    ]);
  });

  it("are read behind an interim response as without", async () => {
    const early = "HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n";
    expect(await answersTo([of("aa"), early + of("bb"), of("cc")])).toHaveLength(3);
  });

  it("have no content where HEAD asked, however the same head came to a GET", async () => {
    const server = await rawServer(({ socket }, request) =>
      socket.write(request.startsWith("HEAD") ? of("ok").slice(0, -2) : of("ok")),
    );
    const client = aClient(server.url);
    for (const [method, content] of [
      ["GET", "ok"],
      ["GET", "ok"],
      ["HEAD", ""],
      ["GET", "ok"],
    ] as const) {
      const { body } = await client.send({ ...get(), method }, never());
      expect((await readAll(body)).toString()).toBe(content);
    }
  });
});
