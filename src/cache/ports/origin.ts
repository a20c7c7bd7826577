import type { FieldLines } from "../../policy/fields.ts";
import type { RefusalReason } from "../../policy/outcome.ts";
import type { Cut } from "../cut.ts";
import type { ByteStream } from "./body.ts";

export interface OriginRequest {
  readonly method: string;
  /** Request-target in origin form, bytes as they came. */
  readonly target: string;
  /** The client's Host, for origins that want it (PRESERVE_HOST). */
  readonly host: string;
  /** End-to-end fields, without Host. */
  readonly fields: FieldLines;
  /** A hint: they may begin with these, which come again with other requests as one object. */
  readonly firstFields?: FieldLines;
  readonly body?: RequestBody;
  /**
   * Hears of interim responses, 100 and 101 excepted, while the final one is awaited: a bounded
   * number of them, field lines as they came. Must not throw.
   */
  readonly onInterim?: (status: number, fields: FieldLines) => void;
}

export interface RequestBody {
  readonly stream: ByteStream;
  /** Content-Length in bytes; absent when the client sent chunks. */
  readonly length?: number;
}

export interface OriginResponse {
  readonly status: number;
  readonly statusMessage: string;
  /** Field lines as they came, framing and hop-by-hop ones still among them. */
  readonly fields: FieldLines;
  /** Rejects with OriginError when the body breaks off. */
  readonly body: ByteStream;
  /** The body ends where the connection does, so that nobody can tell whether it is whole (RFC 9112 §6.3). */
  readonly closeDelimited?: boolean;
  /** The trailer section (RFC 9110 §6.5), field lines as they came; empty until the body has ended cleanly. */
  readonly trailers?: () => FieldLines;
  /** Which origin answered, as scheme://host:port. */
  readonly origin: string;
}

/**
 * Where responses come from: a group of servers, the healthy ones of which take turns.
 * Rejects only with OriginError (or with the signal's reason); an HTTP 5xx is a response.
 */
export interface Origin {
  send(request: OriginRequest, signal: Cut): Promise<OriginResponse>;
  /** False when every origin is known to be down: then a stale answer is immediate. */
  anyHealthy(): boolean;
}

export class OriginError extends Error {
  override readonly name = "OriginError";
  readonly code:
    | "refused"
    | "connect"
    /** Its certificate is not believed: it is asked nothing (RFC 9110 §4.3.4). */
    | "certificate"
    | "timeout"
    | "reset"
    | "malformed"
    | "overloaded"
    | "no-healthy-origin"
    /** It answered a validation with 500, 502, 503 or 504: as good as no answer (RFC 9111 §4.3.3). */
    | "error-status";
  /** Which origin failed, as scheme://host:port; absent when none was chosen. */
  readonly origin: string | undefined;
  /** The status of an `error-status`. */
  readonly status: number | undefined;
  constructor(
    code: OriginError["code"],
    message: string,
    origin?: string,
    options?: ErrorOptions & { status?: number },
  ) {
    super(message, options);
    this.code = code;
    this.origin = origin;
    this.status = options?.status;
  }
}

/** The client-facing status and code for a failed origin: 504 on a timeout, 503 when too many wait for it, else 502. */
export function refusalFor(error: OriginError): {
  readonly status: 502 | 503 | 504;
  readonly code: RefusalReason;
} {
  switch (error.code) {
    case "timeout":
      return { status: 504, code: "origin_timeout" };
    case "overloaded":
      return { status: 503, code: "origin_overloaded" };
    case "no-healthy-origin":
      return { status: 502, code: "no_healthy_origin" };
    case "error-status":
      return { status: 502, code: "origin_error" };
    case "certificate":
      return { status: 502, code: "origin_certificate" };
    case "refused":
    case "connect":
    case "reset":
    case "malformed":
      return { status: 502, code: "origin_unreachable" };
  }
}
