import { type Admission, type AdmissionSettings, admit, type StoredHead } from "../policy/admit.ts";
import { weaklyEqual } from "../policy/entity-tag.ts";
import { type FieldLines, fieldLineValues, hasField } from "../policy/fields.ts";
import { requestFieldsForOrigin } from "../policy/forwarding.ts";
import type { ExchangeTimes } from "../policy/freshness.ts";
import type { NotStoredReason } from "../policy/outcome.ts";
import { admitPart, partOf, sizeOf } from "../policy/partial.ts";
import { type Epoch, type EpochMs, hasValidator } from "../policy/stored-response.ts";
import { freshen, headConcerns, validationFields } from "../policy/validate.ts";
import { completedBy, restOf } from "./complete.ts";
import { type CacheRequest, discard } from "./exchange.ts";
import { interimFor } from "./pass-on.ts";
import { type Entry, type Origin, OriginError, type OriginResponse } from "./ports.ts";

/** What one exchange with an origin came to. An exchange that fails rejects with OriginError. */
export type Fetched =
  /** 304: the stored response is valid again, with these fields; `storable` when it may stay stored. */
  | {
      readonly type: "validated";
      readonly entry: Entry;
      readonly storable: boolean;
      readonly reason: NotStoredReason | undefined;
      readonly origin: string;
    }
  /** A response that may be stored once it has ended cleanly. */
  | {
      readonly type: "storable";
      readonly head: StoredHead;
      readonly response: OriginResponse;
      readonly epoch: Epoch;
      /** What its body has to measure in bytes, where it came as a part. */
      readonly length?: number;
      /** What the origin answered, where the response was made of more than that. */
      readonly fwdStatus?: number;
    }
  /** A response for the one who asked. */
  | {
      readonly type: "unstorable";
      readonly reason: NotStoredReason;
      readonly response: OriginResponse;
      /** What a HEAD's answer makes of the stored response: its new fields, or nothing of use. */
      readonly update?: Entry | "outdated";
    };

/** What the cache has of the resource. */
export interface Known {
  /** What an origin may validate. */
  readonly stale?: Entry;
  /** A part that lacks bytes of what is asked for, and may be completed. */
  readonly incomplete?: Entry;
}

/** How the client's conditions and range travel. */
export type FetchMode = "as-cache" | "keep-range" | "as-client";

interface FetchDeps {
  readonly origin: Origin;
  readonly settings: AdmissionSettings;
  readonly epoch: () => Epoch;
  readonly now: () => EpochMs;
}

/** Statuses of an origin that failed, which a validation may treat like silence (RFC 9111 §4.3.3, RFC 5861 §4). */
export const isFailure = (status: number): boolean =>
  status === 500 || status === 502 || status === 503 || status === 504;

/**
 * One exchange with an origin: asks (conditionally, when there is something to validate),
 * and says what the answer is to the cache. Stores nothing.
 */
export function createFetch({ origin, settings, epoch, now }: FetchDeps) {
  return async function fetch(
    request: CacheRequest,
    { stale, incomplete }: Known,
    mode: FetchMode,
    signal: AbortSignal,
    validate = true,
  ): Promise<Fetched> {
    const born = epoch();
    const requestTime = now();
    const fields = requestFieldsForOrigin(request, mode);
    const validating = validate && stale !== undefined && mode !== "as-client" && hasValidator(stale.stored);
    if (validating) fields.push(...validationFields(stale.stored));
    const rest =
      validate && mode === "as-cache" ? restOf(incomplete, settings.maxObjectBytes, requestTime) : undefined;
    if (rest !== undefined) fields.push(...rest.fields);
    const { method, target, host } = request;
    const response = await origin.send({ method, target, host, fields, ...interimFor(request) }, signal);
    const times = { requestTime, responseTime: now() };

    if (stale !== undefined && isFailure(response.status)) {
      void discard(response.body);
      const { status, origin: name } = response;
      throw new OriginError("error-status", `origin answered ${status}`, name, { status });
    }
    if (validating && response.status === 304) {
      void discard(response.body);
      if (!concerns(response.fields, stale)) return fetch(request, { stale }, mode, signal, false);
      const validation = freshen(
        stale.stored,
        { ...request, method: "GET" },
        response.fields,
        times,
        born,
        settings,
      );
      const { body, stored } = stale;
      if (validation.type === "store") {
        const entry = { stored: { ...validation.head, bodyLength: stored.bodyLength }, body };
        return { type: "validated", entry, storable: true, reason: undefined, origin: response.origin };
      }
      // It answers this request, and may not be kept for another.
      const entry = { stored: { ...stored, responseTime: times.responseTime, initialAge: 0 }, body };
      return {
        type: "validated",
        entry,
        storable: false,
        reason: validation.reason,
        origin: response.origin,
      };
    }
    if (request.method === "HEAD" && stale !== undefined && response.status === 200) {
      const update = updateByHead(request, stale, response, times, born);
      return { type: "unstorable", reason: "head-request", response, update };
    }
    if (rest !== undefined && (response.status === 206 || response.status === 416)) {
      const whole = completedBy(rest, request, response, times, born, settings);
      if (whole !== undefined) return judged(whole.response, whole.admission, born, { fwdStatus: 206 });
      // Not what was lacking, and no answer to a client that asked for no range.
      void discard(response.body);
      return fetch(request, {}, mode, signal, false);
    }
    if (request.method === "GET" && response.status === 206 && hasField(fields, "range")) {
      const part = partOf(response.fields);
      const admission = admitPart(request, response, times, born, settings);
      return judged(response, admission, born, part === undefined ? {} : { length: sizeOf(part) });
    }
    return judged(response, admit(request, response, times, born, settings), born);
  };

  function updateByHead(
    request: CacheRequest,
    { stored, body }: Entry,
    response: OriginResponse,
    times: ExchangeTimes,
    born: Epoch,
  ): Entry | "outdated" {
    if (!headConcerns(stored, response.fields)) return "outdated";
    const validation = freshen(stored, { ...request, method: "GET" }, response.fields, times, born, settings);
    if (validation.type === "discard") return "outdated";
    return { stored: { ...validation.head, bodyLength: stored.bodyLength }, body };
  }
}

export type Fetch = ReturnType<typeof createFetch>;

/** Storable, unless it may not be or nobody can tell whether it is whole. */
function judged(
  response: OriginResponse,
  admission: Admission,
  epoch: Epoch,
  more: Pick<Extract<Fetched, { type: "storable" }>, "length" | "fwdStatus"> = {},
): Fetched {
  if (admission.type === "discard") return { type: "unstorable", reason: admission.reason, response };
  if (response.closeDelimited === true) {
    const reason = response.status === 206 ? "partial" : "close-delimited";
    return { type: "unstorable", reason, response };
  }
  return { type: "storable", head: admission.head, response, epoch, ...more };
}

/** Is this 304 about what is stored (RFC 9111 §4.3.4)? One with another entity tag is not. */
function concerns(notModified: FieldLines, stale: Entry): boolean {
  const etag = fieldLineValues(notModified, "etag")[0];
  return etag === undefined || stale.stored.etag === undefined || weaklyEqual(etag, stale.stored.etag);
}
