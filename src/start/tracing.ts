import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Emit } from "../cache/events.ts";
import type { Looked } from "../cache/exchange.ts";
import type { Forward } from "../cache/forward.ts";
import type { Leases } from "../cache/leases.ts";
import type { Origin } from "../cache/ports/origin.ts";
import type { Config } from "../config.ts";
import { createOtlpExporter } from "../observe/otlp.ts";
import type { Attributes, Span } from "../observe/span.ts";
import { traceParentOf } from "../observe/trace-context.ts";
import { receivedAttributes } from "../observe/trace-http.ts";
import { createSampler } from "../observe/trace-sampling.ts";
import {
  sent,
  tracedEmit,
  tracedMemory,
  tracedOrigin,
  tracedPurge,
  tracedShared,
} from "../observe/traced.ts";
import { preciseClock, Tracer } from "../observe/tracer.ts";
import type { FieldLines } from "../policy/fields.ts";
import type { AtOnce } from "../server/lane/at-once.ts";
import type { Upgrade } from "../server/upgrade.ts";
import type { Shared } from "./shared.ts";

type TracingConfig = Pick<
  Config,
  | "OTEL_EXPORTER_OTLP_HEADERS"
  | "OTEL_EXPORTER_OTLP_TIMEOUT"
  | "OTEL_SERVICE_NAME"
  | "OTEL_RESOURCE_ATTRIBUTES"
  | "OTEL_TRACES_SAMPLER"
  | "OTEL_TRACES_SAMPLER_ARG"
  | "OTEL_BSP_MAX_QUEUE_SIZE"
  | "OTEL_BSP_SCHEDULE_DELAY"
>;

const WAIT = { name: "wait", kind: "internal" } as const;

/**
 * Puts spans around the parts of a proxy, and sends them to the collector at `endpoint`. Loaded only where
 * traces are wanted: without them every part is as it is. `emit` hears of spans that are lost.
 */
export function openTracing(endpoint: string, config: TracingConfig, emit: Emit) {
  const exporter = createOtlpExporter({
    url: `${endpoint}/v1/traces`,
    headers: config.OTEL_EXPORTER_OTLP_HEADERS,
    timeoutMs: config.OTEL_EXPORTER_OTLP_TIMEOUT,
    delayMs: config.OTEL_BSP_SCHEDULE_DELAY,
    queue: config.OTEL_BSP_MAX_QUEUE_SIZE,
    resource: resourceOf(config),
    onLost: (spans, detail) => emit({ type: "spans-lost", spans, detail }),
  });
  const tracer = new Tracer({
    sample: createSampler(config.OTEL_TRACES_SAMPLER, config.OTEL_TRACES_SAMPLER_ARG),
    take: exporter.add,
    now: preciseClock(),
  });
  /** Requests for which something was looked up before they were handed on. */
  const begun = new WeakMap<Looked, Span>();
  const begin = (fields: FieldLines): Span =>
    tracer.begin({ name: "HTTP", kind: "server" }, traceParentOf(fields));

  return {
    emit: tracedEmit(tracer, emit),
    origin: (origin: Origin): Origin => tracedOrigin(tracer, origin),
    upgrade:
      (upgrade: Upgrade): Upgrade =>
      (request, signal) =>
        sent(
          tracer,
          request,
          (ours) => upgrade(ours, signal),
          (said) =>
            said.type === "switched"
              ? receivedAttributes(said.origin, 101)
              : receivedAttributes(said.response.origin, said.response.status),
        ),
    memory: (store: Parameters<typeof tracedMemory>[1]) => tracedMemory(tracer, store),
    purge: (purge: Parameters<typeof tracedPurge>[1]) => tracedPurge(tracer, purge),
    shared: (shared: Shared): Shared => ({
      ...shared,
      ...(shared.store === undefined ? {} : { store: tracedShared(tracer, shared.store) }),
      ...(shared.leases === undefined ? {} : { leases: tracedLeases(tracer, shared.leases) }),
    }),

    /** Follows the one who fetches for all. */
    waiting: <T>(wait: () => Promise<T>): Promise<T> =>
      tracer.current === undefined
        ? wait()
        : tracer.during({ ...WAIT, attributes: { "cache.wait.for": "leader" } }, wait),

    refresh:
      (refresh: Forward["refresh"]): Forward["refresh"] =>
      (request, entry) =>
        tracer.during(
          { name: "refresh", kind: "internal" },
          () => refresh(request, entry),
          (response) => ({ "cache.status": response?.outcome.word ?? "elsewhere" }),
        ),

    /** Answers a request as a span: the one that was begun when something was looked up for it, if there is one. */
    request: <T>(fields: FieldLines, looked: Looked | undefined, answer: () => T): T =>
      tracer.within((looked && begun.get(looked)) ?? begin(fields), answer),

    lane: (atOnce: AtOnce): AtOnce => ({
      ...atOnce,
      answer(socket, asked, onWritten, looked) {
        const span = (looked && begun.get(looked)) ?? begin(asked.facts.section.fields);
        const sending = tracer.within(span, () => atOnce.answer(socket, asked, onWritten, looked));
        if (sending === undefined || sending === "sent") return sending;
        return { end: (aborted) => tracer.within(span, () => sending.end(aborted)) };
      },
      look(asked) {
        const span = begin(asked.facts.section.fields);
        const note = (looked: Looked): Looked => {
          begun.set(looked, span);
          return looked;
        };
        return tracer.within(span, () => atOnce.look(asked)?.then(note));
      },
    }),

    /** Sends what is left, within seconds. Never rejects. */
    close: () => exporter.close(),
  };
}

export type Tracing = ReturnType<typeof openTracing>;

/** What other instances are waited for has a span, too. */
function tracedLeases(tracer: Tracer, leases: Leases): Leases {
  return {
    async acquire(key, request) {
      const { current } = tracer;
      const answer = await leases.acquire(key, request);
      if (current === undefined || !request.wait || answer.type !== "elsewhere") return answer;
      const span = tracer.begin({ ...WAIT, attributes: { "cache.wait.for": "instance" } }, current);
      const news = answer.arrives === undefined ? [answer.ended] : [answer.ended, answer.arrives];
      void Promise.race(news).then(({ type }) => tracer.end(span, { "cache.wait.ended": type }));
      return answer;
    },
    close: () => leases.close(),
  };
}

const resourceOf = (config: TracingConfig): Attributes => ({
  "service.name": config.OTEL_SERVICE_NAME,
  "service.instance.id": randomUUID(),
  "telemetry.sdk.name": "freshline",
  "telemetry.sdk.language": "nodejs",
  "host.name": hostname(),
  "process.pid": process.pid,
  ...config.OTEL_RESOURCE_ATTRIBUTES,
});
