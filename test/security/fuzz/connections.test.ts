import fc from "fast-check";
import { describe, expect } from "vitest";
import { rawClient } from "../../scenario/raw.ts";
import { until } from "../../until.ts";
import { anyBytes, anyChunks, anyPieces } from "../any-request.ts";
import { type Watched, watched, writeAll } from "../drive.ts";
import { readRequests } from "../strict-reader.ts";
import { fuzz } from "./harness.ts";

const SITES: readonly Watched[] = [watched(), watched({ PLAIN_LANE: "off" })];
const LAST = "GET /last HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";

/**
 * The connection ends in time, whatever was sent; nothing that can be read in two ways reaches the origin;
 * and what reaches it are the requests that the strict reader finds, up to the first that is none.
 */
async function withstands({ port, reached }: Watched, sent: string, pieces: number): Promise<void> {
  const client = await rawClient(port());
  await writeAll(client, (sent + LAST).match(new RegExp(`.{1,${pieces}}`, "gs")) ?? []);
  client.socket.end();
  const what = JSON.stringify(sent);
  await until(
    () => `${what} comes to an end, and saw ${client.received()}`,
    () => client.socket.destroyed,
    5000,
  );
  const { requests, ambiguous } = await reached();
  expect(ambiguous, what).toEqual([]);
  const found = readRequests(sent + LAST, "forgiving").requests;
  const told = (all: typeof found) =>
    all.map(({ method, body }) => `${method} ${JSON.stringify(body)}`).sort();
  const unmatched = told(found);
  for (const request of told(requests)) {
    expect(unmatched, what).toContain(request);
    unmatched.splice(unmatched.indexOf(request), 1);
  }
}

describe("nothing hangs, and nothing ambiguous is forwarded:", () => {
  const holds = async ([sent, ways]: readonly [sent: string, ways: readonly number[]]) => {
    for (const site of SITES) for (const pieces of ways) await withstands(site, sent, pieces);
  };
  const sent = fc.oneof({ weight: 2, arbitrary: anyBytes }, { weight: 1, arbitrary: anyChunks });
  const inputs = fc.tuple(sent, fc.tuple(anyPieces));
  fuzz("of heads, bodies and chunks", { corpus: "connections", inputs, runs: 200, holds });
});
