import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { Emit } from "../cache/events.ts";
import { type CacheResponse, NO_BODY } from "../cache/exchange.ts";
import type { Handle } from "../cache/handle.ts";
import { refusal } from "../cache/respond.ts";
import type { Outcome } from "../policy/outcome.ts";
import { interimWriter } from "./interim.ts";
import { answerOurselves } from "./last-hop.ts";
import { type OwnFieldSettings, operatorFields, preflightFields } from "./own-fields.ts";
import { type ReadingSettings, readRequest } from "./read-request.ts";
import { writeResponse } from "./write-response.ts";

export interface AppSettings extends ReadingSettings, OwnFieldSettings {
  /** How long a client may take nothing of its answer, in milliseconds. */
  readonly writeTimeoutMs: number;
}

interface AppDeps {
  readonly handle: Handle;
  readonly emit: Emit;
  readonly settings: AppSettings;
  /** Milliseconds on a clock that never goes back. */
  readonly elapsed: () => number;
}

const REFUSED: Outcome = { word: "BYPASS", body: "none", fwd: "bypass", reason: "bad_request" };
const BROKEN: Outcome = { word: "BYPASS", body: "none", fwd: "bypass", reason: "internal_error" };
const PREFLIGHT: Outcome = { word: "BYPASS", body: "none", fwd: "method", reason: "method" };

/**
 * The proxied port. One route without middleware, which writes to Node's own response:
 * header case, order and bytes survive, as they would not through a `Response`.
 */
export function createApp({ handle, emit, settings, elapsed }: AppDeps): Hono<{ Bindings: HttpBindings }> {
  const app = new Hono<{ Bindings: HttpBindings }>();
  /** Connections that end with a refusal: who cannot frame one request is not believed about the next. */
  const refused = new WeakSet<Socket>();
  app.all("*", async (context) => {
    await serve(context.env.incoming, context.env.outgoing);
    // A new one each time: the package's own sentinel is shared, and collects what middleware sets.
    return new Response(null, { headers: { "x-hono-already-sent": "true" } });
  });
  return app;

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    if (refused.has(incoming.socket)) return;
    const startedAt = elapsed();
    const client = new AbortController();
    const leave = () => client.abort();
    outgoing.once("close", leave);
    const onInterim = interimWriter(outgoing);
    const interim = onInterim === undefined ? {} : { onInterim };
    const read = readRequest(incoming, { signal: client.signal, ...interim }, settings);
    if (read.type === "refused") refused.add(incoming.socket);
    const id = read.type === "request" ? read.request.id : read.id;
    const method = incoming.method ?? "GET";
    const response = await answer();
    const headMs = elapsed() - startedAt;
    const added = [
      "X-Request-Id",
      id,
      ...operatorFields(incoming.rawHeaders, response.fields, settings),
      ...(read.type === "refused" ? ["Connection", "close"] : []),
    ];
    const { bytes, aborted } = await writeResponse(outgoing, response, added, settings.writeTimeoutMs);
    outgoing.off("close", leave);
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
    });

    async function answer(): Promise<CacheResponse> {
      if (read.type === "refused") return refusal({ id, method }, 400, "bad_request", read.detail, REFUSED);
      if (read.type === "for-us") return answerOurselves(id, method);
      const preflight = preflightFields(method, incoming.rawHeaders, settings);
      if (preflight !== undefined) {
        return { status: 204, statusMessage: "", fields: preflight, body: NO_BODY, outcome: PREFLIGHT };
      }
      try {
        return await handle(read.request);
      } catch (error) {
        // A defect of ours: it costs this request, and is told.
        console.error("freshline: a request failed:", error);
        return refusal({ id, method }, 500, "internal_error", "Freshline itself failed", BROKEN);
      }
    }
  }
}
