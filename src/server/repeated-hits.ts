import type { ServerResponse } from "node:http";
import type { Emit } from "../cache/events.ts";
import type { Hit, Hits } from "../cache/hit.ts";
import { ttlOf } from "../cache/respond.ts";
import { withoutParameters } from "../policy/key.ts";
import type { Outcome } from "../policy/outcome.ts";
import type { StoredResponse } from "../policy/stored-response.ts";
import { answeredHit, type HitFacts } from "./answered-hit.ts";
import { freshId, ID_LENGTH } from "./fresh-id.ts";
import type { Incoming } from "./incoming.ts";
import type { Aspect } from "./lane/facts.ts";
import { createPrepareHit } from "./lane/prepare-hit.ts";
import type { OwnFieldSettings } from "./own-fields.ts";
import { type ReadingSettings, tooLong } from "./read-request.ts";
import { createRepeatedLines } from "./repeated-lines.ts";
import { type PreparedText, writePrepared } from "./write-prepared.ts";

export interface RepeatedHitsDeps {
  readonly hits: Hits;
  readonly emit: Emit;
  /** Counts a body that is here as long as a client takes it. */
  readonly hold: (body: Uint8Array) => () => void;
  readonly keepAliveTimeoutMs: number;
  readonly settings: ReadingSettings & OwnFieldSettings & { readonly writeTimeoutMs: number };
  /** Milliseconds on a clock that never goes back. */
  readonly elapsed: () => number;
}

/** A long content is not kept here: it leaves memory with its entry, however long the stored response is known elsewhere. */
interface Given extends PreparedText {
  readonly name: string;
  readonly age: number;
  readonly ttl: number;
  readonly status: number;
  readonly outcome: Outcome;
  readonly bodyBytes: number;
}

/**
 * Answers a request on Node's own response where a fresh response in memory does, and its connection repeats
 * its field lines; false where there is more to do, and nothing was done.
 */
export type AnswerRepeated = (incoming: Incoming, outgoing: ServerResponse) => boolean;

/** The same answers as by `readRequest` and `Handle`, for a part of what they cost. */
export function createRepeatedHits({
  hits,
  emit,
  hold,
  keepAliveTimeoutMs,
  settings,
  elapsed,
}: RepeatedHitsDeps): AnswerRepeated {
  const prepareHit = createPrepareHit({ hits, settings, keepAliveTimeoutMs });
  const factsOf = createRepeatedLines(settings);
  /** The last answer that was given of each stored response. */
  const lastGiven = new WeakMap<StoredResponse, Given>();

  return (incoming, outgoing) => {
    try {
      return answer(incoming, outgoing);
    } catch {
      // A defect of ours, which the long way meets again, and tells.
      return false;
    }
  };

  function answer(incoming: Incoming, outgoing: ServerResponse): boolean {
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
    const apart = given.head && hit.found.entry.body;
    // What is not here can be read once.
    if (apart !== undefined && !(apart instanceof Uint8Array)) return false;
    const requestId = facts.id ?? freshId();
    const headMs = elapsed() - startedAt;
    const writing = writePrepared(outgoing, given, apart, requestId, settings.writeTimeoutMs);
    if (writing === undefined) return false;
    const told = { requestId, method, uri, tier: hit.found.tier, headMs, asker: facts.asker };
    if (writing === "taken") emit(answeredHit(told, given, headMs, false, hit.at));
    else void tellOnceWritten(told, given, apart, writing, startedAt);
    return true;
  }

  /** Apart, so that no request makes what it needs but one whose answer takes its time. Never rejects. */
  async function tellOnceWritten(
    told: HitFacts,
    given: Given,
    apart: Uint8Array | undefined,
    writing: Promise<boolean>,
    startedAt: number,
  ): Promise<void> {
    const release = apart && hold(apart);
    const isWritten = await writing;
    release?.();
    emit(answeredHit(told, given, elapsed() - startedAt, !isWritten));
  }

  function givenTo(hit: Hit, aspect: Aspect, name: string): Given | undefined {
    const { stored, body } = hit.found.entry;
    const age = Math.floor(hit.age);
    const ttl = ttlOf(stored, hit.age);
    const given = lastGiven.get(stored);
    if (given !== undefined && given.name === name && given.age === age && given.ttl === ttl) return given;
    if (!(body instanceof Uint8Array)) return undefined;
    const prepared = prepareHit(hit, aspect, { aspect: name, age, ttl });
    if (prepared === undefined) return undefined;
    const { status, outcome, bytes, idAt, bodyBytes, bodyApart } = prepared;
    const fresh: Given = {
      ...{ name, age, ttl, status, outcome, idAt, bodyBytes },
      before: bytes.toString("latin1", 0, idAt),
      behind: bytes.toString("latin1", idAt + ID_LENGTH),
      head: bodyApart ? bytes : undefined,
    };
    if (hit.found.fleeting !== true) lastGiven.set(stored, fresh);
    return fresh;
  }
}
