import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OriginRequest } from "../../src/cache/ports/origin.ts";
import { FLOOD } from "../../src/origin/interim.ts";
import { StatusLine } from "../../src/origin/status-line.ts";
import { aClient, get, never, readAll, rejection } from "./asking.ts";
import { answering, OK, type RawServer, rawServer } from "./raw-server.ts";

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const WITH_FIELDS = "HTTP/1.1 100\r\nX-One: 1\r\nX-Two: HTTP/1.1 100\r\n\r\n";
const EARLY = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
const post = (): OriginRequest => ({ ...get(), method: "POST", body: { stream: bytes("hello"), length: 5 } });

const anUndici = (server: RawServer) => aClient(server.url, { plainLane: false });

async function asked(server: RawServer, request: OriginRequest = get(), one = anUndici(server)) {
  const heard: number[] = [];
  const onInterim = (status: number) => void heard.push(status);
  const response = await one.send({ ...request, onInterim }, never());
  const body = (await readAll(response.body)).toString("latin1");
  // The connection is free again one turn later.
  await new Promise(setImmediate);
  return { status: response.status, fields: response.fields, body, heard };
}
const ANSWERED = { status: 200, fields: ["Content-Length", "2"], body: "ok", heard: [] };

describe("a 100 that nobody asked for", () => {
  it.each([
    ["once", CONTINUE],
    ["twice", CONTINUE + CONTINUE],
    ["with fields", WITH_FIELDS],
  ])("%s is ignored before the answer to a GET, and to a POST with a body", async (_how, before) => {
    const server = await answering(before + OK);
    expect(await asked(server)).toEqual(ANSWERED);
    expect(await asked(server, post())).toEqual(ANSWERED);
    expect(server.connections[1]?.received()).toMatch(/\r\n\r\nhello$/);
  });

  it("before and behind a 103 is ignored, and the 103 is not", async () => {
    const server = await answering(CONTINUE + EARLY + WITH_FIELDS + EARLY + OK);
    expect(await asked(server)).toEqual({ ...ANSWERED, heard: [103, 103] });
  });

  it("is ignored wherever the bytes are cut", async () => {
    const all = WITH_FIELDS + EARLY + CONTINUE + OK;
    let cut = 0;
    const server = await rawServer(({ socket }) => {
      socket.setNoDelay(true);
      socket.write(all.slice(0, cut));
      setTimeout(() => socket.write(all.slice(cut)), 2);
    });
    const one = anUndici(server);
    for (cut = 1; cut < all.length; cut++)
      expect(await asked(server, get(), one), `cut at ${cut}`).toEqual({ ...ANSWERED, heard: [103] });
    expect(server.connections).toHaveLength(1);
  });

  it("is ignored on a connection that is used again", async () => {
    const server = await rawServer(({ socket }, _head, nth) => socket.write(nth === 1 ? OK : CONTINUE + OK));
    const one = anUndici(server);
    for (let i = 0; i < 4; i++) expect(await asked(server, get(), one)).toEqual(ANSWERED);
    expect(server.connections).toHaveLength(1);
  });

  it("is a byte of the body where it is one", async () => {
    const body = CONTINUE + CONTINUE;
    const whole = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const chunked = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    const server = await rawServer(({ socket }, head) => {
      const all = CONTINUE + (head.includes("/chunked") ? chunked : whole);
      socket.setNoDelay(true);
      // The body begins a read of its own, which looks most like a response.
      const bodyAt = all.indexOf("\r\n\r\n", CONTINUE.length) + 4;
      socket.write(all.slice(0, bodyAt));
      setTimeout(() => socket.write(all.slice(bodyAt)), 5);
    });
    const one = anUndici(server);
    expect((await asked(server, get("/whole"), one)).body).toBe(body);
    expect((await asked(server, get("/chunked"), one)).body).toBe(`x${body}`);
  });

  it("again and again is malformed", async () => {
    const server = await answering(CONTINUE.repeat(FLOOD + 1) + OK);
    expect(await rejection(asked(server))).toMatchObject({ code: "malformed" });
  });

  it("whose own head is malformed is malformed", async () => {
    const server = await answering(`HTTP/1.1 100 Go on\r\nA: b\x01c\r\n\r\n${OK}`);
    expect(await rejection(asked(server))).toMatchObject({ code: "malformed" });
  });

  it("and nothing else is a reset", async () => {
    const server = await rawServer(({ socket }) => socket.end(CONTINUE));
    expect(await rejection(asked(server))).toMatchObject({ code: "reset" });
  });
});

describe("a status line on its way to undici", () => {
  const passed = (pieces: readonly string[], line = new StatusLine()) => {
    line.expect();
    return pieces
      .map((piece) => {
        const chunk = Buffer.from(piece, "latin1");
        line.read(chunk);
        return chunk.toString("latin1");
      })
      .join("");
  };

  it.each([
    [CONTINUE + OK, CONTINUE.replace("100", "109") + OK],
    [`\r\n${CONTINUE}${OK}`, `\r\n${CONTINUE.replace("100", "109")}${OK}`],
    [OK + CONTINUE, OK + CONTINUE],
    ["HTTP/1.1 101 X\r\n\r\nHTTP/1.1 100 X", "HTTP/1.1 101 X\r\n\r\nHTTP/1.1 109 X"],
    ["HTTP/1.1 110 X\r\n\r\n", "HTTP/1.1 110 X\r\n\r\n"],
    ["HTTP/1.1 200 100\r\n\r\nHTTP/1.1 100 X", "HTTP/1.1 200 100\r\n\r\nHTTP/1.1 100 X"],
    ["HTTP/1.1 103 X\r\n\rA: HTTP/1.1 100\r\n", "HTTP/1.1 103 X\r\n\rA: HTTP/1.1 100\r\n"],
    ["HTTP/1.0 100 X\r\n\r\n", "HTTP/1.0 100 X\r\n\r\n"],
  ])("makes of %j %j", (from, to) => {
    expect(passed([from])).toBe(to);
  });

  it("does nothing before a request, and is the same wherever the bytes are cut", () => {
    const untouched = Buffer.from(CONTINUE);
    new StatusLine().read(untouched);
    expect(untouched.toString()).toBe(CONTINUE);
    const part = fc.constantFrom(CONTINUE, WITH_FIELDS, EARLY, OK, "HTTP/1.1 10", "\r\n", "\r", "0", "body");
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 8 }),
        fc.array(fc.nat(200), { maxLength: 12 }),
        (parts, cuts) => {
          const all = parts.join("");
          const at = [0, ...cuts.filter((cut) => cut < all.length).toSorted((a, b) => a - b), all.length];
          const pieces = at.slice(1).map((end, i) => all.slice(at[i], end));
          expect(passed(pieces)).toBe(passed([all]));
        },
      ),
    );
  });
});
