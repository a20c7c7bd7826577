import type { ShownAnswer } from "../admin/answers.ts";
import type { CacheEvent, Emit } from "../cache/events.ts";
import { xCacheStatus } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { keyHash } from "./key-hash.ts";
import { shownUrl } from "./live.ts";
import { type Matches, parseQuery, type QueryProblem } from "./query.ts";
import { shownUri } from "./redact.ts";
import { Ring } from "./ring.ts";

type Answered = CacheEvent & { readonly type: "answered" };

/** What has come since the last time; `dropped` of it came too fast to be kept. */
export interface Batch {
  readonly events: readonly ShownAnswer[];
  readonly dropped: number;
}

export interface Watching {
  /** Undefined once the tail is closed. */
  take(): Batch | undefined;
  close(): void;
}

/** What waits for a reader: it takes some ten times a second. */
export const WAITING_ANSWERS = 1000;

/** Hands answers to those who watch. `attach` adds a listener and answers how to take it away again. */
export function createTail(attach: (listener: Emit) => () => void, now: () => EpochMs) {
  const readers = new Set<{
    readonly matches: Matches;
    readonly ring: Ring<{ event: Answered; at: EpochMs }>;
  }>();
  let detach: (() => void) | undefined;
  let closed = false;

  const hear: Emit = (event) => {
    if (event.type !== "answered") return;
    for (const { matches, ring } of readers) if (matches(event)) ring.push({ event, at: now() });
  };

  return {
    /** Listens for what the query means until it is closed. */
    watch(query: string): Watching | QueryProblem {
      const matches = parseQuery(query);
      if (typeof matches !== "function") return matches;
      const reader = { matches, ring: new Ring<{ event: Answered; at: EpochMs }>(WAITING_ANSWERS) };
      readers.add(reader);
      detach ??= attach(hear);
      return {
        take() {
          if (closed) return undefined;
          const { taken, dropped } = reader.ring.take();
          return { events: taken.map(({ event, at }) => shownAnswer(event, at)), dropped };
        },
        close() {
          readers.delete(reader);
          if (readers.size > 0) return;
          detach?.();
          detach = undefined;
        },
      };
    },
    /** Readers learn that nothing more comes. */
    close() {
      closed = true;
    },
  };
}

export type Tail = ReturnType<typeof createTail>;

function shownAnswer(event: Answered, at: EpochMs): ShownAnswer {
  const { outcome } = event;
  return {
    time: new Date(at).toISOString(),
    id: event.requestId,
    method: event.method,
    host: shownUri(event.uri).host ?? null,
    url: shownUrl(event.uri),
    status: event.status,
    cache: outcome.word,
    hit: xCacheStatus(outcome) === "HIT",
    reason: outcome.reason ?? null,
    fwd: outcome.fwd ?? null,
    tier: event.tier ?? null,
    age: outcome.age ?? null,
    ttl: outcome.ttl ?? null,
    key_hash: keyHash(event.uri),
    bytes: event.bytes,
    ttfb_ms: toMicros(event.headMs),
    total_ms: toMicros(event.durationMs),
    origin: event.origin ?? null,
    collapsed: outcome.collapsed === true,
  };
}

const toMicros = (milliseconds: number): number => Math.round(milliseconds * 1000) / 1000;
