import { expect, it } from "vitest";
import { exchange } from "../scenario/raw.ts";
import { type Site, startSite } from "../scenario/site.ts";
import { END_HEADERS, END_STREAM, FRAME, frame, type Line, literal, section } from "./h2-raw.ts";
import { type Behaviour, rawH2Origin } from "./h2-raw-origin.ts";

const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const OK: readonly Line[] = [
  [":status", "200"],
  ["cache-control", "max-age=60"],
];
const head = (stream: number, lines: readonly Line[] = OK, flags = END_HEADERS): Buffer =>
  frame(FRAME.HEADERS, flags, stream, section(lines));
const data = (stream: number, text: string, flags = END_STREAM): Buffer =>
  frame(FRAME.DATA, flags, stream, Buffer.from(text));
const good = (stream: number): Buffer => Buffer.concat([head(stream), data(stream, "good")]);
const writes =
  (...parts: readonly ((stream: number) => Buffer)[]): Behaviour =>
  (socket, stream) =>
    socket.write(Buffer.concat(parts.map((part) => part(stream))));
const headed = (...lines: readonly Line[]): Behaviour =>
  writes(
    (stream) => head(stream, lines),
    (stream) => data(stream, "evil"),
  );
const many = (times: number, part: Buffer): Buffer => Buffer.concat(Array<Buffer>(times).fill(part));
/** A field section in as many frames as it takes. */
const long = (stream: number, lines: readonly Line[]): Buffer => {
  const bytes = section(lines);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16_384) {
    const flags = at + 16_384 >= bytes.length ? END_HEADERS : 0;
    const type = at === 0 ? FRAME.HEADERS : FRAME.CONTINUATION;
    parts.push(frame(type, flags, stream, bytes.subarray(at, at + 16_384)));
  }
  return Buffer.concat(parts);
};
const fields = (count: number, length: number): Line[] =>
  Array.from({ length: count }, (_, i) => [`x-${i}`, "v".repeat(length)]);
const bomb = (): Buffer => {
  const kept = literal(["x-bomb", "a".repeat(4000)]);
  kept[0] = 0x40;
  return Buffer.concat([section(OK), kept, Buffer.alloc(12_000, 0x80 | 62)]);
};

