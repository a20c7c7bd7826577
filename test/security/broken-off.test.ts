import { expect, it } from "vitest";
import { startOrigin } from "../scenario/own-origin.ts";
import { rawClient } from "../scenario/raw.ts";
import { type SecureSite, startSecureSite } from "../scenario/secure-site.ts";
import { END_HEADERS, FRAME, GET, type Line, rawH2 } from "./h2-raw.ts";

const UPLOAD = "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
const POST: readonly Line[] = [[":method", "POST"], ...GET.slice(1, 3), [":path", "/upload"]];
const CANCEL = [0, 0, 0, 8];

/** Begins a request, and answers how it breaks that off. */
const WAYS: readonly (readonly [string, (site: SecureSite) => Promise<() => unknown>])[] = [
  [
    "reset an upload's connection",
    async (site) => {
      const { socket, write } = await rawClient(site.proxy.port);
      write(UPLOAD);
      return () => socket.resetAndDestroy();
    },
  ],
  [
    "send chunks that are none",
    async (site) => {
      const { write } = await rawClient(site.proxy.port);
      write(UPLOAD);
      return () => write("zz\r\n");
    },
  ],
  [
    "reset an upload's stream",
    async (site) => {
      const client = await rawH2(site);
      client.headers(1, POST, END_HEADERS);
      client.send(FRAME.DATA, 0, 1, Buffer.from("abc"));
      return () => client.send(FRAME.RST_STREAM, 0, 1, CANCEL);
    },
  ],
  [
    "send more than they have said",
    async (site) => {
      const client = await rawH2(site);
      client.headers(1, [...POST, ["content-length", "4"]], END_HEADERS);
      client.send(FRAME.DATA, 0, 1, Buffer.from("abc"));
      return () => client.send(FRAME.DATA, 1, 1, Buffer.from("abc"));
    },
  ],
];

it.each(WAYS)("clients that %s cost no origin its good name", async (_, begin) => {
  let under = 0;
  const origin = await startOrigin((request, response) => {
    if (request.url === "/good") return void response.end("x");
    under++;
    request.on("error", () => {}).resume();
    response.once("close", () => under--);
  });
  // More of them in a row than put an origin out.
  const site = await startSecureSite({
    ORIGINS: origin.url,
    ORIGIN_BREAKER_AFTER: "3",
    ORIGIN_EJECT_AFTER: "3",
  });
  for (let i = 0; i < 6; i++) {
    const breakOff = await begin(site);
    await site.until("it is at the origin", () => under === 1);
    breakOff();
    await site.until("it is over there", () => under === 0);
  }
  expect(site.events.filter(({ type }) => type === "origin-failed")).toEqual([]);
  expect(site.events.filter(({ type }) => type === "origin-health")).toEqual([]);
  expect((await site.get("/good")).status).toBe(200);
});
