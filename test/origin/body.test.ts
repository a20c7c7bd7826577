import { expect, it } from "vitest";
import { ArrivingBody } from "../../src/origin/body.ts";
import { aClient, get, never } from "./asking.ts";
import { answering } from "./raw-server.ts";

const CHUNKS = 300_000;

it.each([
  ["the lane", true],
  ["undici", false],
])(
  "a body of many chunks of one byte is handed over by %s in few pieces, and costs as little",
  async (_, plainLane) => {
    const bytes = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(CHUNKS)}0\r\n\r\n`;
    const server = await answering(bytes);
    const { body } = await aClient(server.url, { plainLane }).send(get(), never());
    let pieces = 0;
    let length = 0;
    for await (const piece of body) {
      pieces++;
      length += piece.length;
    }
    expect(length).toBe(CHUNKS);
    expect(pieces).toBeLessThan(CHUNKS / 10);
  },
);

it("chunks of one byte that nobody reads stop their origin long before they are as many as it may send bytes", async () => {
  let pushed = 0;
  let paused = false;
  let resumed = 0;
  const body = new ArrivingBody({
    pause: () => {
      paused = true;
    },
    resume: () => resumed++,
    stop: () => {},
  });
  for (; !paused; pushed++) body.push(Uint8Array.of(pushed % 256));
  expect(pushed).toBeLessThan(2000);
  const sent = Array.from({ length: pushed }, (_, i) => i % 256);
  const piece = await body.next();
  expect([...(piece.value ?? [])]).toEqual(sent);
  expect(resumed).toBe(1);
  body.end();
  expect(await body.next()).toEqual({ done: true, value: undefined });
});

it("a few chunks are handed over as they came", async () => {
  const body = new ArrivingBody({ pause: () => {}, resume: () => {}, stop: () => {} });
  const chunks = Array.from({ length: 10 }, (_, i) => Buffer.alloc(5000, i));
  for (const chunk of chunks) body.push(chunk);
  for (const chunk of chunks) expect((await body.next()).value).toBe(chunk);
});
