import { fieldLineValues, hasField } from "./fields.ts";
import { HEURISTICALLY_CACHEABLE, heuristicLifetime, keepUntil } from "./freshness.ts";
import { type EpochMs, hasValidator, type Seconds, type StoredResponse } from "./stored-response.ts";
import { type Instructions, instructionsOf } from "./targeted.ts";

/** The end of a window of a stored response; null where it has none. */
export interface WindowEnd {
  readonly at: EpochMs | null;
  /** The field, the setting or the purge that decided it. */
  readonly because: string;
}

export interface Windows {
  readonly fresh: WindowEnd;
  /** Served while it is refreshed (RFC 5861 §3). */
  readonly refreshing: WindowEnd;
  /** Served when the origin fails (RFC 5861 §4). */
  readonly onError: WindowEnd;
  /** Kept at all. */
  readonly kept: WindowEnd;
}

interface WindowSettings {
  readonly defaultTtl: Seconds;
  readonly maxTtl: Seconds;
}

const NAMES: Readonly<Record<Instructions["from"], string>> = {
  "freshline-cache-control": "Freshline-Cache-Control",
  "cdn-cache-control": "CDN-Cache-Control",
  "surrogate-control": "Surrogate-Control",
  "x-accel-expires": "X-Accel-Expires",
  "cache-control": "Cache-Control",
};

/** Until when may what be done with it (RFC 9111 §4.2), and who says so? `purged`: a purge has ended its freshness. */
export function windowsOf(stored: StoredResponse, settings: WindowSettings, purged: boolean): Windows {
  const instructions = instructionsOf(stored.fields, stored.responseTime);
  const freshEnd = Math.round(stored.responseTime + (stored.freshnessLifetime - stored.initialAge) * 1000);
  return {
    fresh: stored.noCache
      ? { at: null, because: "no-cache has it validated before every use" }
      : { at: freshEnd, because: purged ? "a purge" : lifetimeBecause(stored, instructions, settings) },
    refreshing: staleEnd(stored, instructions, freshEnd, "staleWhileRevalidate"),
    onError: staleEnd(stored, instructions, freshEnd, "staleIfError"),
    kept: {
      at: Math.round(keepUntil(stored)),
      because: hasValidator(stored)
        ? "CACHE_KEEP, for its validator, after its last window"
        : "its last window ends, and it has no validator",
    },
  };
}

/** What stated the lifetime (§4.2.1): a directive, Expires, a setting, or nobody. */
function lifetimeBecause(
  stored: StoredResponse,
  instructions: Instructions,
  { maxTtl }: WindowSettings,
): string {
  const stated = statedLifetime(stored, instructions);
  const capped = stored.freshnessLifetime === maxTtl ? ", at most CACHE_MAX_TTL" : "";
  const age = Math.floor(stored.initialAge);
  return `${stated}${capped}${age > 0 ? `; it was ${age} s old when it came` : ""}`;
}

/** The words that stated a lifetime, as they stand there. */
function statedLifetime(stored: StoredResponse, { directives, expiresCounts, from }: Instructions): string {
  if (directives.sMaxage !== undefined) return `${NAMES[from]}: s-maxage=${directives.sMaxage}`;
  if (directives.maxAge !== undefined) return `${NAMES[from]}: max-age=${directives.maxAge}`;
  const { fields, status } = stored;
  if (expiresCounts && hasField(fields, "expires"))
    return `Expires: ${fieldLineValues(fields, "expires")[0]}`;
  if (stored.freshnessLifetime === 0) return "nobody states a lifetime";
  if (!HEURISTICALLY_CACHEABLE.has(status) && !directives.public) return "nobody states a lifetime";
  return isHeuristic(stored)
    ? "a tenth of the time since Last-Modified, since nobody states a lifetime"
    : "CACHE_DEFAULT_TTL";
}

/** The heuristic of §4.2.2 is used only without an operator's default: its own result, but for rounding, tells. */
const isHeuristic = ({ fields, freshnessLifetime, responseTime }: StoredResponse): boolean => {
  const heuristic = heuristicLifetime(fields, responseTime);
  return heuristic > 0 && Math.abs(heuristic - freshnessLifetime) <= 1;
};

function staleEnd(
  stored: StoredResponse,
  { directives, from }: Instructions,
  freshEnd: EpochMs,
  window: "staleWhileRevalidate" | "staleIfError",
): WindowEnd {
  const [name, setting] =
    window === "staleWhileRevalidate"
      ? ["stale-while-revalidate", "CACHE_DEFAULT_STALE_WHILE_REVALIDATE"]
      : ["stale-if-error", "CACHE_DEFAULT_STALE_IF_ERROR"];
  if (stored[window] > 0) {
    const stated = directives[window];
    const because = stated === undefined ? setting : `${NAMES[from]}: ${name}=${stated}`;
    return { at: freshEnd + stored[window] * 1000, because };
  }
  const closed = (["mustRevalidate", "proxyRevalidate", "noCache"] as const).find((one) => directives[one]);
  if (closed !== undefined)
    return { at: null, because: `never: ${closed.replace(/[A-Z]/, (c) => `-${c.toLowerCase()}`)}` };
  return { at: null, because: `never: neither ${name} nor ${setting} says so` };
}
