import { STATUS_CODES, validateHeaderValue } from "node:http";
import type { CacheResponse } from "../../cache/exchange.ts";
import { type FieldLines, hasField } from "../../policy/fields.ts";
import { Oldest } from "../../policy/oldest.ts";
import type { Outcome } from "../../policy/outcome.ts";
import type { StoredResponse } from "../../policy/stored-response.ts";
import { ID_LENGTH } from "../fresh-id.ts";
import { writableLines } from "../interim.ts";
import { headOf } from "../raw-head.ts";
import { NODES_OWN, SHORT_BYTES } from "./answer-bytes.ts";

/** An answer as bytes, but for its X-Request-Id. */
export interface Prepared {
  readonly aspect: string;
  /** In whole seconds, as the answer says it. */
  age: number;
  ttl: number;
  readonly status: number;
  outcome: Outcome;
  /** Head and body with a place for the id; the body goes behind it where it is not in here. */
  bytes: Buffer;
  readonly idAt: number;
  /** Where it says its age and its ttl, if it does; undefined where that is not certain. */
  readonly timesAt: { readonly age?: number; readonly ttl?: number } | undefined;
  readonly bodyBytes: number;
  readonly bodyApart: boolean;
}

export const ID_PLACE = "#".repeat(ID_LENGTH);

/** The answer as Node would write it to a connection that is kept; undefined where Node has more to say of it. */
export function prepare(
  response: CacheResponse,
  operator: FieldLines,
  keepAliveSeconds: number,
  key: Pick<Prepared, "aspect" | "age" | "ttl">,
): Prepared | undefined {
  const { status, fields, body, outcome } = response;
  const message = response.statusMessage || (STATUS_CODES[status] ?? "unknown");
  if (body.type === "stream" || !hasField(fields, "date") || NODES_OWN.some((name) => hasField(fields, name)))
    return undefined;
  const own = ["Connection", "keep-alive", "Keep-Alive", `timeout=${keepAliveSeconds}`];
  const lines = [...fields, "X-Request-Id", ID_PLACE, ...operator, ...own];
  if (!isWritable(message, lines)) return undefined;
  const head = headOf(status, message, lines);
  const content = body.type === "bytes" ? body.bytes : new Uint8Array();
  const bodyApart = content.length > SHORT_BYTES;
  return {
    ...key,
    status,
    outcome,
    bytes: bodyApart ? head : Buffer.concat([head, content]),
    idAt: head.lastIndexOf(ID_PLACE),
    timesAt: timesAt(head.indexOf("\r\n") + 2, lines, key),
    bodyBytes: content.length,
    bodyApart,
  };
}

/** Where `lines` that begin there say these times. */
function timesAt(
  begin: number,
  lines: FieldLines,
  { age, ttl }: Pick<Prepared, "age" | "ttl">,
): Prepared["timesAt"] {
  const found: { age?: number; ttl?: number } = {};
  let isCertain = true;
  let at = begin;
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [name, value] = [lines[i] as string, lines[i + 1] as string];
    at += name.length + ": ".length;
    const end = at + value.length;
    if (name === "Age") {
      if (value !== String(age)) return undefined;
      found.age = at;
    } else if (name === "Cache-Status") {
      // The last is ours: those of caches before this one stay as they are.
      isCertain = value.endsWith(`; ttl=${ttl}`);
      found.ttl = end - String(ttl).length;
    }
    at = end + "\r\n".length;
  }
  return isCertain ? found : undefined;
}

/**
 * Makes it the answer of another second, for a tenth of what it takes to prepare it anew; false, and it is as it was,
 * where more than some digits would change.
 */
export function retime(prepared: Prepared, age: number, ttl: number): boolean {
  const { bytes, timesAt: at, outcome } = prepared;
  const [ageText, ttlText] = [String(age), String(ttl)];
  const asLong =
    ageText.length === String(prepared.age).length && ttlText.length === String(prepared.ttl).length;
  if (at === undefined || !asLong) return false;
  if (at.age !== undefined) bytes.write(ageText, at.age, "latin1");
  if (at.ttl !== undefined) bytes.write(ttlText, at.ttl, "latin1");
  prepared.age = age;
  prepared.ttl = ttl;
  prepared.outcome = { ...outcome, age, ttl };
  return true;
}

function isWritable(message: string, lines: FieldLines): boolean {
  try {
    validateHeaderValue("status", message);
  } catch {
    return false;
  }
  return writableLines(lines).length === lines.length;
}

/** Bytes that an answer costs beyond its own. */
const OVERHEAD = 512;
const CAPACITY = 8 * 1024 * 1024;
/** To a GET, to a HEAD, and to clients that have one version or another. */
const MAX_ASPECTS = 4;

/**
 * Answers that are likely to be given again within the second. Bounded in bytes: those of the stored
 * response that was prepared longest ago go first.
 */
export class PreparedAnswers {
  readonly #capacity: number;
  readonly #answers = new Map<StoredResponse, Prepared[]>();
  readonly #oldest = new Oldest(this.#answers);
  #bytes = 0;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(stored: StoredResponse, aspect: string): Prepared | undefined {
    const prepared = this.#answers.get(stored);
    if (prepared === undefined) return undefined;
    for (const each of prepared) if (each.aspect === aspect) return each;
    return undefined;
  }

  set(stored: StoredResponse, fresh: Prepared): void {
    const others = (this.#answers.get(stored) ?? []).filter(({ aspect }) => aspect !== fresh.aspect);
    this.#remove(stored);
    const prepared = [fresh, ...others].slice(0, MAX_ASPECTS);
    this.#answers.set(stored, prepared);
    for (const each of prepared) this.#bytes += weigh(each);
    while (this.#bytes > this.#capacity) {
      const oldest = this.#oldest.next();
      if (oldest === undefined) return;
      this.#remove(oldest);
    }
  }

  #remove(stored: StoredResponse): void {
    for (const each of this.#answers.get(stored) ?? []) this.#bytes -= weigh(each);
    this.#answers.delete(stored);
  }
}

const weigh = ({ bytes }: Prepared): number => bytes.length + OVERHEAD;
