import type { StoredHead } from "../policy/admit.ts";
import { fieldValue, hasField, withoutOwnControls } from "../policy/fields.ts";
import { CACHE_NAME } from "../policy/forwarding.ts";
import {
  cacheStatusMember,
  type Outcome,
  RETRY_AFTER,
  type RefusalReason,
  sameOutcome,
  xCacheStatus,
} from "../policy/outcome.ts";
import { type RangeRequest, rangeOf } from "../policy/range.ts";
import { rememberingLast } from "../policy/repeated-lines.ts";
import type { EpochMs, Seconds } from "../policy/stored-response.ts";
import { isConditional, notModified, notModifiedFields } from "../policy/validate.ts";
import { type Body, bodyFrom, type CacheRequest, type CacheResponse, discard, NO_BODY } from "./exchange.ts";
import { completeLength, severalParts, singlePart } from "./partial-content.ts";
import type { PassedHead } from "./pass-on.ts";
import type { ByteStream } from "./ports/body.ts";
import type { Entry, Tier } from "./ports/store.ts";

const encoder = new TextEncoder();

/** The lines this hop adds to every answer, after the origin's. */
function ownFields(outcome: Outcome): string[] {
  return [
    "Via",
    `1.1 ${CACHE_NAME}`,
    "X-Cache-Status",
    xCacheStatus(outcome),
    "X-Cache",
    outcome.word,
    "Cache-Status",
    cacheStatusMember(CACHE_NAME, outcome),
  ];
}

/** Age on the wire: whole seconds, never more than has passed (RFC 9111 §5.1). */
const ageFields = (age: Seconds): string[] => ["Age", String(Math.floor(age))];

/** Remaining freshness in whole seconds, negative when stale (RFC 9211 §2.4). */
export const ttlOf = (stored: Pick<StoredHead, "freshnessLifetime">, age: Seconds): number =>
  Math.ceil(stored.freshnessLifetime - age);

/** The answer of a fresh stored response: a hit. */
export function fresh(
  request: RangeRequest,
  { entry, tier }: { readonly entry: Entry; readonly tier: Tier },
  age: Seconds,
  now: EpochMs,
): CacheResponse {
  const outcome: Outcome = { word: "HIT", body: "cache", ttl: ttlOf(entry.stored, age) };
  return fromEntry(request, entry, { outcome, age, now, tier });
}

/** A longer aspect is not worth keeping. */
const MAX_ASPECT_LENGTH = 256;

/**
 * What of a request the answer of one fresh stored response depends on: those of the same aspect get the
 * same answer, as long as `Age` and `ttl` are the same. Undefined where it depends on too much. Goes
 * with `fromEntry`.
 */
export function aspectOf({ method, fields }: RangeRequest): string | undefined {
  if (hasField(fields, "range")) return undefined;
  const noneMatch = fieldValue(fields, "if-none-match") ?? null;
  const modifiedSince = fieldValue(fields, "if-modified-since") ?? null;
  if (noneMatch === null && modifiedSince === null) return method;
  const aspect = JSON.stringify([method, noneMatch, modifiedSince]);
  return aspect.length > MAX_ASPECT_LENGTH ? undefined : aspect;
}

/**
 * An answer from the store: 304 to a client that has it, parts for a Range, no content for HEAD.
 * The entry has the bytes for it (policy/range.ts); throws TypeError or RangeError where not.
 *
 * To a request for the whole, what it says beside the stored lines and numbers depends on nothing of the response but its
 * `shape` (ports/store.ts): server/lane/composed.ts relies on that.
 */
export function fromEntry(
  request: RangeRequest,
  entry: Entry,
  { outcome, age, now, tier }: { outcome: Outcome; age: Seconds; now: EpochMs; tier?: Tier },
): CacheResponse {
  const { stored, body } = entry;
  const lines = withoutOwnControls(stored.fields);
  const own = [...ageFields(age), ...ownFields(outcome)];
  const aged = { ...outcome, age: Math.floor(age) };
  const common = {
    statusMessage: stored.statusMessage,
    outcome: aged,
    ...(tier === undefined ? {} : { tier }),
  };
  if (isConditional(request.fields) && notModified(request.fields, stored, now, "stored")) {
    const fields = [...notModifiedFields(lines), ...own];
    return { ...common, status: 304, statusMessage: "Not Modified", fields, body: NO_BODY };
  }
  const length = completeLength(entry);
  const range = rangeOf(request, stored, length, now);
  switch (range.type) {
    case "whole": {
      const { status, statusMessage } = wholeOf(request, stored);
      const framing = mayHaveContent(status) ? ["Content-Length", String(length)] : [];
      const fields = [...lines, ...framing, ...own];
      return { ...common, status, statusMessage, fields, body: bytesFor(request, status, body) };
    }
    case "part":
    case "parts": {
      const part =
        range.type === "part" ? singlePart(entry, lines, range) : severalParts(entry, lines, range.parts);
      return { ...common, ...part, fields: [...part.fields, ...own] };
    }
    case "unsatisfiable": {
      const fields = ["Content-Range", `bytes */${length}`, "Content-Length", "0", ...own];
      return { ...common, status: 416, statusMessage: "Range Not Satisfiable", fields, body: NO_BODY };
    }
  }
}

