import type { AdmissionSettings } from "../policy/admit.ts";
import { currentAge, isFresh, keepUntil } from "../policy/freshness.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import { windowsOf } from "../policy/windows.ts";
import { leftByPurges } from "./lookup.ts";
import type { Browsable, Tier } from "./ports/store.ts";
import { EVER, NEVER } from "./purge-memory.ts";
import type { Purges } from "./purges.ts";

/** Which page of what is stored is wanted. */
export interface AskedEntries {
  /** Absent: the first that there is. */
  readonly tier?: Tier;
  /** What keys contain that are meant; all when empty. */
  readonly match: string;
  /** So many entries are enough; of Redis there may be about a hundred more, whose names one look brings. */
  readonly limit: number;
  /** Where the page before ended; empty for the first. */
  readonly cursor: string;
}

/** What may be done with a response now. */
export type EntryState = "fresh" | "refreshing" | "on-error" | "kept";

/** One stored response, without its body. */
export interface ListedEntry {
  readonly url: string;
  readonly selecting: StoredResponse["selectingFields"];
  readonly status: number;
  /** Bytes of the body. */
  readonly size: number;
  readonly stored_at: EpochMs;
  /** Seconds. */
  readonly age: number;
  readonly state: EntryState;
  /** A purge has ended its freshness. */
  readonly purged: boolean;
  readonly fresh_until: EpochMs | null;
  readonly refreshing_until: EpochMs | null;
  readonly usable_on_error_until: EpochMs | null;
  readonly kept_until: EpochMs | null;
  /** How many. */
  readonly tags: number;
}

export interface EntriesPage {
  readonly tier: Tier;
  /** Those that there are to look into. */
  readonly tiers: readonly Tier[];
  readonly entries: readonly ListedEntry[];
  /** Names of entries and others that were looked at. */
  readonly looked_at: number;
  /** Where to go on; null at the end. */
  readonly cursor: string | null;
}

interface EntriesDeps {
  readonly tiers: readonly Browsable[];
  readonly purges: Pick<Purges, "staleSince" | "vouchesFor">;
  readonly admission: Pick<AdmissionSettings, "defaultTtl" | "maxTtl">;
  readonly now: () => EpochMs;
  /** Milliseconds of a clock that never jumps. */
  readonly elapsed: () => number;
}

/** A page that finds little looks no further than so many times, and says where to go on. */
const MAX_LOOKS = 20;
/** Nor for longer, where each look takes its time. */
const MAX_MS = 1000;

/**
 * What is stored here, page by page? Only looks, and costs no request anything but its turn: for eyes, never
 * for a decision, since what comes and goes meanwhile may be missed or be there twice.
 */
export function createEntries({ tiers, purges, admission, now, elapsed }: EntriesDeps) {
  /** Rejects with StoreError where Redis does not answer. */
  return async (asked: AskedEntries): Promise<EntriesPage | { readonly problem: string }> => {
    const tier = asked.tier === undefined ? tiers[0] : tiers.find((one) => one.tier === asked.tier);
    if (tier === undefined) return { problem: `nothing is stored in ${asked.tier ?? "any tier"} here` };
    const entries: ListedEntry[] = [];
    let lookedAt = 0;
    let cursor: string | undefined = asked.cursor;
    const end = elapsed() + MAX_MS;
    for (let looks = 0; cursor !== undefined && entries.length < asked.limit; looks++) {
      if (looks === MAX_LOOKS || (looks > 0 && elapsed() >= end)) break;
      const leaf = await tier.browse(cursor, asked.limit - entries.length, (key) =>
        key.includes(asked.match),
      );
      if (leaf === undefined) return { problem: "the cursor is none of this tier" };
      for (const { key, stored } of leaf.found) {
        const listed = listedEntry(key, stored);
        if (listed !== undefined) entries.push(listed);
      }
      lookedAt += leaf.lookedAt;
      cursor = leaf.next;
    }
    return {
      tier: tier.tier,
      tiers: tiers.map((one) => one.tier),
      entries,
      looked_at: lookedAt,
      cursor: cursor ?? null,
    };
  };

  /** As purges have left it; undefined where it is over, or deleted. */
  function listedEntry(key: string, found: StoredResponse): ListedEntry | undefined {
    const at = now();
    const since = purges.staleSince(key, found.epoch, found.tags);
    if (since === EVER || keepUntil(found) <= at) return undefined;
    const purged = since !== NEVER;
    const stored = leftByPurges(purges, found, since, now);
    const { fresh, refreshing, onError, kept } = windowsOf(stored, admission, purged);
    const reaches = (end: { readonly at: EpochMs | null }) => end.at !== null && at < end.at;
    let state: EntryState = "kept";
    if (!stored.noCache && isFresh(stored, at)) state = "fresh";
    else if (reaches(refreshing)) state = "refreshing";
    else if (reaches(onError)) state = "on-error";
    return {
      url: stored.uri,
      selecting: stored.selectingFields,
      status: stored.status,
      size: stored.bodyLength,
      stored_at: stored.responseTime,
      age: Math.floor(currentAge(stored, at)),
      state,
      purged,
      fresh_until: fresh.at,
      refreshing_until: refreshing.at,
      usable_on_error_until: onError.at,
      kept_until: kept.at,
      tags: stored.tags.length,
    };
  }
}

export type Entries = ReturnType<typeof createEntries>;
