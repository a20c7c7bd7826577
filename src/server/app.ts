import type { Duplex } from "node:stream";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { Emit } from "../cache/events.ts";
import { type CacheResponse, discard, type Looked, NO_BODY } from "../cache/exchange.ts";
import type { HandleOrHit } from "../cache/hit.ts";
import { refusal } from "../cache/respond.ts";
import type { FieldLines } from "../policy/fields.ts";
import type { Outcome } from "../policy/outcome.ts";
import { RequestAsker } from "./asker.ts";
import { Client } from "./client.ts";
import type { AddTrace } from "./debug.ts";
import { endWith } from "./end-with.ts";
import { freshId } from "./fresh-id.ts";
import type { Incoming } from "./incoming.ts";
import { interimWriter } from "./interim.ts";
import { answerOurselves } from "./last-hop.ts";
import { lingerBehindAnswer } from "./linger.ts";
import type { Fragment, RefuseFragment, Wrong } from "./malformed.ts";
import { createTurnAway, type TurnAway } from "./no-room.ts";
import type { Outgoing } from "./outgoing.ts";
import { type OwnFieldSettings, operatorFields, preflightFields } from "./own-fields.ts";
import type { AnswerPurge } from "./purge-request.ts";
import { type ReadingSettings, readRequest } from "./read-request.ts";
import { createRepeatedHits, type RepeatedHitsDeps } from "./repeated-hits.ts";
import { writeResponse } from "./write-response.ts";

export interface AppSettings extends ReadingSettings, OwnFieldSettings {
  /** How long a client may take nothing of its answer, in milliseconds. */
  readonly writeTimeoutMs: number;
  /** How long a tunnel may carry nothing, in milliseconds. */
  readonly tunnelIdleMs: number;
}

interface AppDeps {
  readonly handle: HandleOrHit;
  /** For what connections repeat. */
  readonly repeated?: Pick<RepeatedHitsDeps, "hits" | "keepAliveTimeoutMs">;
  readonly emit: Emit;
  /** Answers PURGE, where that is no method like any other. */
  readonly purge?: AnswerPurge;
  /** Adds traces for those who may ask for them. */
  readonly addTrace?: AddTrace;
  /** Runs what answers a request with these fields, for those who want to trace it; as it is when absent. */
  readonly around?: (
    fields: FieldLines,
    looked: Looked | undefined,
    answer: () => Promise<void>,
  ) => Promise<void>;
  /** Counts a body that is here as long as a client takes it. */
  readonly hold: (body: Uint8Array) => () => void;
  readonly settings: AppSettings;
  /** Milliseconds on a clock that never goes back. */
  readonly elapsed: () => number;
}

/** The proxied port, as it is listened on. */
export interface ProxiedApp {
  readonly fetch: Hono<{ Bindings: HttpBindings }>["fetch"];
  /** Answers a request that has not come through `fetch`. Never rejects. */
  readonly serve: (incoming: Incoming, outgoing: Outgoing, looked?: Looked) => Promise<void>;
  /** Refuses a request that must not go further, although Node has read it. */
  readonly refuse: (incoming: Incoming, outgoing: Outgoing, wrong: Wrong) => void;
  /** Refuses what has not become a request, and tells it like one. */
  readonly refuseFragment: RefuseFragment;
  readonly turnAway: TurnAway;
}

const REFUSED: Outcome = { word: "BYPASS", body: "none", reason: "bad_request" };
const BROKEN: Outcome = { word: "BYPASS", body: "none", reason: "internal_error" };
const PREFLIGHT: Outcome = { word: "BYPASS", body: "none", fwd: "method", reason: "method" };

/**
 * The proxied port. One route without middleware, which writes to Node's own response:
 * header case, order and bytes survive, as they would not through a `Response`.
 */
