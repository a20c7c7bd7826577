import { expect, it } from "vitest";
import { startOrigin } from "../scenario/own-origin.ts";
import { askH2, h2Client, startSecureSite } from "../scenario/secure-site.ts";
import { END_HEADERS, END_STREAM, FRAME, frame, GET, type Line, literal, rawH2, section } from "./h2-raw.ts";

/** Beyond the bounds of this side by a multiple, and sent in a second. */
const FRAMES = 20_000;
const BATCH = 500;

const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const whole = END_HEADERS | END_STREAM;
const id = (i: number): number => 2 * i + 1;
/** A request that its origin never answers. */
const hanging = (i: number): Buffer => {
  const lines = GET.map(([name, value]): Line => [name, name === ":path" ? `/hang/${i}` : value]);
  return frame(FRAME.HEADERS, whole, id(i), section(lines));
};
const behind = (i: number, type: number, payload: Buffer | readonly number[], flags = 0): Buffer =>
  Buffer.concat([hanging(i), frame(type, flags, id(i), Buffer.from(payload))]);
const malformed = section([...GET, ["connection", "close"]]);
const ON_NO_STREAM = 0;
const UNKNOWN = 0x42;
const PRIORITY_UPDATE = 0x10;

const FLOODS: readonly (readonly [string, (i: number) => Buffer])[] = [
  // Each of them makes this side reset a request that has begun (CVE-2025-8671).
  ["requests whose window is too large", (i) => behind(i, FRAME.WINDOW_UPDATE, number(0x7fffffff))],
  ["requests with content behind their end", (i) => behind(i, FRAME.DATA, [1])],
  ["requests with fields behind their end", (i) => behind(i, FRAME.HEADERS, literal(["x-a", "1"]), whole)],
  [
    "requests that wait for themselves",
    (i) => behind(i, FRAME.PRIORITY, Buffer.concat([number(id(i)), Buffer.from([1])])),
  ],
  ["requests that are malformed", (i) => frame(FRAME.HEADERS, whole, id(i), malformed)],
  ["requests, as if nothing had been agreed on", hanging],
  [
    "resets of nothing",
    (i) => Buffer.concat(i === 0 ? [hanging(0)] : [frame(FRAME.RST_STREAM, 0, 1, number(8))]),
  ],
  ["priorities", (i) => frame(FRAME.PRIORITY, 0, id(i), Buffer.from([0, 0, 0, 0, 1]))],
  [
    "priorities of the newer kind",
    (i) => frame(PRIORITY_UPDATE, 0, ON_NO_STREAM, Buffer.concat([number(id(i)), Buffer.from("u=1")])),
  ],
  ["frames that nobody knows", () => frame(UNKNOWN, 0, ON_NO_STREAM, Buffer.alloc(0))],
  [
    "pieces of fields without a byte",
    (i) =>
      i === 0
        ? frame(FRAME.HEADERS, END_STREAM, 1, section(GET))
        : frame(FRAME.CONTINUATION, 0, 1, Buffer.alloc(0)),
  ],
];

it.each(["read", "left unread"])(
  "a flood of frames whose answers are %s ends its connection, whatever they are, and few requests reach an origin",
  async (answers) => {
    let asked = 0;
    const origin = await startOrigin((request, response) => {
      if (request.url?.startsWith("/hang/") === true) asked++;
      else response.end("x");
    });
    const site = await startSecureSite({ ORIGINS: origin.url });
    for (const [what, make] of FLOODS) {
      asked = 0;
      const client = await rawH2(site);
      if (answers === "left unread") client.socket.pause();
      const { socket } = client;
      for (let i = 0; i < FRAMES && !socket.closed; i += BATCH) {
        const batch = Buffer.concat(Array.from({ length: BATCH }, (_, k) => make(i + k)));
        if (socket.writable) socket.write(batch);
        await new Promise(setImmediate);
      }
      // Who reads nothing learns of it by writing.
      await site.until(`${what} end their connection`, () => {
        if (answers === "left unread" && socket.writable) socket.write(make(FRAMES));
        return socket.closed;
      });
      expect([what, asked <= 1100]).toEqual([what, true]);
      expect((await askH2(h2Client(site), { ":path": "/" })).status).toBe(200);
    }
  },
);
