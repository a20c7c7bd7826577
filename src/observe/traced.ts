import type { CacheEvent, Emit } from "../cache/events.ts";
import type { Origin, OriginRequest } from "../cache/ports/origin.ts";
import type { PurgeMode, PurgeReceipt, PurgeTarget } from "../cache/ports/purge-log.ts";
import type { Lookup, Store, Tier } from "../cache/ports/store.ts";
import type { Attributes, Span } from "./span.ts";
import { withTraceParent } from "./trace-context.ts";
import {
  answeredAttributes,
  isServerError,
  receivedAttributes,
  sentAttributes,
  spanName,
} from "./trace-http.ts";
import type { Tracer } from "./tracer.ts";

/* The same as what is given, with spans. Nothing of it is there unless traces are wanted. */

/** Ends the span of a request with its answer, and says in the event which trace has it. */
export function tracedEmit(tracer: Tracer, emit: Emit): Emit {
  return (event) => emit(noted(tracer, tracer.current, event));
}

function noted(tracer: Tracer, span: Span | undefined, event: CacheEvent): CacheEvent {
  if (span?.sampled !== true) return event;
  switch (event.type) {
    case "answered":
      if (span.kind !== "server") return event;
      span.name = spanName(event.method);
      tracer.end(span, answeredAttributes(event), isServerError(event.status));
      return { ...event, traceId: span.traceId };
    case "origin-failed":
    case "store-failed":
      span.note(event.type, tracer.now(), { "error.type": event.code });
      return event;
    default:
      return event;
  }
}

/** A span for each request to an origin, which hears of it; second tries are noted in it. */
export const tracedOrigin = (tracer: Tracer, origin: Origin): Origin => ({
  anyHealthy: () => origin.anyHealthy(),
  send: (request, signal) =>
    sent(
      tracer,
      request,
      (ours) => origin.send(ours, signal),
      (response) => receivedAttributes(response.origin, response.status),
    ),
});

/** What `send` does with the request, in which the origin hears of its span; `learned` says what came back. */
export function sent<R extends OriginRequest, T>(
  tracer: Tracer,
  request: R,
  send: (request: R) => Promise<T>,
  learned: (value: T) => Attributes,
): Promise<T> {
  const { method, target } = request;
  return tracer.during(
    { name: spanName(method), kind: "client", attributes: sentAttributes(method, target) },
    (span) => send({ ...request, fields: withTraceParent(request.fields, span) }),
    learned,
  );
}

/** Looks up in Redis, with a span for each time that something waits for it. */
export function tracedShared(tracer: Tracer, store: Store): Store {
  return {
    lookup: async (key, request) =>
      tracer.current === undefined
        ? store.lookup(key, request)
        : tracer.during(
            { ...LOOKUP_REDIS, attributes: { "db.system.name": "redis", "cache.tier": "redis" } },
            async () => store.lookup(key, request),
            lookupAttributes,
          ),
    put: (key, entry, sent) => store.put(key, entry, sent),
    freshen: (key, entry) => store.freshen(key, entry),
    inspect: (key) => store.inspect(key),
    drop: (target) => store.drop(target),
    close: () => store.close(),
  };
}

/**
 * Looks up in memory, with a span for each look; what is asked of Redis has a span of its own. What was near
 * and did not do is looked up once more: that is one look.
 */
export function tracedMemory(
  tracer: Tracer,
  store: Required<Pick<Store, "lookup" | "near">>,
): Required<Pick<Store, "lookup" | "near">> {
  const looked = new WeakSet<Span>();
  return {
    lookup(key, request) {
      const { current } = tracer;
      const span = current !== undefined && looked.delete(current) ? undefined : begun(tracer);
      const found = store.lookup(key, request);
      if (span !== undefined)
        tracer.end(span, found instanceof Promise ? NOT_FOUND : lookupAttributes(found));
      return found;
    },
    near(key, request) {
      const span = begun(tracer);
      const found = store.near(key, request);
      if (span !== undefined && found !== undefined) {
        tracer.end(span, lookupAttributes(found));
        if (tracer.current !== undefined) looked.add(tracer.current);
      }
      return found;
    },
  };
}

const LOOKUP_REDIS = { name: "lookup redis", kind: "client" } as const;
const LOOKUP_MEMORY = {
  name: "lookup memory",
  kind: "internal",
  attributes: { "cache.tier": "memory" satisfies Tier },
} as const;
const NOT_FOUND = { "cache.lookup": "none" };

const begun = (tracer: Tracer): Span | undefined => {
  const { current } = tracer;
  return current?.sampled === true ? tracer.begin(LOOKUP_MEMORY, current) : undefined;
};

const lookupAttributes = (found: Lookup): Attributes => ({
  "cache.lookup": found.type === "found" ? "found" : found.fwd,
});

type Purge = (targets: readonly PurgeTarget[], mode: PurgeMode) => Promise<PurgeReceipt>;

export function tracedPurge(tracer: Tracer, purge: Purge): Purge {
  return (targets, mode) => {
    const types = [...new Set(targets.map(({ type }) => type))].sort().join(",");
    const attributes = {
      "cache.purge.mode": mode,
      "cache.purge.targets": targets.length,
      "cache.purge.types": types,
    };
    return tracer.during(
      { name: "purge", kind: "internal", attributes },
      () => purge(targets, mode),
      ({ epoch, instances, acked }) => ({
        "cache.purge.epoch": epoch,
        "cache.purge.instances": instances,
        "cache.purge.acked": acked,
      }),
    );
  };
}