/** A part has only the head of the whole, and `decide` asks no more of it: never its bytes as a 200. */
function wholeOf(request: RangeRequest, { status, statusMessage, part }: Entry["stored"]) {
  if (part === undefined) return { status, statusMessage };
  if (request.method !== "HEAD") throw new TypeError("a part where the whole is asked for");
  return { status: 200, statusMessage: "OK" };
}

const mayHaveContent = (status: number): boolean => status >= 200 && status !== 204 && status !== 304;

const bytesFor = (request: RangeRequest, status: number, body: Entry["body"]): Body =>
  request.method === "HEAD" || !mayHaveContent(status) ? NO_BODY : bodyFrom(body);

/** An origin's lines with ours behind them. */
const answerLines = rememberingLast<Outcome>(
  (lines, outcome) => [...withoutOwnControls(lines), ...ownFields(outcome)],
  sameOutcome,
);

/** An answer whose body is on its way from an origin. */
export function fromStream(
  request: CacheRequest,
  response: PassedHead,
  stream: ByteStream,
  { outcome, now, origin }: { outcome: Outcome; now: EpochMs; origin: string },
): CacheResponse {
  if (isConditional(request.fields) && notModified(request.fields, response, now, "origin")) {
    void discard(stream);
    const fields = [...notModifiedFields(withoutOwnControls(response.fields)), ...ownFields(outcome)];
    return { status: 304, statusMessage: "Not Modified", fields, body: NO_BODY, outcome, origin };
  }
  const { status, statusMessage, trailers } = response;
  const fields = answerLines(response.fields, outcome);
  if (request.method === "HEAD" || !mayHaveContent(status)) {
    void discard(stream);
    return { status, statusMessage, fields, body: NO_BODY, outcome, origin };
  }
  const body: Body = { type: "stream", stream, ...(trailers === undefined ? {} : { trailers }) };
  return { status, statusMessage, fields, body, outcome, origin };
}

/** What a client is told of an origin that failed: addresses and libraries' words are for the log. */
const ORIGIN_SENTENCES: Readonly<Partial<Record<RefusalReason, string>>> = {
  no_healthy_origin: "no server is there that could answer",
  origin_unreachable: "the server behind this proxy gave no usable answer",
  origin_certificate: "the server behind this proxy could not show who it is",
  origin_error: "the server behind this proxy answered with an error",
  origin_timeout: "the server behind this proxy did not answer in time",
  origin_overloaded: "the server behind this proxy has too much to do",
};

/** An error that is Freshline's own, as JSON; `detail` is what it says, unless an origin failed. */
export function refusal(
  request: { readonly id: string; readonly method: string },
  status: number,
  code: RefusalReason,
  detail: string,
  outcome: Outcome,
  origin?: string,
): CacheResponse {
  const message = ORIGIN_SENTENCES[code] ?? detail;
  const answer = ownAnswer(request, status, { code, message, requestId: request.id }, outcome);
  return origin === undefined ? answer : { ...answer, origin };
}

/** An answer that is Freshline's own, as JSON that ends its line. */
export function ownAnswer(
  request: { readonly method: string },
  status: number,
  value: object,
  outcome: Outcome,
): CacheResponse {
  const bytes = encoder.encode(`${JSON.stringify(value)}\n`);
  return {
    status,
    statusMessage: "",
    fields: [
      "Content-Type",
      "application/json",
      "Content-Length",
      String(bytes.length),
      "Cache-Control",
      "no-store",
      "X-Content-Type-Options",
      "nosniff",
      ...(status === 503 ? ["Retry-After", String(RETRY_AFTER)] : []),
      ...ownFields(outcome),
    ],
    body: request.method === "HEAD" ? NO_BODY : { type: "bytes", bytes },
    outcome,
  };
}
