import { setImmediate as turn } from "node:timers/promises";
import { rawClient } from "./raw.ts";

const asking = (path: string, ...lines: readonly string[]): string =>
  `${[`GET ${path} HTTP/1.1`, "Host: a.example", ...lines].join("\r\n")}\r\n\r\n`;
/** So that every connection ends: behind what ends it already nobody reads it. */
const LAST = asking("/data?id=last&cache-control=max-age=600", "Connection: close");
const FIRST = asking("/data?id=first&cache-control=max-age=600");

/** How bytes get to a proxy, and what it answers. */
export type Way = (port: number, bytes: string) => Promise<string>;

export const whole: Way = async (port, bytes) => {
  const client = await rawClient(port);
  client.write(bytes + LAST);
  return client.end();
};

export const pipelined: Way = async (port, bytes) => {
  const client = await rawClient(port);
  client.write(FIRST + bytes + LAST);
  return client.end();
};

/** What a connection repeats is read once, in the lane and without it. */
export const again: Way = async (port, bytes) => {
  const client = await rawClient(port);
  client.write(bytes.repeat(3) + LAST);
  return client.end();
};

/** No byte waits for the next: each is a packet of its own, in so far as the system lets it. */
export const byteByByte: Way = async (port, bytes) => {
  const client = await rawClient(port);
  client.socket.setNoDelay(true);
  const all = bytes + LAST;
  for (let i = 0; i < all.length && !client.socket.destroyed; i++) {
    client.write(all[i] as string);
    if (i % 3 === 0) await turn();
  }
  return client.end();
};

/** What is another each time: dates, ids, ages, and the boundary between two parts. */
export const alike = (answer: string): string =>
  answer
    .replace(/^(Date|Last-Modified): .*(?=\r$)/gim, "$1: -")
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<uuid>")
    .replace(/^Age: \d+/gim, "Age: -")
    .replace(/ttl=-?\d+/g, "ttl=-")
    .replace(/("(?:updated_at|served_at|now|time)":)"?[^",}]*"?/g, "$1-")
    .replace(/"port":\d+/g, '"port":-')
    .replace(/boundary=[^\r\n;]+/g, "boundary=-")
    .replace(/^--[\w-]{16,}(--)?\r$/gm, "--boundary$1\r");

const REFUSED =
  /HTTP\/1\.1 (?:4\d\d|50\d) (?:[^\r]+\r\n)+Cache-Status: freshline; detail=bad_request\r\n(?:[^\r]+\r\n)+\r\n(\{.*\n)?/g;

/**
 * Of two things that are wrong with a request one parser finds the one first, another the other: it is refused all the
 * same. Nor is a client told to go on whose request has waited for others and has its answer.
 */
export const alikeRefused = (answer: string): string =>
  alike(answer.replace("HTTP/1.1 100 Continue\r\n\r\n", "")).replace(
    REFUSED,
    (_, content?: string) => `HTTP/1.1 refused ${content === undefined ? "without" : "with"} content\n`,
  );
