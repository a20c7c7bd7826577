import type { FieldLines } from "../policy/fields.ts";

/** Where a trace has come to, as one hop tells the next (W3C Trace Context). */
export interface TraceParent {
  /** 32 hexadecimal digits, in lower case. */
  readonly traceId: string;
  /** 16 of them: the span that the next one is a part of. */
  readonly spanId: string;
  readonly sampled: boolean;
  /** The trace id is random in its last seven bytes (Level 2, §3.2.2.5.2). */
  readonly random: boolean;
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
const SAMPLED = 0x01;
const RANDOM = 0x02;

/** What a `traceparent` says; undefined where it is malformed, so that a new trace begins (§4.3). */
export function parseTraceParent(value: string): TraceParent | undefined {
  const [, version, traceId = "", spanId = "", flags = "", more] = FORM.exec(value) ?? [];
  if (version === undefined || version === "ff" || traceId === NO_TRACE || spanId === NO_SPAN)
    return undefined;
  // Of later versions what is known of this one counts, whatever follows (§3.2.4).
  if (version === "00" && more !== undefined) return undefined;
  const bits = Number.parseInt(flags, 16);
  const random = version === "00" && (bits & RANDOM) !== 0;
  return { traceId, spanId, sampled: (bits & SAMPLED) !== 0, random };
}

/** As it is sent: in version 00, with the flags that we know (§3.2.2.5). */
export function formatTraceParent({ traceId, spanId, sampled, random }: TraceParent): string {
  const flags = (sampled ? SAMPLED : 0) | (random ? RANDOM : 0);
  return `00-${traceId}-${spanId}-0${flags}`;
}

/** What these request fields say; several `traceparent` lines are as good as none. */
export function traceParentOf(fields: FieldLines): TraceParent | undefined {
  let found: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (!isNamed(fields[i] as string, "traceparent")) continue;
    if (found !== undefined) return undefined;
    found = fields[i + 1] as string;
  }
  return found === undefined ? undefined : parseTraceParent(found.trim());
}

/**
 * The request fields with this parent in place of what they had. `tracestate` goes on as it came where the
 * trace does, and ends with a trace that could not be read (§3.3.1.1).
 */
export function withTraceParent(fields: FieldLines, parent: TraceParent): string[] {
  const goesOn = traceParentOf(fields)?.traceId === parent.traceId;
  const lines: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] as string;
    if (isNamed(name, "traceparent") || (!goesOn && isNamed(name, "tracestate"))) continue;
    lines.push(name, fields[i + 1] as string);
  }
  lines.push("traceparent", formatTraceParent(parent));
  return lines;
}

/** Of most names the length says already that they are not this one. */
const isNamed = (name: string, lowerCase: string): boolean =>
  name.length === lowerCase.length && name.toLowerCase() === lowerCase;
