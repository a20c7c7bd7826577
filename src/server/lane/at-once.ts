import type { Socket } from "node:net";
import type { Emit } from "../../cache/events.ts";
import type { Looked } from "../../cache/exchange.ts";
import type { Hit, Hits } from "../../cache/hit.ts";
import { takeRoom, withHead } from "../../cache/ports/body-room.ts";
import { ttlOf } from "../../cache/respond.ts";
import { withoutParameters } from "../../policy/key.ts";
import { answeredHit } from "../answered-hit.ts";
import type { AppSettings } from "../app.ts";
import { freshId, ID_LENGTH } from "../fresh-id.ts";
import type { Connection } from "../peer.ts";
import { tooLong } from "../read-request.ts";
import { ComposedAnswers } from "./composed.ts";
import type { Aspect, SectionFacts } from "./facts.ts";
import type { PlainHead } from "./head.ts";
import { createPrepareHit } from "./prepare-hit.ts";
import { type Prepared, PreparedAnswers, retime } from "./prepared.ts";

/** An answer that the connection has not taken all of yet. */
export interface Sending {
  /** Tells of it, when its last byte is written or the client has left. */
  readonly end: (aborted: boolean) => void;
}

/** A request that one write may answer. */
export interface Asked {
  readonly facts: SectionFacts;
  readonly aspect: Aspect;
  readonly name: string;
  readonly method: PlainHead["method"];
  readonly uri: string;
  readonly startedAt: number;
}

export interface AtOnce {
  readonly settings: AppSettings;
  /** What is asked for, where an answer at once is possible. */
  asked(facts: SectionFacts, head: PlainHead): Asked | undefined;
  /**
   * Answers a request that a fresh response answers, in memory or as it was looked up: with one write, and nothing to wait for.
   * `undefined` where there is more to do, and nothing was done; `sent` where all of it is; else `onWritten` is
   * called when the connection has taken the bytes, or never will.
   */
  answer(
    socket: Socket,
    asked: Asked,
    onWritten: (error?: Error | null) => void,
    looked?: Looked,
  ): Sending | "sent" | undefined;
  /** Asks for it where others look, too; undefined where nobody does. Does not reject. */
  look(asked: Asked): Promise<Looked> | undefined;
}

interface AtOnceDeps {
  readonly hits: Hits;
  readonly emit: Emit;
  /** Counts a body that is being sent until the returned function is called, once. */
  readonly hold: (body: Uint8Array) => () => void;
  readonly settings: AppSettings;
  readonly keepAliveTimeoutMs: number;
  /** Milliseconds on a clock that never goes back. */
  readonly elapsed: () => number;
}

