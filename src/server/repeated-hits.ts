import type { CacheEvent, Emit } from "../cache/events.ts";
import { type CacheResponse, SLICE_BYTES } from "../cache/exchange.ts";
import type { Hit, Hits } from "../cache/hit.ts";
import { ttlOf } from "../cache/respond.ts";
import { withoutParameters } from "../policy/key.ts";
import type { StoredResponse } from "../policy/stored-response.ts";
import { freshId } from "./fresh-id.ts";
import type { Incoming } from "./incoming.ts";
import type { Aspect } from "./lane/facts.ts";
import type { Outgoing } from "./outgoing.ts";
import { type OwnFieldSettings, operatorFields } from "./own-fields.ts";
import { type ReadingSettings, tooLong } from "./read-request.ts";
import { createRepeatedLines } from "./repeated-lines.ts";
import { type Written, writeLines } from "./write-response.ts";

interface RepeatedHitsDeps {
  readonly hits: Hits;
  readonly emit: Emit;
  /** Counts a body that is here as long as a client takes it. */
  readonly hold: (body: Uint8Array) => () => void;
  readonly settings: ReadingSettings & OwnFieldSettings & { readonly writeTimeoutMs: number };
  /** Milliseconds on a clock that never goes back. */
  readonly elapsed: () => number;
}

type Answered = CacheEvent & { readonly type: "answered" };
/** What is known of an answer before it is on its way. */
type Told = Required<Pick<Answered, "requestId" | "method" | "uri" | "tier" | "headMs" | "asker">>;

/** An answer with all lines of its head, but for the id of a request. */
interface Given {
  readonly name: string;
  readonly age: number;
  readonly ttl: number;
  readonly response: CacheResponse;
  readonly lines: string[];
  readonly idAt: number;
}

/**
 * Answers a request on Node's own response where a fresh response in memory does, and its connection repeats
 * its field lines; false where there is more to do, and nothing was done.
 */
export type AnswerRepeated = (incoming: Incoming, outgoing: Outgoing) => boolean;

/** The same answers as by `readRequest` and `Handle`, for a part of what they cost. */
export function createRepeatedHits({
  hits,
  emit,
  hold,
  settings,
  elapsed,
}: RepeatedHitsDeps): AnswerRepeated {
  const factsOf = createRepeatedLines(settings);
  /** The last answer that was given of each stored response. */
  const lastGiven = new WeakMap<StoredResponse, Given>();

  return (incoming, outgoing) => {
    const { method, url = "" } = incoming;
    if (method !== "GET" && method !== "HEAD") return false;
    if (incoming.httpVersion !== "1.1" || !url.startsWith("/") || url.includes("#")) return false;
    const facts = factsOf(incoming);
    const aspect = facts?.aspects[method];
    if (facts === undefined || aspect?.name === undefined || tooLong(url, settings) !== undefined)
      return false;
    const startedAt = elapsed();
    const uri = facts.site + withoutParameters(url, settings.ignoredParameters);
    const hit = hits.find(aspect.facts, uri);
    const given = hit && givenTo(hit, aspect, aspect.name);
    if (hit === undefined || given === undefined) return false;
    const { response, lines, idAt } = given;
    const requestId = facts.id ?? freshId();
    lines[idAt] = requestId;
    const headMs = elapsed() - startedAt;
    const told = { requestId, method, uri, tier: hit.found.tier, headMs, asker: facts.asker };
    const writing = writeLines(outgoing, response, lines, settings.writeTimeoutMs);
    if (writing instanceof Promise) void tellOnceWritten(told, response, writing, startedAt);
    else emit(answered(told, response, writing, headMs));
    return true;
  };

  /** Apart, so that no request makes what it needs but one whose answer takes its time. Never rejects. */
  async function tellOnceWritten(
    told: Told,
    response: CacheResponse,
    writing: Promise<Written>,
    startedAt: number,
  ): Promise<void> {
    const release = response.body.type === "bytes" ? hold(response.body.bytes) : undefined;
    const written = await writing;
    release?.();
    emit(answered(told, response, written, elapsed() - startedAt));
  }

  function givenTo(hit: Hit, aspect: Aspect, name: string): Given | undefined {
    const { stored, body } = hit.found.entry;
    const age = Math.floor(hit.age);
    const ttl = ttlOf(stored, hit.age);
    const given = lastGiven.get(stored);
    if (given !== undefined && given.name === name && given.age === age && given.ttl === ttl) return given;
    // What is not here can be read once; what is longer goes out in slices, as its client takes them.
    if (!(body instanceof Uint8Array) || body.length > SLICE_BYTES) return undefined;
    const response = hits.answer(aspect.facts, hit);
    const { fields } = response;
    const operator = operatorFields(aspect.facts.fields, fields, settings);
    const lines = [...fields, "X-Request-Id", "", ...operator];
    const fresh = { name, age, ttl, response, lines, idAt: fields.length + 1 };
    if (hit.found.fleeting !== true) lastGiven.set(stored, fresh);
    return fresh;
  }
}

const answered = (
  { requestId, method, uri, tier, headMs, asker }: Told,
  { status, outcome }: CacheResponse,
  { bytes, aborted }: Written,
  durationMs: number,
): Answered => ({
  type: "answered",
  requestId,
  method,
  uri,
  status,
  outcome,
  tier,
  bytes,
  headMs,
  durationMs,
  aborted,
  asker,
});
