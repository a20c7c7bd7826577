import { type Admission, type AdmissionSettings, admit, type StoredHead } from "../policy/admit.ts";
import { hasField } from "../policy/fields.ts";
import { ownRequestFields, passedRequestFields } from "../policy/forwarding.ts";
import { correctedInitialAge, type ExchangeTimes } from "../policy/freshness.ts";
import type { NotStoredReason } from "../policy/outcome.ts";
import { admitPart, partOf, sizeOf } from "../policy/partial.ts";
import { type Epoch, type EpochMs, hasValidator } from "../policy/stored-response.ts";
import {
  freshen,
  headConcerns,
  identifies,
  isConditional,
  validatedFields,
  validationFields,
} from "../policy/validate.ts";
import { completedBy, restOf } from "./complete.ts";
import type { Cut } from "./cut.ts";
import { type CacheRequest, discard } from "./exchange.ts";
import { interimFor } from "./pass-on.ts";
import { type Origin, OriginError, type OriginResponse } from "./ports/origin.ts";
import type { Entry } from "./ports/store.ts";

/** What one exchange with an origin came to. An exchange that fails rejects with OriginError. */
export type Fetched =
  /** 304: the stored response is valid again, with these fields; `storable` when it may stay stored. */
  | {
      readonly type: "validated";
      readonly entry: Entry;
      /** The same for the one who asked, with what the 304 says to this client alone. */
      readonly answer: Entry;
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

/** The answer of an origin that failed, as the failure that it is. */
export const failureOf = ({ status, origin }: OriginResponse): OriginError =>
  new OriginError("error-status", `origin answered ${status}`, origin, { status });

/**
 * One exchange with an origin: asks (conditionally, when there is something to validate),
 * and says what the answer is to the cache. Stores nothing.
 */
export function createFetch({ origin, settings, epoch, now }: FetchDeps) {
  return async function fetch(
    request: CacheRequest,
    { stale, incomplete }: Known,
    mode: FetchMode,
    signal: Cut,
    validate = true,
  ): Promise<Fetched> {
    const born = epoch();
    const requestTime = now();
    const firstFields = passedRequestFields(request, mode, settings.unkeyed);
    const fields = [...firstFields, ...ownRequestFields(request)];
    const validating = validate && stale !== undefined && mode !== "as-client" && hasValidator(stale.stored);
    if (validating) fields.push(...validationFields(stale.stored));
    const rest =
      mode === "as-cache" && incomplete !== undefined
        ? await restOf(incomplete, settings.maxObjectBytes, requestTime)
        : undefined;
    if (rest !== undefined) fields.push(...rest.fields);
    const { method, target, host } = request;
    const sent = { method, target, host, fields, firstFields, ...interimFor(request) };
    const response = await origin.send(sent, signal);
    const times = { requestTime, responseTime: now() };

    if (response.status === 304 && !isConditional(fields)) {
      // It says that something is unmodified, and nobody has asked about anything (RFC 9110 §15.4.5).
      void discard(response.body);
      throw new OriginError(
        "malformed",
        "origin answered 304 to a request without conditions",
        response.origin,
      );
    }
    if (stale !== undefined && isFailure(response.status)) {
      void discard(response.body);
      throw failureOf(response);
    }
    if (validating && response.status === 304) {
      void discard(response.body);
      if (!identifies(response.fields, stale.stored, times.responseTime))
        return fetch(request, { stale }, mode, signal, false);
      return validated(request, stale, response, times, born);
    }
    if (request.method === "HEAD" && stale !== undefined && response.status === 200) {
      const update = updateByHead(request, stale, response, times, born);
      const judged = { type: "unstorable", reason: "head-request", response } as const;
      return update === undefined ? judged : { ...judged, update };
    }
    if (rest !== undefined && (response.status === 206 || response.status === 416)) {
      const whole = completedBy(rest, request, response, times, born, settings);
      if (whole !== undefined) return judged(whole.response, whole.admission, born, { fwdStatus: 206 });
      // Not what was lacking, and no answer to a client that asked for no range.
      void discard(response.body);
      return fetch(request, {}, mode, signal);
    }
    if (request.method === "GET" && response.status === 206 && hasField(fields, "range")) {
      const part = partOf(response.fields);
      const admission = admitPart(request, response, times, born, settings);
      return judged(response, admission, born, part === undefined ? {} : { length: sizeOf(part) });
    }
    return judged(response, admit(request, response, times, born, settings), born);
  };

  function validated(
    request: CacheRequest,
    { stored, body }: Entry,
    response: OriginResponse,
    times: ExchangeTimes,
    born: Epoch,
  ): Fetched {
    const asked = { ...request, method: "GET" };
    const validation = freshen(stored, asked, response.fields, times, born, settings);
    const { responseTime } = times;
    const initialAge = correctedInitialAge(response.fields, times);
    const fields = validatedFields(stored.fields, response.fields, responseTime);
    const answer = { stored: { ...stored, fields, responseTime, initialAge }, body };
    const storable = validation.type === "store";
    // What may not be kept for another answers this request all the same.
    const entry = storable ? { stored: { ...validation.head, bodyLength: stored.bodyLength }, body } : answer;
    const reason = storable ? undefined : validation.reason;
    return { type: "validated", entry, answer, storable, reason, origin: response.origin };
  }

  function updateByHead(
    request: CacheRequest,
    { stored, body }: Entry,
    response: OriginResponse,
    times: ExchangeTimes,
    born: Epoch,
  ): Entry | "outdated" | undefined {
    if (!headConcerns(stored, response.fields)) return "outdated";
    const { uri, fields } = request;
    // Its fields may be for this client alone, and then say nothing of what is stored for others.
    if (settings.unkeyed.whyAlone(request, { uri, fields: response.fields, shareable: true }) !== undefined)
      return undefined;
    const validation = freshen(
      stored,
      { method: "GET", uri, fields },
      response.fields,
      times,
      born,
      settings,
    );
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
