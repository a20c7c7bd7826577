import type { EpochMs } from "../policy/stored-response.ts";
import { type Attributes, SPAN_KIND, type Span, type SpanEvent } from "./span.ts";

/* Spans as OTLP/HTTP takes them in JSON: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding */

/** Longer values are cut. */
const MAX_VALUE_LENGTH = 1024;
const STATUS_ERROR = 2;

/** One span that has ended. */
export function spanJson(span: Span): string {
  const { traceId, spanId, parentId, name, startedAt, endedAt = startedAt, events } = span;
  let json = `{"traceId":"${traceId}","spanId":"${spanId}"`;
  if (parentId !== undefined) json += `,"parentSpanId":"${parentId}"`;
  json += `,"name":${JSON.stringify(name)},"kind":${SPAN_KIND[span.kind]}`;
  json += `,"startTimeUnixNano":"${nanos(startedAt)}","endTimeUnixNano":"${nanos(endedAt)}"`;
  json += `,"attributes":${attributesJson(span.attributes)}`;
  if (events.length > 0) json += `,"events":[${events.map(eventJson).join()}]`;
  return `${json}${span.failed ? `,"status":{"code":${STATUS_ERROR}}` : ""}}`;
}

/** What is the same for every request of a process: all before and all behind its spans. */
export function envelope(resource: Attributes): readonly [before: string, behind: string] {
  const before = `{"resourceSpans":[{"resource":{"attributes":${attributesJson(resource)}},"scopeSpans":[{"scope":{"name":"freshline"},"spans":[`;
  return [before, "]}]}]}"];
}

const eventJson = ({ name, at, attributes }: SpanEvent): string =>
  `{"timeUnixNano":"${nanos(at)}","name":${JSON.stringify(name)},"attributes":${attributesJson(attributes)}}`;

function attributesJson(attributes: Attributes): string {
  const all: string[] = [];
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined) all.push(`{"key":${JSON.stringify(key)},"value":${valueJson(value)}}`);
  return `[${all.join()}]`;
}

function valueJson(value: string | number | boolean): string {
  if (typeof value === "string")
    return `{"stringValue":${JSON.stringify(value.slice(0, MAX_VALUE_LENGTH).toWellFormed())}}`;
  if (typeof value === "boolean") return `{"boolValue":${value}}`;
  // An integer of 64 bits is text in JSON.
  return Number.isInteger(value) ? `{"intValue":"${value}"}` : `{"doubleValue":${value}}`;
}

/** More digits than a number of JavaScript has. */
function nanos(at: EpochMs): string {
  const whole = Math.floor(at);
  return `${whole}${String(Math.floor((at - whole) * 1e6)).padStart(6, "0")}`;
}
