import { FLOOD } from "../../src/origin/interim.ts";
import type { Connection } from "../origin/raw-server.ts";

/** One thing that an origin can do wrong with a request. */
export interface OriginFault {
  readonly name: string;
  /** What it does instead of an answer. Bytes that nobody may ever see say LEAK. */
  readonly answer: (connection: Connection) => unknown;
  /** A GET, where absent. */
  readonly method?: "HEAD";
  /** What the client sees of it: `200 body`, `502 origin_unreachable`, or `broken`. */
  readonly sees: string;
}

const writes =
  (bytes: string) =>
  ({ socket }: Connection) =>
    socket.write(Buffer.from(bytes, "latin1"));
const ends =
  (bytes: string) =>
  ({ socket }: Connection) =>
    socket.end(Buffer.from(bytes, "latin1"));
/** In two pieces, so that the second is not in the same read as the head. */
const late =
  (first: string, then: string) =>
  ({ socket }: Connection) => {
    socket.setNoDelay(true);
    socket.write(first);
    setTimeout(() => socket.write(then), 20);
  };

const FRESH = "Cache-Control: max-age=3600, stale-if-error=3600";
const OK = `HTTP/1.1 200 OK\r\n${FRESH}\r\n`;
const SECOND = `${OK}Content-Length: 4\r\n\r\nLEAK`;
const UNREACHABLE = "502 origin_unreachable";
const TIMEOUT = "504 origin_timeout";

const fault = (sees: string, name: string, answer: OriginFault["answer"]): OriginFault => ({
  name,
  answer,
  sees,
});
/** A response that is complete in every other way. */
const head = (name: string, ...lines: readonly string[]): OriginFault =>
  fault(UNREACHABLE, name, writes(`${OK}${lines.map((line) => `${line}\r\n`).join("")}\r\nLEAK`));

const MEGABYTES = 3 * 1024 * 1024;

/** Nothing of use comes. */
export const NO_ANSWER: readonly OriginFault[] = [
  fault(TIMEOUT, "says nothing", () => {}),
  fault(TIMEOUT, "stops in the middle of the head", writes(`${OK}X-Leak: LE`)),
  fault(TIMEOUT, "sends interim responses for ever", ({ socket }) => {
    const timer = setInterval(() => socket.write("HTTP/1.1 102 LEAK\r\n\r\n"), 10);
    socket.once("close", () => clearInterval(timer));
  }),
  fault(UNREACHABLE, "hangs up", ({ socket }) => socket.destroy()),
  fault(UNREACHABLE, "resets the connection", ({ socket }) => socket.resetAndDestroy()),
  fault(UNREACHABLE, "hangs up in the middle of the status line", ends("HTTP/1.1 20")),
  fault(UNREACHABLE, "hangs up in the middle of the head", ends(`${OK}X-Leak: LEAK`)),
  fault(UNREACHABLE, "hangs up behind an interim response", ends("HTTP/1.1 103 LEAK\r\n\r\n")),
];

/** Something comes that is no HTTP, or should not come. */
export const NONSENSE: readonly OriginFault[] = [
  fault(UNREACHABLE, "speaks another protocol", writes("SSH-2.0-LEAK\r\n\r\n")),
  fault(UNREACHABLE, "sends a body and no head", ends("<html>LEAK</html>")),
  fault(UNREACHABLE, "has a status of letters", writes("HTTP/1.1 2x0 LEAK\r\n\r\n")),
  fault(UNREACHABLE, "has a status of four digits", writes("HTTP/1.1 2000 LEAK\r\n\r\n")),
  fault(UNREACHABLE, "has a status below 100", writes("HTTP/1.1 099 LEAK\r\n\r\n")),
  fault(UNREACHABLE, "has a version that there is not", writes("HTTP/9.9 200 LEAK\r\n\r\n")),
  fault(UNREACHABLE, "begins with bytes of control", writes(`\x00\x01\x02${SECOND}`)),
  fault(UNREACHABLE, "answers 304 to a request without conditions", writes("HTTP/1.1 304 LEAK\r\n\r\n")),
  fault(
    UNREACHABLE,
    "changes protocols unasked",
    writes(`HTTP/1.1 101 LEAK\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n${SECOND}`),
  ),
  fault(UNREACHABLE, "floods with interim responses", writes("HTTP/1.1 103 LEAK\r\n\r\n".repeat(FLOOD + 1))),
  fault(UNREACHABLE, "floods with 100s", writes("HTTP/1.1 100 LEAK\r\n\r\n".repeat(FLOOD + 1))),
  head("has a control byte in a field value", "X-A: LE\x01AK", "Content-Length: 4"),
  head("has a NUL in a field value", "X-A: LE\x00AK", "Content-Length: 4"),
  head("has a bare CR in a field value", "X-A: LE\rAK", "Content-Length: 4"),
  head("has a control byte in a field name", "X-\x01A: LEAK", "Content-Length: 4"),
  head("has a field without a name", ": LEAK", "Content-Length: 4"),
  head("has a line without a colon", "LEAK", "Content-Length: 4"),
  head("has a space before a colon", "X-A : LEAK", "Content-Length: 4"),
  head("has a head of three megabytes in one line", `X-A: ${"x".repeat(MEGABYTES)}`, "Content-Length: 4"),
  head(
    "has a head of three megabytes in many lines",
    ...Array.from({ length: 3000 }, (_, i) => `X-${i}: ${"x".repeat(1000)}`),
    "Content-Length: 4",
  ),
];

