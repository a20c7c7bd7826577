import { type AdmissionSettings, admit, type StoredHead } from "../policy/admit.ts";
import { weaklyEqual } from "../policy/entity-tag.ts";
import { type FieldLines, fieldLineValues } from "../policy/fields.ts";
import { requestFieldsForOrigin } from "../policy/forwarding.ts";
import type { NotStoredReason } from "../policy/outcome.ts";
import { type Epoch, type EpochMs, hasValidator } from "../policy/stored-response.ts";
import { freshen, validationFields } from "../policy/validate.ts";
import { type CacheRequest, discard } from "./exchange.ts";
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
    }
  /** A response for the one who asked. */
  | { readonly type: "unstorable"; readonly reason: NotStoredReason; readonly response: OriginResponse };

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
    stale: Entry | undefined,
    mode: FetchMode,
    signal: AbortSignal,
    validate = true,
  ): Promise<Fetched> {
    const born = epoch();
    const requestTime = now();
    const fields = requestFieldsForOrigin(request, mode);
    const validating = validate && stale !== undefined && mode === "as-cache" && hasValidator(stale.stored);
    if (validating) fields.push(...validationFields(stale.stored));
    const { method, target, host } = request;
    const response = await origin.send({ method, target, host, fields }, signal);
    const times = { requestTime, responseTime: now() };

    if (stale !== undefined && isFailure(response.status)) {
      void discard(response.body);
      const { status, origin: name } = response;
      throw new OriginError("error-status", `origin answered ${status}`, name, { status });
    }
    if (validating && response.status === 304) {
      void discard(response.body);
      if (!concerns(response.fields, stale)) return fetch(request, stale, mode, signal, false);
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
    const admission = admit(request, response, times, born, settings);
    if (admission.type === "discard") return { type: "unstorable", reason: admission.reason, response };
    if (response.closeDelimited === true) return { type: "unstorable", reason: "close-delimited", response };
    return { type: "storable", head: admission.head, response, epoch: born };
  };
}

export type Fetch = ReturnType<typeof createFetch>;

/** Is this 304 about what is stored (RFC 9111 §4.3.4)? One with another entity tag is not. */
function concerns(notModified: FieldLines, stale: Entry): boolean {
  const etag = fieldLineValues(notModified, "etag")[0];
  return etag === undefined || stale.stored.etag === undefined || weaklyEqual(etag, stale.stored.etag);
}
