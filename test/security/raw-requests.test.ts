import { describe, expect, it } from "vitest";
import { exchange, type RawClient, rawClient } from "../scenario/raw.ts";
import { until } from "../until.ts";
import { WAYS, type Watched, watched, writeAll } from "./drive.ts";
import { bytes, get, HOST, type Row, type Wanted } from "./rows.ts";
import { CHUNK_ROWS } from "./rows-of-chunks.ts";
import { CODING_ROWS } from "./rows-of-coding.ts";
import { HOST_ROWS } from "./rows-of-host.ts";
import { LENGTH_ROWS } from "./rows-of-length.ts";
import { LINE_ROWS } from "./rows-of-lines.ts";
import { METHOD_ROWS } from "./rows-of-method.ts";
import { REQUEST_LINE_ROWS } from "./rows-of-request-line.ts";
import type { StrictRequest } from "./strict-reader.ts";

/** Behind every row: answered where the framing of the row is beyond doubt, and seen by nobody elsewhere. */
const NEXT = bytes("GET /next HTTP/1.1", [HOST]);

const NEXT_ANSWER = "\r\n\r\n<GET /next>";

/** What reads a request must not matter. */
const SITES: readonly Watched[] = [watched({ PLAIN_LANE: "on" }), watched({ PLAIN_LANE: "off" })];
/** Here what the rows ask for is stored, and whoever is refused elsewhere gets nothing of it. */
const STORED = watched({ CACHE_DEFAULT_TTL: "1h" }, "max-age=3600");

async function play({ port, reached }: Watched, row: Row, piecesOf: (bytes: string) => string[]) {
  await reached();
  const client = await rawClient(port());
  const pieces = piecesOf(row.cut ? row.bytes : row.bytes + NEXT);
  await writeAll(client, pieces);
  if (row.cut) client.socket.end();
  const seen = await answersTo(row, client);
  const { requests, ambiguous } = await reached();
  const goesOn = seen.endsWith(NEXT_ANSWER);
  const next = goesOn ? [{ line: "GET /next" }] : [];
  if (row.after !== "either") expect(goesOn, seen).toBe(row.after === "open");
  const statuses = [...row.statuses, ...next.map(() => 200)];
  expect([statuses, ...(row.inPieces && pieces.length > 1 ? [[row.inPieces]] : [])]).toContainEqual(
    finalStatuses(seen),
  );
  expect(ambiguous).toEqual([]);
  const wanted = byLine([...row.reaches, ...next]);
  expect(byLine(requests.map(lineOf)).map((request, i) => seenAs(request, wanted[i]))).toEqual(wanted);
}

/** Everything that comes back: until the connection ends or the request behind the row is answered. */
async function answersTo(row: Row, client: RawClient): Promise<string> {
  const over = () =>
    client.socket.destroyed || (row.after !== "closed" && client.received().endsWith(NEXT_ANSWER));
  await until(() => `all is answered, and saw:\n${client.received()}`, over);
  client.socket.destroy();
  return client.received();
}

/** Safe requests may reach the origin in any order (RFC 9112 §9.3.2). */
const byLine = <T extends { readonly line: string }>(requests: readonly T[]): T[] =>
  [...requests].sort((a, b) => (a.line < b.line ? -1 : a.line > b.line ? 1 : 0));

const lineOf = (request: StrictRequest) => ({ ...request, line: `${request.method} ${request.target}` });

/** As much of a request as is asked about. */
function seenAs({ line, fields, body }: ReturnType<typeof lineOf>, wanted: Wanted = { line: "" }): Wanted {
  const combined = (name: string) =>
    fields
      .filter(([given]) => given === name)
      .map(([, value]) => value)
      .join(", ");
  const { has, lacks } = wanted;
  return {
    line,
    ...(wanted.body === undefined ? {} : { body }),
    ...(has && { has: Object.fromEntries(Object.keys(has).map((name) => [name, combined(name)])) }),
    ...(lacks && { lacks: lacks.filter((name) => !fields.some(([given]) => given === name)) }),
  };
}

const finalStatuses = (seen: string): number[] =>
  [...seen.matchAll(/HTTP\/1\.1 ([2-5]\d\d) /g)].map(([, status]) => Number(status));

describe.each([
  ["Content-Length", LENGTH_ROWS],
  ["Transfer-Encoding", CODING_ROWS],
  ["chunks and trailers", CHUNK_ROWS],
  ["lines and fields", LINE_ROWS],
  ["the request line", REQUEST_LINE_ROWS],
  ["Host", HOST_ROWS],
  ["methods, expectations, upgrades, connections", METHOD_ROWS],
])("%s", (_, rows) => {
  it.each(rows.map((row) => [`${row.name} (${row.clause})`, row] as const))("%s", async (_name, row) => {
    for (const piecesOf of Object.values(WAYS)) {
      for (const site of SITES) await play(site, row, piecesOf);
    }
    if (row.after !== "closed" || row.reaches.length > 0) return;
    await exchange(STORED.port(), get("Connection: close"));
    await play(STORED, row, (bytes) => [bytes]);
  });
});