/** Nobody can tell where the body would end. */
export const FRAMING: readonly OriginFault[] = [
  head("says two lengths", "Content-Length: 4", "Content-Length: 3"),
  head("says one length twice", "Content-Length: 4", "Content-Length: 4"),
  head("says a list of lengths", "Content-Length: 4, 4"),
  head("says a signed length", "Content-Length: +4"),
  head("says a negative length", "Content-Length: -4"),
  head("says a hexadecimal length", "Content-Length: 0x4"),
  head("says a length with a space in it", "Content-Length: 4 4"),
  head("says an empty length", "Content-Length:"),
  head("says a length that overflows", "Content-Length: 18446744073709551620"),
  head("says a length and chunks", "Content-Length: 4", "Transfer-Encoding: chunked"),
  head("says chunks and a length", "Transfer-Encoding: chunked", "Content-Length: 4"),
  head("says chunks twice", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
  head("says chunks twice in a list", "Transfer-Encoding: chunked, chunked"),
  head("has a coding that nobody asked for", "Transfer-Encoding: gzip, chunked"),
  head("has a coding behind the chunks", "Transfer-Encoding: chunked, gzip"),
  head("has a coding that there is not", "Transfer-Encoding: xchunked"),
  head("has no coding, and says so", "Transfer-Encoding: identity"),
  fault(
    UNREACHABLE,
    "sends chunks in HTTP/1.0",
    writes(`HTTP/1.0 200 OK\r\n${FRESH}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nLEAK\r\n0\r\n\r\n`),
  ),
];

const chunks = (
  name: string,
  rest: string,
  how: (bytes: string) => OriginFault["answer"] = writes,
): OriginFault => fault("broken", name, how(`${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n${rest}`));

/** The head was good, and is on its way: all that is left is to break off. */
export const BROKEN_BODIES: readonly OriginFault[] = [
  fault("broken", "hangs up in the body", ends(`${OK}Content-Length: 10\r\n\r\nhalf`)),
  fault(
    "broken",
    "hangs up in the body of its last response",
    ends(`${OK}Connection: close\r\nContent-Length: 10\r\n\r\nhalf`),
  ),
  fault("broken", "resets the connection in the body", ({ socket }) => {
    socket.write(`${OK}Content-Length: 10\r\n\r\nhalf`, () => socket.resetAndDestroy());
  }),
  fault("broken", "says nothing more in the body", writes(`${OK}Content-Length: 10\r\n\r\nhalf`)),
  chunks("says nothing more between two chunks", ""),
  chunks("leaves out the last chunk", "", ends),
  chunks("hangs up in a chunk", "9\r\nha", ends),
  chunks("hangs up in the trailers", "0\r\nX-A: 1\r\n", ends),
  chunks("has a chunk size that is none", "zz\r\nLEAK\r\n0\r\n\r\n"),
  chunks("has a negative chunk size", "-4\r\nLEAK\r\n0\r\n\r\n"),
  chunks("has a chunk size that overflows", "10000000000000004\r\nLEAK\r\n0\r\n\r\n"),
  chunks("has a chunk that is longer than its size", "2\r\nLEAK\r\n0\r\n\r\n"),
  chunks("has a control byte in a trailer", "0\r\nX-A: LE\x00AK\r\n\r\n"),
  chunks("has trailers of three megabytes", `0\r\nX-A: ${"x".repeat(MEGABYTES)}\r\n\r\n`),
];

const whole = (name: string, answer: OriginFault["answer"], method?: "HEAD"): OriginFault => ({
  ...fault(method === "HEAD" ? "200 " : "200 body", name, answer),
  ...(method === undefined ? {} : { method }),
});
const BODY = `${OK}Content-Length: 4\r\n\r\nbody`;
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`;
const HEAD = `${OK}Content-Length: ${SECOND.length}\r\n\r\n`;

/** What was asked for is complete, and more comes behind it. */
export const TOO_MUCH: readonly OriginFault[] = [
  whole("sends bytes behind the body", writes(`${BODY}LEAK`)),
  whole("sends bytes behind the body, later", late(BODY, "LEAK")),
  whole("sends bytes behind the last chunk", writes(`${CHUNKED}LEAK`)),
  whole("sends a second response", writes(BODY + SECOND)),
  whole("sends a second response, later", late(BODY, SECOND)),
  whole("sends a hundred responses", writes(BODY + SECOND.repeat(99))),
  whole("sends a 100 behind the response", writes(`${BODY}HTTP/1.1 100 LEAK\r\n\r\n`)),
  whole("sends a body with a HEAD's response", writes(HEAD + SECOND), "HEAD"),
  whole("sends a body with a HEAD's response, later", late(HEAD, SECOND), "HEAD"),
  whole(
    "sends a body with a HEAD's response, later, on a connection that it keeps",
    late(HEAD.replace(FRESH, `${FRESH}\r\nConnection: keep-alive`), SECOND),
    "HEAD",
  ),
  {
    ...whole("sends a body with a 204", writes(`HTTP/1.1 204 No\r\n${FRESH}\r\n\r\n${SECOND}`)),
    sees: "204 ",
  },
  {
    ...whole(
      "sends a body with a 204 and its length",
      writes(`HTTP/1.1 204 No\r\n${FRESH}\r\nContent-Length: 4\r\n\r\nLEAK`),
    ),
    sees: "204 ",
  },
];
