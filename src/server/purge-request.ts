import type { BlockList } from "node:net";
import type { CacheRequest, CacheResponse } from "../cache/exchange.ts";
import type { PurgeMode, PurgeReceipt, PurgeTarget } from "../cache/ports/purge-log.ts";
import { StoreError } from "../cache/ports/store.ts";
import { ownAnswer, refusal } from "../cache/respond.ts";
import { fieldValue, hasField } from "../policy/fields.ts";
import { sitesOf } from "../policy/key.ts";
import type { Outcome, RefusalReason } from "../policy/outcome.ts";
import { fieldTags, MAX_TAG_LENGTH, MAX_TAGS } from "../policy/tags.ts";
import { clientAddress, isAmong } from "./peer.ts";

/**
 * Answers a PURGE that came over a connection from this address; undefined where that is a method like any
 * other. Rejects for defects of ours alone.
 */
export type AnswerPurge = (
  request: CacheRequest,
  remoteAddress: string | undefined,
) => Promise<CacheResponse> | undefined;

interface PurgeDeps {
  /** Who may purge (PURGE_ALLOW); undefined where PURGE is a method like any other. */
  readonly settings: { readonly purgeAllowed: BlockList | undefined; readonly trustedProxies: BlockList };
  /** Fields whose tags are purged where a request has them, in lower case. */
  readonly tagFields: readonly string[];
  /** Rejects with StoreError as PurgeLog.append does. */
  readonly purge: (targets: readonly PurgeTarget[], mode: PurgeMode) => Promise<PurgeReceipt>;
  /** Fetches what is stored under these primary keys again, in the background. */
  readonly refetch: (keys: readonly string[]) => void;
  readonly elapsed: () => number;
}

interface Wanted {
  readonly targets: readonly PurgeTarget[];
  readonly mode: PurgeMode;
  /** Primary keys to fetch again. */
  readonly refresh: readonly string[];
}

class BadPurge extends Error {}

/**
 * What does a PURGE on the proxied port want, and may it?
 *
 * It purges its URL, or the tags that it names, of its host; X-Purge says how, and Fastly-Soft-Purge.
 */
export function answerPurge(deps: PurgeDeps): AnswerPurge {
  const { settings, elapsed } = deps;
  const tagFields = deps.tagFields.filter((name) => name !== "cache-groups");

  return (request, remoteAddress) => {
    const { purgeAllowed, trustedProxies } = settings;
    if (purgeAllowed === undefined) return undefined;
    const client = clientAddress(request.fields, remoteAddress, trustedProxies);
    return answer(request, client !== undefined && isAmong(client, purgeAllowed));
  };

  async function answer(request: CacheRequest, allowed: boolean): Promise<CacheResponse> {
    const startedAt = elapsed();
    if (!allowed) return refuse(request, 403, "purge_forbidden", "this client may not purge");
    if (isForeign(request))
      return refuse(request, 403, "purge_forbidden", "another site's page may not purge");
    try {
      const { targets, mode, refresh } = wanted(request);
      const receipt = await deps.purge(targets, mode);
      deps.refetch(refresh);
      const took = Math.round((elapsed() - startedAt) * 10) / 10;
      const outcome: Outcome = { word: "BYPASS", body: "none" };
      return ownAnswer(request, 200, { id: request.id, ...receipt, took_ms: took }, outcome);
    } catch (error) {
      if (error instanceof BadPurge) return refuse(request, 400, "bad_request", error.message);
      if (!(error instanceof StoreError)) throw error;
      const purged = error.code === "timeout" ? "the purge may still take effect" : "nothing was purged";
      return refuse(request, 503, "store_unavailable", purged);
    }
  }

  function wanted({ fields, host, target }: CacheRequest): Wanted {
    const mode = modeOf(fieldValue(fields, "x-purge"), fieldValue(fields, "fastly-soft-purge"));
    const named = tagFields.filter((name) => hasField(fields, name));
    if (named.length === 0) {
      const keys = sitesOf(host).map((site) => site + target);
      const targets = keys.map((key): PurgeTarget => ({ type: "url", key }));
      return mode === "refresh"
        ? { targets, mode: "invalidate", refresh: keys }
        : { targets, mode, refresh: [] };
    }
    if (mode === "refresh") throw new BadPurge("X-Purge: refresh is for URLs, not for tags");
    const tags = new Set(named.flatMap((name) => fieldTags(fields, name)));
    // Not the URL instead: nobody who names tags, if only by mistake none, means that.
    if (tags.size === 0 || tags.size > MAX_TAGS || [...tags].some((tag) => tag.length > MAX_TAG_LENGTH))
      throw new BadPurge(`name 1 to ${MAX_TAGS} tags of at most ${MAX_TAG_LENGTH} characters`);
    const sites = sitesOf(host);
    const targets = [...tags].flatMap((tag) =>
      sites.map((site): PurgeTarget => ({ type: "tag", site, tag })),
    );
    return { targets, mode, refresh: [] };
  }
}

function modeOf(mode: string | undefined, soft: string | undefined): PurgeMode | "refresh" {
  if (mode === "delete" || mode === "invalidate" || mode === "refresh") return mode;
  if (mode !== undefined) throw new BadPurge("X-Purge must be delete, invalidate or refresh");
  if (soft === undefined || soft === "0") return "delete";
  if (soft === "1") return "invalidate";
  throw new BadPurge("Fastly-Soft-Purge must be 1 or absent");
}

/** A page that a browser on an allowed machine shows must not purge; browsers say with Origin whose it is. */
const isForeign = ({ fields, host }: CacheRequest): boolean => {
  const origin = fieldValue(fields, "origin");
  return origin !== undefined && origin.toLowerCase().replace(/^https?:\/\//, "") !== host.toLowerCase();
};

const refuse = (
  request: CacheRequest,
  status: number,
  reason: Extract<RefusalReason, "purge_forbidden" | "bad_request" | "store_unavailable">,
  detail: string,
): CacheResponse => refusal(request, status, reason, detail, { word: "BYPASS", body: "none", reason });
