import { createHash } from "node:crypto";
import { validateHeaderName } from "node:http";
import type { Socket } from "node:net";
import type { Answer } from "./answer.ts";
import { bare, hasFieldLine, json, Refusal } from "./answer.ts";
import { cacheControl, integer, legalValue, namesEntityTag } from "./asked.ts";
import { after, askedRange } from "./byte-range.ts";
import type { Exchange } from "./exchange.ts";
import { randomBytes } from "./random-bytes.ts";
import { wait } from "./send.ts";

/** How much of the body `/echo` repeats, in bytes. */
const ECHOED_BYTES = 4096;
const MAX_BYTES = 16 * 1024 ** 3;

/** `/echo`: what arrived, as it arrived. The body is read through, never kept. */
export async function echo({ request, here }: Exchange): Promise<Answer> {
  const hash = createHash("sha256");
  const start: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (length < ECHOED_BYTES) start.push(Buffer.from(chunk.subarray(0, ECHOED_BYTES - length)));
    length += chunk.length;
    hash.update(chunk);
  }
  return json(200, {
    method: request.method,
    url: request.url,
    headers: pairsOf(request.rawHeaders),
    body_bytes: length,
    body_sha256: hash.digest("hex"),
    body: Buffer.concat(start).toString("utf8"),
    port: here.port,
  });
}

/** `/bytes?n=`: as many bytes as wanted, the same ones for the same seed; or a single range of them. */
export function bytes({ query, request, behavior }: Exchange): Answer {
  const n = integer(query, "n", { min: 0, max: MAX_BYTES });
  const seed = integer(query, "seed", { min: 0, max: 0xffffffff, fallback: 0 });
  const fields = cacheControl(query);
  const entityTag = behavior.etag === false ? undefined : `"${n}-${seed}"`;
  if (entityTag !== undefined) {
    fields.push("ETag", entityTag);
    if (namesEntityTag(request.headers["if-none-match"], entityTag)) return { status: 304, fields };
  }
  const range = askedRange(request, n, entityTag);
  if (range === "unsatisfiable") return bare(416, { length: n }, ["Content-Range", `bytes */${n}`]);
  fields.push("Content-Type", "application/octet-stream");
  const chunked = query.get("chunked") === "1";
  if (range === "everything") {
    const chunks = randomBytes(n, seed);
    return { status: 200, fields, body: chunked ? { chunks } : { chunks, length: n } };
  }
  const { first, last } = range;
  fields.push("Content-Range", `bytes ${first}-${last}/${n}`);
  const chunks = after(first, randomBytes(last + 1, seed));
  return { status: 206, fields, body: chunked ? { chunks } : { chunks, length: last - first + 1 } };
}

/** `/headers?name=value&…`: each pair becomes a field line, in this order, with this case, as often as it is named. */
export function headers({ query }: Exchange): Answer {
  const fields: string[] = [];
  for (const [name, value] of query) fields.push(legalName(name), legalValue(name, value));
  if (!hasFieldLine(fields, "content-type")) fields.push("Content-Type", "text/plain");
  return { status: 200, fields, body: Buffer.from("ok") };
}

/** `/status?code=`: that status. */
export function status({ query }: Exchange): Answer {
  const code = integer(query, "code", { min: 200, max: 599 });
  return bare(code, { status: code }, cacheControl(query));
}

/** `/events`: server-sent events, the first at once and the others one by one. */
export function events({ query, request }: Exchange): Answer {
  const n = integer(query, "n", { min: 0, max: 10_000, fallback: 3 });
  const everyMs = integer(query, "every_ms", { min: 0, max: 60_000, fallback: 50 });
  const chunks = eventStream(n, everyMs, request.socket);
  return { status: 200, fields: ["Content-Type", "text/event-stream"], body: { chunks } };
}

async function* eventStream(n: number, everyMs: number, socket: Socket): AsyncGenerator<Uint8Array> {
  for (let i = 1; i <= n; i++) {
    if (i > 1 && (await wait(everyMs, socket)) === "gone") return;
    yield Buffer.from(`id: ${i}\ndata: {"n":${i}}\n\n`);
  }
}

function legalName(name: string): string {
  try {
    validateHeaderName(name);
  } catch {
    throw new Refusal(400, `${JSON.stringify(name)} is not a field name`);
  }
  return name;
}

function pairsOf(lines: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) pairs.push([lines[i] as string, lines[i + 1] as string]);
  return pairs;
}
