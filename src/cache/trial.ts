import type { AdmissionSettings } from "../policy/admit.ts";
import { endToEnd } from "../policy/fields.ts";
import type { ReasonCode } from "../policy/reasons.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import type { SeenResponse } from "../policy/symptoms.ts";
import { windowsOf } from "../policy/windows.ts";
import { type CacheRequest, discard } from "./exchange.ts";
import { type ShownTrial, shownFields, shownWindows, told, unstorable } from "./explanation.ts";
import type { Fetch, Fetched } from "./fetch.ts";
import { OriginError, refusalFor } from "./ports/origin.ts";

/** What became of one request that was made to be explained. */
export interface Trial {
  readonly shown: ShownTrial;
  readonly code: ReasonCode;
  /** Absent where no answer came. */
  readonly seen?: SeenResponse;
}

interface TrialDeps {
  readonly fetch: Fetch;
  readonly admission: AdmissionSettings;
  readonly now: () => EpochMs;
}

/** For an answer's head; its body is not waited for. */
const PATIENCE_MS = 10_000;

/** Asks an origin as the cache would if nothing were stored, stores nothing, and says what would become of the answer. */
export function createTrial({ fetch, admission, now }: TrialDeps) {
  return async function trial(request: CacheRequest): Promise<Trial | undefined> {
    // What may change something is not sent to be explained.
    if (request.method !== "GET" && request.method !== "HEAD") return undefined;
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      return judged(await fetch({ ...request, method: "GET" }, {}, "as-cache", signal));
    } catch (error) {
      const failure =
        error instanceof OriginError ? error : new OriginError("timeout", String(error), undefined);
      const { code } = refusalFor(failure);
      return { shown: { would: "fail", detail: failure.message, ...told(code) }, code };
    }
  };

  function judged(fetched: Fetched): Trial | undefined {
    // Nothing stored was named, so that nothing was validated.
    if (fetched.type === "validated") return undefined;
    const { response } = fetched;
    void discard(response.body);
    const { status, fields, origin } = response;
    const head = { origin, status, fields: shownFields(endToEnd(fields)) };
    const seen = { status, fields, origin, responseTime: now(), live: true };
    if (fetched.type === "unstorable") {
      const { reason } = fetched;
      return { shown: { ...head, ...unstorable(reason) }, code: reason, seen };
    }
    const stored = { ...fetched.head, bodyLength: 0 };
    const windows = shownWindows(windowsOf(stored, admission, false));
    return {
      shown: { ...head, would: "be stored", ...told("stored"), ...windows },
      code: "stored",
      seen: { ...seen, lifetime: Math.max(0, stored.freshnessLifetime - stored.initialAge) },
    };
  }
}