/** Nothing of it may reach the client. */
const NO_ANSWERS: readonly (readonly [string, Behaviour])[] = [
  ["two lengths", headed(...OK, ["content-length", "4"], ["content-length", "5"])],
  ["a list of lengths", headed(...OK, ["content-length", "4, 4"])],
  ["a length with a sign", headed(...OK, ["content-length", "+4"])],
  ["a length, and no content", writes((stream) => head(stream, [...OK, ["content-length", "5"]], 5))],
  ["two statuses", headed([":status", "200"], ...OK)],
  ["no status", headed(["x-a", "1"])],
  ["a status of two digits", headed([":status", "99"])],
  ["a status of four digits", headed([":status", "1000"])],
  ["a status that is a word", headed([":status", "abc"])],
  ["a status of another protocol", headed([":status", "101"])],
  ["a name in upper case", headed(...OK, ["X-A", "1"])],
  ["fields of a connection", headed(...OK, ["connection", "close"], ["transfer-encoding", "chunked"])],
  ["a pseudo-field behind others", headed(["x-a", "1"], ...OK)],
  ["a pseudo-field of requests", headed([":status", "200"], [":path", "/"])],
  ["content before its head", writes((stream) => data(stream, "evil", 0), good)],
  ["content of nobody", writes((stream) => data(stream + 100, "evil", 0), good)],
  ["a 304 that nobody asked for", writes((stream) => head(stream, [[":status", "304"]], 5))],
  ["4 MB of fields", writes((stream) => long(stream, [...OK, ...fields(260, 16_000)]))],
  ["10,000 fields", writes((stream) => long(stream, [...OK, ...fields(10_000, 1)]))],
  ["a field that stands for 48 MB", writes((stream) => frame(FRAME.HEADERS, END_HEADERS, stream, bomb()))],
  ["what is no HPACK", writes((stream) => frame(FRAME.HEADERS, END_HEADERS, stream, Buffer.alloc(20, 0xff)))],
  [
    "fields without end",
    writes(
      (stream) => frame(FRAME.HEADERS, 0, stream, section(OK)),
      (stream) => many(2000, frame(FRAME.CONTINUATION, 0, stream, Buffer.alloc(0))),
    ),
  ],
  [
    "a promise",
    writes(
      (stream) => frame(FRAME.PUSH_PROMISE, END_HEADERS, stream, Buffer.concat([number(2), section(OK)])),
      () => good(2),
      good,
    ),
  ],
  ["a flood of settings", writes(() => many(20_000, frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(0))), good)],
  ["a flood of pings", writes(() => many(20_000, frame(FRAME.PING, 0, 0, Buffer.alloc(8))), good)],
  [
    "a window that is too large",
    writes(() => many(2, frame(FRAME.WINDOW_UPDATE, 0, 0, number(0x7fffffff))), good),
  ],
  ["a frame of HTTP/1.1", (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")],
  ["that it has not seen it", writes((stream) => frame(FRAME.RST_STREAM, 0, stream, number(7)))],
  ["that it should come over HTTP/1.1", writes((stream) => frame(FRAME.RST_STREAM, 0, stream, number(13)))],
  ["that it goes", (socket) => socket.end(frame(FRAME.GOAWAY, 0, 0, Buffer.alloc(8)))],
];

/** The client has to see that it broke off. */
const HALF_ANSWERS: readonly (readonly [string, Behaviour])[] = [
  [
    "half of it, and a reset as if that was all",
    writes(
      head,
      (stream) => data(stream, "go", 0),
      (stream) => frame(FRAME.RST_STREAM, 0, stream, number(0)),
    ),
  ],
  [
    "half of it, and a reset as if nobody wanted more",
    writes(
      head,
      (stream) => data(stream, "go", 0),
      (stream) => frame(FRAME.RST_STREAM, 0, stream, number(8)),
    ),
  ],
  [
    "less than its length",
    writes(
      (stream) => head(stream, [...OK, ["content-length", "9"]]),
      (stream) => data(stream, "good"),
    ),
  ],
  [
    "more than its length",
    writes(
      (stream) => head(stream, [...OK, ["content-length", "3"]]),
      (stream) => data(stream, "good"),
    ),
  ],
  [
    "another head within",
    writes(
      head,
      (stream) => data(stream, "go", 0),
      head,
      (stream) => data(stream, "od"),
    ),
  ],
  [
    "a status in its trailers",
    writes(
      head,
      (stream) => data(stream, "good", 0),
      (stream) => head(stream, OK.slice(0, 1), 5),
    ),
  ],
  [
    "a length in its trailers",
    writes(
      head,
      (stream) => data(stream, "good", 0),
      (stream) => head(stream, [["content-length", "9"]], 5),
    ),
  ],
  ["a frame that is too long", writes(head, (stream) => data(stream, "x".repeat(20_000)))],
  ["empty frames without end", writes(head, (stream) => many(20_000, data(stream, "", 0)))],
  [
    "a goodbye, and then nothing",
    (socket, stream) => {
      const goodbye = frame(FRAME.GOAWAY, 0, 0, Buffer.concat([number(stream), number(0)]));
      socket.end(Buffer.concat([head(stream), data(stream, "go", 0), goodbye]));
    },
  ],
];

/** Odd, and right. */
const WHOLE_ANSWERS: readonly (readonly [string, Behaviour])[] = [
  [
    "a goodbye before it",
    writes((stream) => frame(FRAME.GOAWAY, 0, 0, Buffer.concat([number(stream), number(0)])), good),
  ],
  ["content behind its end", writes(good, (stream) => data(stream, "evil"))],
  [
    "line ends in a value",
    writes(
      (stream) => head(stream, [...OK, ["x-a", "1\r\nx-evil: 1"]]),
      (stream) => data(stream, "good"),
    ),
  ],
];

async function startBefore(): Promise<{ site: Site; behaves(behaviour: Behaviour): void }> {
  const { url, caPath, behaves } = await rawH2Origin();
  const settings = { ORIGINS: url, ORIGIN_CA: caPath, ORIGIN_HTTP2: "on", HEALTH_CHECK_INTERVAL: "1h" };
  behaves(writes(good));
  return { site: await startSite({ settings }), behaves };
}
const get = (site: Site, path: string): Promise<string> =>
  exchange(site.proxy.port, `GET ${path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`);

it.each([
  ["no answer", NO_ANSWERS, /^HTTP\/1\.1 502 .*"origin_unreachable"/s, "MISS"],
  ["half an answer", HALF_ANSWERS, /^HTTP\/1\.1 200 (?!.*\r\n0\r\n\r\n$)/s, "MISS"],
  ["a whole answer", WHOLE_ANSWERS, /^HTTP\/1\.1 200 .*good\r\n0\r\n\r\n$/s, "HIT"],
] as const)(
  "an origin of HTTP/2 that misbehaves gives %s, and what follows is right",
  async (_, rows, seen, cache) => {
    const { site, behaves } = await startBefore();
    for (const [i, [what, behaviour]] of rows.entries()) {
      behaves(writes(good));
      // Whose connection had to end is out until its next good answer.
      await site.until(`it is asked after ${what}`, async () =>
        (await get(site, `/before/${i}/${performance.now()}`)).includes(" 200 OK"),
      );
      behaves(behaviour);
      const first = await get(site, `/${i}`);
      expect([what, first]).toEqual([what, expect.stringMatching(seen)]);
      behaves(writes(good));
      await site.until(`it is well after ${what}`, async () =>
        (await get(site, `/after/${i}/${performance.now()}`)).includes(" 200 OK"),
      );
      const again = await get(site, `/${i}`);
      expect([what, again]).toEqual([what, expect.stringMatching(/^HTTP\/1\.1 200 .*good/s)]);
      expect([what, again]).toEqual([what, expect.stringContaining(`X-Cache-Status: ${cache}`)]);
      expect(first + again).not.toContain("evil");
    }
  },
);
