import { errors } from "undici";
import { OriginError } from "../cache/ports/origin.ts";
import { LaneFault } from "./lane/fault.ts";

/** How far an attempt came: nothing stood, the connection stood, a first byte of a response came, its head was complete. */
export type Progress = "unconnected" | "connected" | "response-began" | "head-arrived";

/** What a failed attempt leaves behind besides its code: is it safe to try once more, and where? */
export interface AttemptFacts {
  readonly progress: Progress;
  /** An earlier request had used the same connection: it may have died of idleness, not of this request. */
  readonly connectionReused: boolean;
  /** The request's own body broke off. */
  readonly requestBroke?: boolean;
}

/** An OriginError that remembers how far its attempt came. */
export class AttemptError extends OriginError {
  readonly facts: AttemptFacts;
  constructor(
    code: OriginError["code"],
    message: string,
    origin: string,
    facts: AttemptFacts,
    options?: ErrorOptions,
  ) {
    super(code, message, origin, options);
    this.facts = facts;
  }
}

/**
 * Says in the port's words what undici, the lane or a socket said in theirs.
 *
 * The phase decides first: whatever happens before the connection stands is `refused`, `certificate`
 * or `connect`, even a reset or a time-out, unless it is this side that lacks something.
 */
export function attemptError(cause: unknown, origin: string, facts: AttemptFacts): AttemptError {
  const code = codeOf(cause);
  return new AttemptError(
    originCode(cause, code, facts),
    `${origin}: ${messageOf(cause) || code}`,
    origin,
    facts,
    { cause },
  );
}

/** This machine has no descriptor, port or memory for one more connection. */
const SHORTAGES: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"]);

/** What OpenSSL and Node find wrong with a certificate that was shown (node:tls, "X509 certificate error codes"). */
const CERTIFICATE_ERRORS: ReadonlySet<string> = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REVOKED",
  "CERT_REJECTED",
  "CERT_UNTRUSTED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_CHAIN_TOO_LONG",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "HOSTNAME_MISMATCH",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

function originCode(cause: unknown, code: string, { progress }: AttemptFacts): OriginError["code"] {
  if (cause instanceof LaneFault) return cause.says;
  switch (code) {
    // The request itself cannot be written, or the client is closed: no connection was tried.
    case "UND_ERR_INVALID_ARG":
    case "UND_ERR_NOT_SUPPORTED":
      return "malformed";
    case "UND_ERR_DESTROYED":
    case "UND_ERR_CLOSED":
      return "reset";
  }
  if (progress === "unconnected") {
    if (SHORTAGES.has(code)) return "overloaded";
    if (CERTIFICATE_ERRORS.has(code)) return "certificate";
    return isRefusal(cause, code) ? "refused" : "connect";
  }
  switch (code) {
    case "UND_ERR_HEADERS_TIMEOUT":
    case "UND_ERR_BODY_TIMEOUT":
    case "ETIMEDOUT":
      return "timeout";
    // Short of its length, if the head was good; a contradiction in the head, if not.
    case "UND_ERR_RES_CONTENT_LENGTH_MISMATCH":
      return progress === "head-arrived" ? "reset" : "malformed";
    case "UND_ERR_HEADERS_OVERFLOW":
    // undici asserts that a status is at least 100.
    case "ERR_ASSERTION":
      return "malformed";
  }
  // Node's parser sets the code; undici's is the same parser, and does not.
  if (code.startsWith("HPE_") || cause instanceof errors.HTTPParserError) {
    // The connection ended where the message did not: cut off, not nonsense.
    return /invalid eof state/i.test(messageOf(cause)) || code === "HPE_INVALID_EOF_STATE"
      ? "reset"
      : "malformed";
  }
  return isUnexpectedResponse(cause) ? "malformed" : "reset";
}

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : "unknown";

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : "");

/** A name with several addresses fails with one error for each; one open door that was slammed is a refusal. */
const isRefusal = (cause: unknown, code: string): boolean =>
  code === "ECONNREFUSED" ||
  (cause instanceof AggregateError && cause.errors.some((each) => codeOf(each) === "ECONNREFUSED"));

/** undici's words for a 100 or a 101 that nobody asked for. */
const isUnexpectedResponse = (cause: unknown): boolean =>
  cause instanceof errors.SocketError &&
  (cause.message === "bad response" || cause.message === "bad upgrade");

/** Was there no room on our side to ask at all? */
export const isShortage = (error: unknown): boolean =>
  error instanceof AttemptError && error.code === "overloaded";

/** Failures of a connection that are the origin's. */
const UNREACHED: ReadonlySet<OriginError["code"]> = new Set<OriginError["code"]>([
  "refused",
  "connect",
  "certificate",
]);

/** Does the failure say anything about the origin? Not what our side did, nor a connection that had died of idleness. */
export function blamesOrigin(error: OriginError): boolean {
  if (!(error instanceof AttemptError)) return false;
  const { progress, connectionReused, requestBroke } = error.facts;
  if (requestBroke === true || (connectionReused && error.code === "reset")) return false;
  return progress !== "unconnected" || UNREACHED.has(error.code);
}
