import { AsyncLocalStorage } from "node:async_hooks";
import type { EpochMs } from "../policy/stored-response.ts";
import { type Attributes, randomTraceId, Span, type SpanKind } from "./span.ts";
import type { TraceParent } from "./trace-context.ts";
import type { Sample } from "./trace-sampling.ts";

interface TracerDeps {
  readonly sample: Sample;
  /** Takes a span that has ended; must neither throw nor wait. */
  readonly take: (span: Span) => void;
  /** With fractions of a millisecond. */
  readonly now: () => EpochMs;
}

interface Named {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes?: Attributes;
}

/** Begins and ends spans; what is under way is the parent of what begins then, across every wait. */
export class Tracer {
  readonly now: () => EpochMs;
  readonly #sample: Sample;
  readonly #take: (span: Span) => void;
  readonly #underWay = new AsyncLocalStorage<Span>();

  constructor({ sample, take, now }: TracerDeps) {
    this.#sample = sample;
    this.#take = take;
    this.now = now;
  }

  /** What is done here and now is a part of this. */
  get current(): Span | undefined {
    return this.#underWay.getStore();
  }

  /** Without a parent a new trace begins. */
  begin({ name, kind, attributes = {} }: Named, parent: TraceParent | undefined): Span {
    const traceId = parent?.traceId ?? randomTraceId();
    const sampled = parent instanceof Span ? parent.sampled : this.#sample(traceId, parent);
    const random = parent?.random ?? false;
    const startedAt = this.now();
    const span = new Span({ name, kind, traceId, parentId: parent?.spanId, sampled, random, startedAt });
    span.attributes = attributes;
    return span;
  }

  /** Does this as a part of the span, which goes on. */
  within<T>(span: Span, work: () => T): T {
    return this.#underWay.run(span, work);
  }

  /** Counts once. */
  end(span: Span, attributes: Attributes = {}, failed = false): void {
    if (!span.sampled || span.endedAt !== undefined) return;
    span.endedAt = this.now();
    span.attributes = { ...span.attributes, ...attributes };
    span.failed = failed;
    this.#take(span);
  }

  /** Does this as a span of its own, and notes what `learned` says of what has come of it. Rejects as `work` does. */
  async during<T>(
    named: Named,
    work: (span: Span) => Promise<T>,
    learned: (value: T) => Attributes = () => ({}),
  ): Promise<T> {
    const span = this.begin(named, this.current);
    try {
      const value = await this.within(span, () => work(span));
      this.end(span, span.sampled ? learned(value) : {});
      return value;
    } catch (error) {
      this.end(span, { "error.type": errorType(error) }, true);
      throw error;
    }
  }
}

/** A word, and no sentence: what an error says may name what nobody is to read. */
const errorType = (error: unknown): string => {
  if (!(error instanceof Error)) return "unknown";
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" ? code : error.name;
};

/** A jump of the system's clock is followed as often. */
const ANCHOR_MS = 60_000;

/** The time of day to fractions of a millisecond, as `Date.now` has them not. */
export function preciseClock(): () => EpochMs {
  let anchoredAt = Number.NEGATIVE_INFINITY;
  let offset = 0;
  return () => {
    const elapsed = performance.now();
    if (elapsed - anchoredAt > ANCHOR_MS) {
      anchoredAt = elapsed;
      offset = Date.now() - elapsed;
    }
    return offset + elapsed;
  };
}