export function createAtOnce(deps: AtOnceDeps): AtOnce {
  const { hits, emit, hold, settings, keepAliveTimeoutMs, elapsed } = deps;
  const answers = new PreparedAnswers();
  const composed = new ComposedAnswers();
  const prepareHit = createPrepareHit({ hits, settings, keepAliveTimeoutMs });

  function asked(facts: SectionFacts, { method, target }: PlainHead): Asked | undefined {
    const aspect = facts.aspects[method];
    const { name } = aspect;
    if (name === undefined || tooLong(target, settings) !== undefined) return undefined;
    const uri = facts.site + withoutParameters(target, settings.ignoredParameters);
    return { facts, aspect, name, method, uri, startedAt: elapsed() };
  }

  function answer(
    socket: Socket,
    { facts: { id: given, asker }, aspect, name, method, uri, startedAt }: Asked,
    onWritten: (error?: Error | null) => void,
    looked?: Looked,
  ): Sending | "sent" | undefined {
    const hit = hits.find(aspect.facts, uri, looked);
    if (hit === undefined) return undefined;
    const prepared = answerOf(hit, aspect, name);
    if (prepared === undefined) return undefined;
    // Of what lies packed no more is made than is sent.
    const body = prepared.bodyApart ? hit.found.entry.body : undefined;
    // The same response may be found again without its body, which is elsewhere then.
    if (body !== undefined && !(body instanceof Uint8Array)) return undefined;
    const requestId = given ?? freshId();
    const headMs = elapsed() - startedAt;
    const { encrypted }: Connection = socket;
    const head = headOf(prepared, requestId);
    const whole = body === undefined ? head : withHead(head, body);
    let isUnderWay = false;
    // Node is quicker with a write that nobody is told of; what is in two pieces or encrypted is seldom taken at once.
    const onTaken =
      whole === undefined || encrypted === true
        ? (error?: Error | null) => {
            if (isUnderWay) onWritten(error);
          }
        : undefined;
    if (whole !== undefined) socket.write(whole, onTaken);
    else writeBoth(socket, head, body ?? NOTHING, onTaken);
    const facts = { requestId, method, uri: toldUri(hit, uri), tier: hit.found.tier, headMs, asker };
    if (socket.writableLength === 0 && socket.errored === null && !socket.destroyed) {
      emit(answeredHit(facts, prepared, headMs, false, hit.at));
      hit.found.giveBack?.();
      return "sent";
    }
    isUnderWay = true;
    if (onTaken === undefined) socket.write(NOTHING, onWritten);
    // Its bytes are still read from, and the next answer would change them, and what is told of this one.
    const sent = { ...prepared };
    if (hit.found.fleeting === true) composed.leave(prepared);
    else prepared.bytes = Buffer.from(prepared.bytes);
    const leaveRoom = whole !== undefined && body !== undefined ? takeRoom(body) : undefined;
    const release = body && hold(body);
    return {
      end(aborted) {
        leaveRoom?.();
        release?.();
        // Who knows until when the system reads from what it did not write?
        if (!aborted) hit.found.giveBack?.();
        emit(answeredHit(facts, sent, elapsed() - startedAt, aborted));
      },
    };
  }

  const look = ({ aspect, uri }: Asked): Promise<Looked> | undefined => hits.look?.(aspect.facts, uri);

  function answerOf(hit: Hit, aspect: Aspect, name: string): Prepared | undefined {
    const { packed } = hit.found;
    const age = Math.floor(hit.age);
    const isComposed = packed !== undefined && aspect.isUnconditional;
    if (isComposed) {
      const found = composed.find(packed, name, age, ttlOf(packed, hit.age));
      if (found !== undefined) return found;
    }
    const { stored } = hit.found.entry;
    const ttl = ttlOf(stored, hit.age);
    const known = answers.get(stored, name);
    if (known !== undefined) {
      if (known.age === age && known.ttl === ttl) return known;
      if (aspect.isSteady && retime(known, age, ttl)) return known;
    }
    const prepared = prepareHit(hit, aspect, { aspect: name, age, ttl });
    if (prepared === undefined) return undefined;
    if (isComposed) composed.learn(packed, prepared);
    if (hit.found.fleeting !== true) answers.set(stored, prepared);
    return prepared;
  }

  return { settings, asked, answer, look };
}

const NOTHING = new Uint8Array();

/** The same text, and the one that is kept where there is one: whoever looks for what it knows of it has met that before. */
function toldUri({ found }: Hit, uri: string): string {
  if (found.fleeting === true) return uri;
  const { stored } = found.entry;
  return stored.uri === uri ? stored.uri : uri;
}

/** All that is prepared, with its id. */
function headOf({ bytes, idAt }: Prepared, id: string): Buffer {
  if (id.length === ID_LENGTH) {
    bytes.write(id, idAt, ID_LENGTH, "latin1");
    return bytes;
  }
  const before = bytes.subarray(0, idAt);
  return Buffer.concat([before, Buffer.from(id, "latin1"), bytes.subarray(idAt + ID_LENGTH)]);
}

function writeBoth(
  socket: Socket,
  head: Uint8Array,
  body: Uint8Array,
  onTaken: ((error?: Error | null) => void) | undefined,
): void {
  socket.cork();
  socket.write(head);
  socket.write(body, onTaken);
  socket.uncork();
}