export function createApp(deps: AppDeps): ProxiedApp {
  const { handle, emit, purge, addTrace, around, hold, settings, elapsed } = deps;
  const app = new Hono<{ Bindings: HttpBindings }>();
  /** Connections that end with a refusal: who cannot frame one request is not believed about the next. */
  const refused = new WeakSet<object>();
  /** Answers that a refusal took the place of, and that is told already. */
  const replaced = new WeakSet<Outgoing>();
  // Made once: it costs as much as a hit. The package's own is everybody's, and collects what middleware sets.
  const alreadySent = new Response(null, { headers: { "x-hono-already-sent": "true" } });
  const serve: typeof answered =
    around === undefined
      ? answered
      : (incoming, outgoing, looked, wrong) =>
          around(incoming.rawHeaders, looked, () => answered(incoming, outgoing, looked, wrong));
  const { repeated } = deps;
  // What is traced goes the whole way.
  const answerRepeated =
    repeated === undefined || around !== undefined ? undefined : createRepeatedHits({ ...deps, ...repeated });
  // Not awaited: the adapter has nothing to do behind it, and each promise costs.
  app.all("*", ({ env: { incoming, outgoing } }) => {
    if (refused.has(incoming.socket) || answerRepeated?.(incoming, outgoing) !== true)
      void serve(incoming, outgoing);
    return alreadySent;
  });
  return {
    fetch: app.fetch,
    serve,
    refuse: (incoming, outgoing, wrong) => void serve(incoming, outgoing, undefined, wrong),
    refuseFragment,
    turnAway: createTurnAway(deps),
  };

  /** Never rejects. `wrong` is what the request is refused for, unless we find more to say. */
  async function answered(
    incoming: Incoming,
    outgoing: Outgoing,
    looked?: Looked,
    wrong?: Wrong,
  ): Promise<void> {
    if (refused.has(incoming.socket)) return;
    const startedAt = elapsed();
    const client = new Client(interimWriter(outgoing));
    const leave = () => {
      if (!outgoing.writableFinished) client.leave();
    };
    const read = readRequest(incoming, client, settings);
    let refusing = read.type === "refused" ? read : wrong;
    if (refusing !== undefined) refused.add(incoming.socket);
    const id = read.type === "request" ? read.request.id : read.id;
    const method = incoming.method ?? "GET";
    const answering = answer();
    // Where nothing is waited for nobody can leave meanwhile.
    if (answering instanceof Promise) outgoing.once("close", leave);
    const response = answering instanceof Promise ? await answering : answering;
    const headMs = elapsed() - startedAt;
    const added = ["X-Request-Id", id, ...operatorFields(incoming.rawHeaders, response.fields, settings)];
    if (refusing !== undefined) {
      outgoing.shouldKeepAlive = false;
      if (!incoming.complete) lingerBehindAnswer(incoming.socket);
    }
    const release = response.body.type === "bytes" ? hold(response.body.bytes) : undefined;
    const writing = writeResponse(outgoing, response, added, settings.writeTimeoutMs);
    const { bytes, aborted } = writing instanceof Promise ? await writing : writing;
    release?.();
    if (answering instanceof Promise) outgoing.off("close", leave);
    if (replaced.has(outgoing)) return;
    emit({
      type: "answered",
      requestId: id,
      method,
      uri: read.type === "request" ? read.request.uri : (incoming.url ?? ""),
      status: response.status,
      outcome: response.outcome,
      ...(response.tier === undefined ? {} : { tier: response.tier }),
      ...(response.origin === undefined ? {} : { origin: response.origin }),
      bytes,
      headMs,
      durationMs: elapsed() - startedAt,
      aborted,
      asker: new RequestAsker(incoming, settings),
    });

    function refuse({ status, detail }: Wrong): CacheResponse {
      return refusal({ id, method }, status, "bad_request", detail, REFUSED);
    }

    /** A hit comes at once, and nothing else does: the parser may yet find what has no answer to be no request. */
    function answer(): CacheResponse | Promise<CacheResponse> {
      if (refusing !== undefined) return Promise.resolve(refuse(refusing));
      if (read.type !== "request") return Promise.resolve(answerOurselves(id, method));
      const preflight = preflightFields(method, incoming.rawHeaders, settings);
      if (preflight !== undefined) {
        const answered = { status: 204, statusMessage: "", fields: preflight, outcome: PREFLIGHT };
        return Promise.resolve({ ...answered, body: NO_BODY });
      }
      const { request, spoilt } = read;
      const traced = (response: CacheResponse) =>
        addTrace?.(request, incoming.socket.remoteAddress, response) ?? response;
      try {
        const purged = method === "PURGE" ? purge?.(request, incoming.socket.remoteAddress) : undefined;
        if (purged !== undefined) return purged.catch(broken);
        const handled = handle(request, looked);
        if (!(handled instanceof Promise)) {
          const answered = traced(handled);
          return answered instanceof Promise ? answered.catch(broken) : answered;
        }
        return handled.then((response) => {
          try {
            const answered = unlessSpoilt(response, spoilt) ?? traced(response);
            return answered instanceof Promise ? answered.catch(broken) : answered;
          } catch (error) {
            return broken(error);
          }
        }, broken);
      } catch (error) {
        return Promise.resolve(broken(error));
      }
    }

    /** What is answered instead where the request has broken a limit meanwhile. */
    function unlessSpoilt(
      { body }: CacheResponse,
      spoilt: () => Wrong | undefined,
    ): Promise<CacheResponse> | undefined {
      const wrong = spoilt();
      if (wrong === undefined) return undefined;
      refusing = wrong;
      refused.add(incoming.socket);
      // What became of it without its body is not the client's answer.
      const discarded = body.type === "stream" ? discard(body.stream) : Promise.resolve();
      return discarded.then(() => refuse(wrong));
    }

    /** A defect of ours: it costs this request, and is told. */
    function broken(error: unknown): CacheResponse {
      console.error("freshline: a request failed:", error);
      return refusal({ id, method }, 500, "internal_error", "Freshline itself failed", BROKEN);
    }
  }

  function refuseFragment(socket: Duplex, { status, detail }: Wrong, fragment: Fragment): void {
    const { method, uri, fields, instead } = fragment;
    if (instead !== undefined) replaced.add(instead);
    const id = freshId();
    const response = refusal({ id, method }, status, "bad_request", detail, REFUSED);
    const added = ["X-Request-Id", id, ...operatorFields(fields, response.fields, settings)];
    const bytes = endWith(socket, response, added);
    const times = { bytes, headMs: 0, durationMs: 0, aborted: false };
    emit({ type: "answered", requestId: id, method, uri, status, outcome: response.outcome, ...times });
  }
}
