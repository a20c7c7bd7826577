import type { AdmissionSettings } from "../policy/admit.ts";
import type { FieldLines } from "../policy/fields.ts";
import { variantId } from "../policy/key.ts";
import type { NotStoredReason } from "../policy/outcome.ts";
import { type ReasonCode, reasonOf } from "../policy/reasons.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import { tagName } from "../policy/tags.ts";
import { type WindowEnd, type Windows, windowsOf } from "../policy/windows.ts";
import { readBytes } from "./ports/body.ts";
import type { PurgeRecord } from "./ports/purge-log.ts";
import type { Entry, Inspected, Tier } from "./ports/store.ts";
import type { Elsewhere } from "./whereabouts.ts";

/** One decision, told to people. */
export interface Told {
  readonly reason: ReasonCode;
  readonly sentence: string;
  readonly clause: string;
}

export interface ShownStored {
  readonly status: number;
  /** `Name: value` each, as they are stored. */
  readonly fields: readonly string[];
  readonly etag: string | null;
  readonly last_modified: string | null;
  /** Bytes. */
  readonly size: number;
  readonly tags: readonly string[];
  readonly epoch: number;
  readonly tier: readonly Tier[];
  readonly stored_at: EpochMs;
  /** Seconds. */
  readonly age: number;
  readonly fresh_until: WindowEnd;
  readonly refreshing_until: WindowEnd;
  readonly usable_on_error_until: WindowEnd;
  readonly kept_until: WindowEnd;
  /** Only where it was asked for: the beginning, and whether that is all of it. */
  readonly body?: string;
  readonly body_complete?: boolean;
}

export interface ShownVariant {
  readonly selecting: StoredResponse["selectingFields"];
  readonly status: number;
  readonly size: number;
  readonly stored_at: EpochMs;
}

/** What one request to an origin came to, which was made to be explained. */
export interface ShownTrial {
  readonly origin?: string;
  readonly status?: number;
  readonly fields?: readonly string[];
  readonly would: "be stored" | "not be stored" | "fail";
  readonly detail?: string;
  readonly reason?: ReasonCode;
  readonly sentence?: string;
  readonly clause?: string;
  readonly fresh_until?: WindowEnd;
  readonly refreshing_until?: WindowEnd;
  readonly usable_on_error_until?: WindowEnd;
  readonly kept_until?: WindowEnd;
}

/** Where one instance has it. */
export interface ShownInstance {
  readonly instance: string;
  /** False where it has not said so in time. */
  readonly answered: boolean;
  readonly tier: readonly Tier[];
  readonly stored_at: EpochMs | null;
}

/** GET /explain. */
export interface Explanation {
  readonly url: string;
  readonly key: string;
  readonly key_parts: {
    readonly scheme: string;
    readonly host: string;
    readonly path: string;
    readonly query: string | null;
    /** What of the query is not in the key. */
    readonly ignored: readonly string[];
    readonly ignored_because: readonly Told[];
  };
  /** Names of the selecting header fields of all variants. */
  readonly selecting: readonly string[];
  readonly variants: readonly ShownVariant[];
  readonly stored: ShownStored | null;
  /** This one first; absent where there is one alone. */
  readonly instances?: readonly ShownInstance[];
  /** The latest first, as far as they are remembered. */
  readonly purges: readonly PurgeRecord[];
  readonly next: Told & { readonly decision: string };
  readonly last:
    | (Told & { readonly time: EpochMs; readonly status: number; readonly advice: string | null })
    | null;
  /** Nobody waits for another's fetch of it: the last answer could not be shared. */
  readonly goes_alone?: true;
  readonly fetched?: ShownTrial;
  readonly advice: readonly string[];
  /** The same in codes, the first cause first. */
  readonly causes: readonly string[];
}

export function told(reason: ReasonCode): Told {
  const { sentence, decidedBy } = reasonOf(reason);
  return { reason, sentence, clause: decidedBy };
}

/** Fields whose values are somebody's secrets. */
const SECRET: ReadonlySet<string> = new Set(["set-cookie", "authorization", "www-authenticate"]);

export function shownFields(lines: FieldLines): string[] {
  const shown: string[] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string;
    shown.push(`${name}: ${SECRET.has(name.toLowerCase()) ? "(not shown)" : lines[i + 1]}`);
  }
  return shown;
}

export const shownWindows = ({ fresh, refreshing, onError, kept }: Windows) => ({
  fresh_until: fresh,
  refreshing_until: refreshing,
  usable_on_error_until: onError,
  kept_until: kept,
});

/** One stored response, as purges have left it. */
export function shownStored(
  stored: StoredResponse,
  tier: readonly Tier[],
  age: number,
  settings: AdmissionSettings,
  purged: boolean,
): ShownStored {
  return {
    status: stored.status,
    fields: shownFields(stored.fields),
    etag: stored.etag ?? null,
    last_modified: stored.lastModified ?? null,
    size: stored.bodyLength,
    tags: stored.tags.map(tagName),
    epoch: stored.epoch,
    tier,
    stored_at: stored.responseTime,
    age: Math.floor(age),
    ...shownWindows(windowsOf(stored, settings, purged)),
  };
}

/** Each variant once, however many tiers have it, the newest first. */
export function shownVariants(all: readonly Inspected[]): ShownVariant[] {
  const byId = new Map<string, StoredResponse>();
  for (const { entry } of all) {
    const id = variantId(entry.stored.selectingFields);
    const other = byId.get(id);
    if (other === undefined || entry.stored.responseTime > other.responseTime) byId.set(id, entry.stored);
  }
  return [...byId.values()]
    .sort((a, b) => b.responseTime - a.responseTime)
    .map(({ selectingFields, status, bodyLength, responseTime }) => ({
      selecting: selectingFields,
      status,
      size: bodyLength,
      stored_at: responseTime,
    }));
}

/** This instance, and the others; what one has found in the store that they share, all have there. */
export function shownInstances(
  instance: string,
  stored: ShownStored | null,
  others: readonly Elsewhere[],
): ShownInstance[] {
  const shared = (stored?.tier ?? []).filter((tier) => tier === "redis");
  const sharedAt = shared.length === 0 ? null : (stored?.stored_at ?? null);
  return [
    { instance, answered: true, tier: stored?.tier ?? [], stored_at: stored?.stored_at ?? null },
    ...others.map(({ instance, answered, storedAt }) => ({
      instance,
      answered,
      tier: answered ? [...(storedAt === undefined ? [] : ["memory" as const]), ...shared] : [],
      stored_at: answered ? (storedAt ?? sharedAt) : null,
    })),
  ];
}

/** More of a body is not shown. */
const SHOWN_BYTES = 64 * 1024;

/** The beginning of a stored body; what is no UTF-8 in it is replaced. */
export async function shownBody(body: Entry["body"]): Promise<Pick<ShownStored, "body" | "body_complete">> {
  const length = Math.min(body.length, SHOWN_BYTES);
  const bytes = length === 0 ? new Uint8Array(0) : await readBytes(body, 0, length - 1);
  return { body: new TextDecoder().decode(bytes), body_complete: length === body.length };
}

/** What a reason says of a response that came from an origin just now. */
export const unstorable = (reason: NotStoredReason): Told & { would: "not be stored" } => ({
  would: "not be stored",
  ...told(reason),
});
