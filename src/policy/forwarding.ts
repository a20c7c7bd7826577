import {
  CONDITIONAL_FIELDS,
  type FieldLines,
  fieldValue,
  HOP_BY_HOP,
  OWN_RESPONSE_FIELDS,
  withNamedByConnection,
  withoutFields,
} from "./fields.ts";
import { withValidCacheStatus } from "./outcome.ts";
import { rememberingLast, rememberingLinesOf } from "./repeated-lines.ts";
import { DEBUG_FIELD } from "./trace.ts";
import type { UnkeyedFields } from "./unkeyed-fields.ts";

/** The pseudonym in Via and the name in Cache-Status (RFC 9110 §7.6.3, RFC 9211 §2). */
export const CACHE_NAME = "freshline";

/** Where a request came from, as the server has established it; what untrusted peers claimed is not in here. */
export interface ForwardedFor {
  /** The list for X-Forwarded-For, the client's address last. */
  readonly for: string;
  readonly host: string;
  readonly proto: "http" | "https";
}

/**
 * Never passed on as the client sent it: this hop writes them anew. Host is the origin's own,
 * Content-Length comes with the body, and an expectation has been met already.
 */
const REWRITTEN: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "expect",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-request-id",
  DEBUG_FIELD,
  "via",
]);

/** More than any chain of proxies has; a greater number counts as this one (RFC 9110 §7.6.2). */
const MAX_FORWARDS = 255;

/**
 * How many hops an OPTIONS or TRACE request may still be forwarded by, this one included
 * (RFC 9110 §7.6.2). Undefined when it does not say so legibly, and for other methods, for which
 * the field means nothing.
 */
export function forwardsLeft({
  method,
  fields,
}: {
  readonly method: string;
  readonly fields: FieldLines;
}): number | undefined {
  if (method !== "OPTIONS" && method !== "TRACE") return undefined;
  const value = fieldValue(fields, "max-forwards");
  return value !== undefined && /^\d+$/.test(value) ? Math.min(Number(value), MAX_FORWARDS) : undefined;
}

/** For whom the origin is asked: the client as it asked, or the cache, which answers conditions and ranges itself. */
type AskedFor = "as-cache" | "keep-range" | "as-client";

const END_HERE = [...HOP_BY_HOP, ...REWRITTEN];

const NOT_PASSED: Readonly<Record<AskedFor, ReadonlySet<string>>> = {
  // What would make the answer another than the whole, unconditional representation.
  "as-cache": new Set([...END_HERE, ...CONDITIONAL_FIELDS, "range"]),
  "keep-range": new Set([...END_HERE, "if-none-match", "if-modified-since"]),
  "as-client": new Set(END_HERE),
};

/**
 * The field lines for the origin (RFC 9110 §7.6): `as-cache` without the client's conditions and range,
 * `keep-range` with its range, and If-Range as the condition on that. What is in no key and changes
 * answers stays here.
 */
export const requestFieldsForOrigin = (
  request: ForwardedRequest,
  asked: AskedFor,
  unkeyed: UnkeyedFields,
): string[] => [...passedRequestFields(request, asked, unkeyed), ...ownRequestFields(request)];

/** Those at the end, which each request has for itself. */
export const ownRequestFields = ({
  id,
  fields,
  httpVersion,
}: Pick<ForwardedRequest, "id" | "fields" | "httpVersion">): string[] => [
  "X-Request-Id",
  id,
  "Via",
  appendedVia(fields, httpVersion),
];

/** A request as far as it decides what goes on of it. */
interface ForwardedRequest {
  readonly method: string;
  readonly fields: FieldLines;
  readonly id: string;
  readonly forwarded: ForwardedFor;
  readonly httpVersion?: string;
}

/** Those at the beginning that are the same for all requests with the same field lines; one object where these are. */
export const passedRequestFields = (
  { fields, method, forwarded }: Omit<ForwardedRequest, "id">,
  asked: AskedFor,
  unkeyed: UnkeyedFields,
): FieldLines => passedFields(fields, { method, forwarded, asked, unkeyed });

interface Passing extends Pick<ForwardedRequest, "method" | "forwarded"> {
  readonly asked: AskedFor;
  readonly unkeyed: UnkeyedFields;
}

const passedFields = rememberingLast<Passing>(
  (fields, { method, forwarded, asked, unkeyed }) => {
    const left = forwardsLeft({ method, fields });
    const names = withNamedByConnection(NOT_PASSED[asked], fields);
    const notPassed = left === undefined ? names : new Set([...names, "max-forwards"]);
    const lines = unkeyed.withoutStripped(fields, method, notPassed);
    if (left !== undefined) lines.push("Max-Forwards", String(Math.max(0, left - 1)));
    lines.push("X-Forwarded-For", forwarded.for);
    lines.push("X-Forwarded-Host", forwarded.host);
    lines.push("X-Forwarded-Proto", forwarded.proto);
    return lines;
  },
  (one, other) =>
    one.method === other.method &&
    one.asked === other.asked &&
    one.unkeyed === other.unkeyed &&
    one.forwarded.for === other.forwarded.for &&
    one.forwarded.host === other.forwarded.host &&
    one.forwarded.proto === other.forwarded.proto,
);

const NOT_PASSED_BACK: ReadonlySet<string> = new Set([...HOP_BY_HOP, ...OWN_RESPONSE_FIELDS]);

/** The origin's lines that reach the client unchanged: end-to-end (RFC 9110 §7.6.1), and not ours to write. */
export const passedResponseFields = rememberingLinesOf((fields) =>
  withValidCacheStatus(withoutFields(fields, withNamedByConnection(NOT_PASSED_BACK, fields))),
);

const CONTENT_LENGTH: ReadonlySet<string> = new Set(["content-length"]);

/** The lines of an interim response that reach the client; one with a length would be misread (RFC 9110 §8.6). */
export const passedInterimFields = (fields: FieldLines): string[] =>
  withoutFields(passedResponseFields(fields), CONTENT_LENGTH);

/** Via with this hop at its end, and the version of HTTP that it was asked in (RFC 9110 §7.6.3). */
const appendedVia = (fields: FieldLines, version = "1.1"): string => {
  const before = fieldValue(fields, "via");
  return before === undefined ? `${version} ${CACHE_NAME}` : `${before}, ${version} ${CACHE_NAME}`;
};
