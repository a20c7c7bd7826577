import { randomFillSync } from "node:crypto";
import type { EpochMs } from "../policy/stored-response.ts";
import type { TraceParent } from "./trace-context.ts";

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** As OTLP numbers them. */
export const SPAN_KIND = { internal: 1, server: 2, client: 3 } as const;
export type SpanKind = keyof typeof SPAN_KIND;

/** Something that happened within a span. */
export interface SpanEvent {
  readonly name: string;
  readonly at: EpochMs;
  readonly attributes: Attributes;
}

/** Of one span more are not noted. */
const MAX_EVENTS = 16;

interface SpanOptions {
  readonly name: string;
  readonly kind: SpanKind;
  readonly traceId: string;
  /** The span that it is a part of; undefined where a trace begins with it. */
  readonly parentId: string | undefined;
  /** False: it is passed on and not recorded. */
  readonly sampled: boolean;
  readonly random: boolean;
  readonly startedAt: EpochMs;
}

/** A part of what is done for a request, and how long it took. Times have fractions of a millisecond. */
export class Span implements TraceParent {
  readonly traceId: string;
  readonly spanId: string = randomSpanId();
  readonly sampled: boolean;
  readonly random: boolean;
  readonly parentId: string | undefined;
  readonly kind: SpanKind;
  readonly startedAt: EpochMs;
  name: string;
  endedAt: EpochMs | undefined;
  failed = false;
  attributes: Attributes = {};
  readonly events: SpanEvent[] = [];

  constructor(options: SpanOptions) {
    this.name = options.name;
    this.kind = options.kind;
    this.traceId = options.traceId;
    this.parentId = options.parentId;
    this.sampled = options.sampled;
    this.random = options.random;
    this.startedAt = options.startedAt;
  }

  note(name: string, at: EpochMs, attributes: Attributes): void {
    if (this.sampled && this.events.length < MAX_EVENTS) this.events.push({ name, at, attributes });
  }
}

/** Random bytes are cheap only by the thousand. */
const random = Buffer.alloc(4096);
let used = random.length;

function randomHex(bytes: number): string {
  if (used + bytes > random.length) {
    randomFillSync(random);
    used = 0;
  }
  used += bytes;
  return random.toString("hex", used - bytes, used);
}

export const randomTraceId = (): string => randomHex(16);
const randomSpanId = (): string => randomHex(8);
