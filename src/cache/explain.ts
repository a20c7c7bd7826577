import type { AdmissionSettings } from "../policy/admit.ts";
import { type Advice, adviceFor } from "../policy/advice.ts";
import { NOTHING_ASKED, requestDirectives } from "../policy/cache-control.ts";
import { codeOf, codeOfDecision } from "../policy/codes.ts";
import { decide } from "../policy/decide.ts";
import type { FieldLines } from "../policy/fields.ts";
import { currentAge } from "../policy/freshness.ts";
import { variantId, variantMatches, withoutParameters } from "../policy/key.ts";
import type { ReasonCode } from "../policy/reasons.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import type { SeenResponse } from "../policy/symptoms.ts";
import { traceOf } from "../policy/trace.ts";
import type { CacheRequest, CacheResponse, Keying } from "./exchange.ts";
import type { Explanation } from "./explanation.ts";
import { shownBody, shownInstances, shownStored, shownVariants, told } from "./explanation.ts";
import type { Fetch } from "./fetch.ts";
import type { LastAnswers } from "./last-answers.ts";
import { leftByPurges } from "./lookup.ts";
import { ownRequest } from "./own-request.ts";
import type { Inspected, Store } from "./ports/store.ts";
import { EVER, NEVER } from "./purge-memory.ts";
import type { Purges } from "./purges.ts";
import { answersUri, type SearchVariances } from "./search-variances.ts";
import { createTrial, type Trial } from "./trial.ts";
import type { UncacheableKeys } from "./uncacheable.ts";
import type { Whereabouts } from "./whereabouts.ts";

/** Which request is to be explained. */
export interface Asked {
  readonly method: string;
  readonly proto: "http" | "https";
  /** Absent: the proxy's own default. */
  readonly host?: string;
  /** Request-target in origin form. */
  readonly target: string;
  readonly fields: FieldLines;
  /** Ask an origin, and say what would become of its answer; it is not stored. */
  readonly fetch: boolean;
  /** Show the stored body, too. */
  readonly body: boolean;
  /** Do not ask other instances where they have it. */
  readonly alone?: boolean;
}

interface ExplainDeps {
  readonly store: Store;
  readonly purges: Purges;
  readonly variances: SearchVariances;
  readonly uncacheable: UncacheableKeys;
  readonly answers: LastAnswers;
  /** Absent where there are no other instances. */
  readonly whereabouts?: Whereabouts;
  readonly fetch: Fetch;
  readonly admission: AdmissionSettings;
  readonly keying: Keying & { readonly clientDirectives: "honour" | "ignore" };
  readonly defaultHost: string;
  readonly now: () => EpochMs;
}

/** What the cache knows of one request, and would do with it. */
interface Known {
  readonly request: CacheRequest;
  readonly key: string;
  /** What is there of it, in every tier. */
  readonly all: readonly Inspected[];
  /** Something is there that a purge has deleted. */
  readonly deleted: boolean;
  /** The one that answers, if any does. */
  readonly chosen: Inspected | undefined;
  /** It, as purges have left it. */
  readonly stored: StoredResponse | undefined;
  readonly purged: boolean;
}

/**
 * Why was this not cached, and what would the next request meet?
 *
 * Only looks: nothing is stored, touched or forgotten, and no origin is asked unless that is wanted; then
 * it is one of ours, whatever host the URL names.
 */
