import { type AdmissionSettings, admit } from "../policy/admit.ts";
import { invalidatedGroups } from "../policy/cache-groups.ts";
import { requestFieldsForOrigin } from "../policy/forwarding.ts";
import type { ExchangeTimes } from "../policy/freshness.ts";
import { invalidatedUris, isSafe } from "../policy/invalidate.ts";
import { siteOf } from "../policy/key.ts";
import type { BypassReason, Outcome } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { MAX_TAGS } from "../policy/tags.ts";
import type { Answers } from "./answers.ts";
import type { CacheRequest, CacheResponse, Keying } from "./exchange.ts";
import type { Keep } from "./keep.ts";
import { interimFor, passedOn } from "./pass-on.ts";
import type { ByteStream } from "./ports/body.ts";
import { type Origin, OriginError, type OriginRequest, type OriginResponse } from "./ports/origin.ts";
import type { PurgeTarget } from "./ports/purge-log.ts";
import type { Purges } from "./purges.ts";
import { fromStream } from "./respond.ts";
import type { SearchVariances } from "./search-variances.ts";

interface PassDeps {
  readonly origin: Origin;
  readonly keep: Keep;
  readonly purges: Purges;
  readonly variances: SearchVariances;
  readonly admission: AdmissionSettings;
  readonly keying: Keying;
  readonly answers: Answers;
  readonly now: () => EpochMs;
}

/** Failures of requests that no origin has seen. */
const UNSENT: ReadonlySet<OriginError["code"]> = new Set<OriginError["code"]>([
  "refused",
  "connect",
  "certificate",
  "overloaded",
  "no-healthy-origin",
]);

/** Passes requests that the cache has no part in; unsafe ones invalidate (RFC 9111 §4.4). */
export function createPass(deps: PassDeps) {
  const { origin, keep, purges, variances, admission, keying, answers, now } = deps;
  return async function pass(request: CacheRequest, reason: BypassReason): Promise<CacheResponse> {
    const fwd = reason === "method" ? "method" : "bypass";
    const outcome: Outcome = { word: "BYPASS", body: "origin", fwd, reason };
    const fields = requestFieldsForOrigin(request, "as-client", admission.unkeyed);
    const { method, target, host, body } = request;
    const requestTime = now();
    try {
      const response = await send(request, {
        method,
        target,
        host,
        fields,
        ...(body === undefined ? {} : { body }),
        ...interimFor(request),
      });
      const times = { requestTime, responseTime: now() };
      const invalid = invalidatedBy(request, response);
      if (invalid.length > 0) await purges.invalidate(invalid);
      const stored = method === "POST" ? storePost(request, response, times) : undefined;
      const lines = passedOn(response, now());
      const answered = { ...outcome, fwdStatus: response.status };
      // Whatever conditions there were, the origin has judged them.
      return fromStream({ ...request, fields: [] }, lines, stored ?? response.body, {
        outcome: stored === undefined ? answered : { ...answered, stored: true },
        now: now(),
        origin: response.origin,
      });
    } catch (error) {
      return answers.failed({ request, fwd, fallback: false }, error);
    }
  };

  /** Where an unsafe request was sent and nothing came back, nobody knows what it has changed. */
  async function send(request: CacheRequest, sent: OriginRequest): Promise<OriginResponse> {
    try {
      return await origin.send(sent, request.signal);
    } catch (error) {
      const unsent = error instanceof OriginError && UNSENT.has(error.code);
      if (!isSafe(request.method) && !unsent) await purges.invalidate(urls([request.uri]));
      throw error;
    }
  }

  /** What the answer to an unsafe request makes invalid: URIs (RFC 9111 §4.4) and groups (RFC 9875 §3). */
  function invalidatedBy(request: CacheRequest, response: OriginResponse): PurgeTarget[] {
    const site = siteOf(request.uri);
    const groups = invalidatedGroups(request, response);
    return [
      ...urls(invalidatedUris(request, response, keying.ignoredParameters)),
      ...(groups.length > MAX_TAGS
        ? [{ type: "site" as const, site }]
        : groups.map((group): PurgeTarget => ({ type: "group", site, group }))),
    ];
  }

  function urls(uris: readonly string[]): PurgeTarget[] {
    const keys = new Set(uris.flatMap((uri) => [uri, variances.keyFor(uri)]));
    return [...keys].map((key): PurgeTarget => ({ type: "url", key }));
  }

  /** The body of a POST's answer that is kept for later GETs (RFC 9110 §9.3.3), born after its own invalidation. */
  function storePost(
    request: CacheRequest,
    response: OriginResponse,
    times: ExchangeTimes,
  ): ByteStream | undefined {
    // Neither this request nor any response to it (RFC 9111 §5.2.1.5).
    if (request.directives.noStore) return undefined;
    const { epoch } = purges;
    const admitted = admit(request, response, times, epoch, admission);
    if (admitted.type === "discard" || response.closeDelimited === true) return undefined;
    return keep
      .launch(request.uri, { type: "storable", head: admitted.head, response, epoch }, () => {})
      .read();
  }
}
