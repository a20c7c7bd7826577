import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rawClient } from "../scenario/raw.ts";
import { until } from "../until.ts";
import { anyBytes, anyChunks, anyPieces } from "./any-request.ts";
import { type Watched, watched, writeAll } from "./drive.ts";
import { readRequests } from "./strict-reader.ts";

/** FUZZ_RUNS=20000 for an hour's worth; FUZZ_SEED to see a failure again, which fast-check prints with it. */
const { FUZZ_RUNS = "250", FUZZ_SEED = String(Date.now()) } = process.env;
const RUNS = Number(FUZZ_RUNS);
const SEED = Number(FUZZ_SEED);

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

describe("whatever a client sends", () => {
  it.each([
    ["heads and bodies", anyBytes],
    ["chunks", anyChunks],
  ])(
    `nothing hangs, and nothing ambiguous is forwarded: %s (seed ${SEED})`,
    async (_, bytes) => {
      const property = fc.asyncProperty(bytes, anyPieces, async (sent, pieces) => {
        for (const site of SITES) await withstands(site, sent, pieces);
      });
      await fc.assert(property, { numRuns: RUNS, seed: SEED });
    },
    60_000 + RUNS * 100,
  );

  const corpus = new URL("./corpus/", import.meta.url);
  it.each(readdirSync(corpus).filter((name) => name.endsWith(".txt")))(
    "nor by what was found before: %s",
    async (name) => {
      const sent = readFileSync(new URL(name, corpus), "latin1");
      for (const site of SITES) {
        for (const pieces of [1, 7, 100_000]) await withstands(site, sent, pieces);
      }
    },
  );
});