export function createExplain(deps: ExplainDeps) {
  const { store, purges, variances, uncacheable, answers, whereabouts, admission, keying, now } = deps;
  const trial = createTrial(deps);

  async function explain(asked: Asked): Promise<Explanation> {
    const request = requestOf(asked);
    const elsewhere = asked.alone === true ? [] : whereabouts?.elsewhere(request);
    const { key, all, deleted, chosen, stored, purged } = await lookFor(request);
    const at = now();
    const decision = decide(request, stored, at);
    const next = codeOfDecision(decision, all.length === 0 ? "uri-miss" : "vary-miss");
    const gone = deleted ? "purge-deleted" : whyGone(key);
    const reason = next === "uri-miss" ? (gone ?? next) : next;
    const last = answers.of(request.method, request.uri) ?? answers.of(request.method, key);
    const tried = asked.fetch ? await trial(request) : undefined;
    const advice = adviceOn({ key, reason, stored, last: last?.code, tried });
    const shown =
      chosen === undefined || stored === undefined
        ? null
        : {
            ...shownStored(stored, tiersOf(all, chosen), currentAge(stored, at), admission, purged),
            ...(asked.body ? await shownBody(chosen.entry.body) : {}),
          };
    return {
      url: request.uri,
      key,
      key_parts: keyParts(asked, request, key),
      selecting: [...new Set(all.flatMap(({ entry }) => Object.keys(entry.stored.selectingFields)))],
      variants: shownVariants(all),
      stored: shown,
      ...(whereabouts === undefined
        ? {}
        : { instances: shownInstances(whereabouts.name, shown, (await elsewhere) ?? []) }),
      purges: purges.touching(key, chosen?.entry.stored.tags ?? []),
      next: { decision: decision.type, ...told(reason) },
      last:
        last === undefined
          ? null
          : { time: last.at, status: last.status, ...told(last.code), advice: adviceOf(last.code) },
      ...(uncacheable.has(key, at) ? { goes_alone: true } : {}),
      ...(tried === undefined ? {} : { fetched: tried.shown }),
      advice: advice.map(({ sentence }) => sentence),
      causes: advice.map(({ code }) => code),
    };
  }

  async function lookFor(request: CacheRequest): Promise<Known> {
    const key = variances.keyFor(request.uri);
    const here = (await store.inspect(key))
      .filter(({ entry }) => answersUri(entry.stored, request.uri))
      .map((one) => ({ one, since: purges.staleSince(key, one.entry.stored.epoch, one.entry.stored.tags) }));
    const left = here.filter(({ since }) => since !== EVER);
    const all = left.map(({ one }) => one);
    const [first] = left
      .filter(({ one }) => variantMatches(one.entry.stored.selectingFields, request.fields))
      .sort((a, b) => b.one.entry.stored.responseTime - a.one.entry.stored.responseTime);
    const deleted = left.length < here.length;
    if (first === undefined)
      return { request, key, all, deleted, chosen: undefined, stored: undefined, purged: false };
    const { one, since } = first;
    const stored = leftByPurges(purges, one.entry.stored, since, now);
    return { request, key, all, deleted, chosen: one, stored, purged: since !== NEVER };
  }

  /** What led to this answer, for one field of it (policy/trace.ts); what is stored is looked at after it. */
  async function trace(request: CacheRequest, { outcome, tier }: CacheResponse): Promise<string> {
    const { key, stored } = await lookFor(request);
    const code = codeOf(outcome);
    return traceOf({
      key,
      decision: code ?? outcome.fwd ?? outcome.word.toLowerCase(),
      clause: code === undefined ? undefined : told(code).clause,
      tier,
      ttl: outcome.ttl,
      variant: stored === undefined ? undefined : variantId(stored.selectingFields) || "none",
      epoch: stored?.epoch,
      purges: purges.epoch,
    });
  }

  /** What became of something that was stored here, and is not any more. */
  function whyGone(key: string): ReasonCode | undefined {
    const gone = answers.storedUnder(key);
    if (gone === undefined) return undefined;
    if (purges.staleSince(key, gone.epoch, gone.tags ?? []) === EVER) return "purge-deleted";
    if (gone.until <= now()) return "expired";
    return gone.tags === undefined ? undefined : "evicted";
  }

  function requestOf({ method, proto, host = deps.defaultHost, target, fields }: Asked): CacheRequest {
    const sent = withoutParameters(target, keying.ignoredParameters);
    const directives = keying.clientDirectives === "honour" ? requestDirectives(fields) : NOTHING_ASKED;
    return { ...ownRequest("explain", proto, host, sent), method, fields, directives };
  }

  function keyParts(asked: Asked, request: CacheRequest, key: string): Explanation["key_parts"] {
    const [path = "", query] = request.target.split(/\?(.*)/s);
    const ignored: { readonly part: string; readonly code: ReasonCode }[] = [];
    const names = (target: string) =>
      (target.split(/\?(.*)/s)[1] ?? "").split("&").filter((one) => one !== "");
    const kept = new Set(names(request.target));
    for (const part of names(asked.target))
      if (!kept.has(part)) ignored.push({ part, code: "ignored-parameter" });
    if (key !== request.uri) {
      const counted = new Set(names(key));
      for (const part of kept) if (!counted.has(part)) ignored.push({ part, code: "ignored-search" });
    }
    return {
      scheme: asked.proto,
      host: request.host,
      path,
      query: query ?? null,
      ignored: ignored.map(({ part }) => part),
      ignored_because: [...new Set(ignored.map(({ code }) => code))].map((code) => told(code)),
    };
  }

  return { explain, trace };
}

/** By the latest that is known: a trial, what is stored, or what was said the last time. */
function adviceOn(known: {
  readonly key: string;
  readonly reason: ReasonCode;
  readonly stored: StoredResponse | undefined;
  readonly last: ReasonCode | undefined;
  readonly tried: Trial | undefined;
}): readonly Advice[] {
  const { key, reason, stored, last, tried } = known;
  if (tried?.seen !== undefined) return adviceFor({ key, response: tried.seen, code: tried.code });
  if (tried !== undefined && stored === undefined) return adviceFor({ key, code: tried.code });
  if (stored !== undefined) return adviceFor({ key, response: seenOf(stored), code: reason });
  return adviceFor({
    key,
    code: reason === "uri-miss" || reason === "vary-miss" ? (last ?? reason) : reason,
  });
}

const adviceOf = (code: ReasonCode): string | null => adviceFor({ key: "", code })[0]?.sentence ?? null;

const seenOf = ({ status, fields, responseTime, freshnessLifetime }: StoredResponse): SeenResponse => ({
  status,
  fields,
  responseTime,
  live: false,
  lifetime: freshnessLifetime,
});

/** Where the same variant lies. */
function tiersOf(all: readonly Inspected[], chosen: Inspected) {
  const variant = variantId(chosen.entry.stored.selectingFields);
  const same = all.filter(({ entry }) => variantId(entry.stored.selectingFields) === variant);
  return [...new Set(same.map(({ tier }) => tier))];
}

export type Explain = ReturnType<typeof createExplain>["explain"];
