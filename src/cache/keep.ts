import type { StoredHead } from "../policy/admit.ts";
import { type FieldLines, fieldLineValues } from "../policy/fields.ts";
import { keepUntil } from "../policy/freshness.ts";
import type { NotStoredReason } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import type { Arrivals, Sending } from "./arrivals.ts";
import { type Emit, storeFailed } from "./events.ts";
import type { Fetched } from "./fetch.ts";
import { Flight } from "./flight.ts";
import type { FlightBudget } from "./flight-budget.ts";
import { createParts } from "./parts.ts";
import type { OriginResponse } from "./ports/origin.ts";
import type { Entry, Store } from "./ports/store.ts";
import type { Purges } from "./purges.ts";
import type { Timer } from "./stalled.ts";
import type { UncacheableKeys } from "./uncacheable.ts";

interface KeepDeps {
  readonly store: Store;
  /** Where other instances read what arrives; absent where this one is alone. */
  readonly arrivals?: Arrivals;
  readonly purges: Purges;
  readonly uncacheable: UncacheableKeys;
  readonly budget: FlightBudget;
  readonly limits: { readonly maxObjectBytes: number };
  readonly emit: Emit;
  readonly now: () => EpochMs;
  readonly timer: Timer;
}

/** What came of something that was to be kept. */
export type Kept = "stored" | NotStoredReason;

/** Writes of one key that may wait for one another; the store does not keep up with more. */
const MAX_TURNS = 100;

/**
 * Puts into the store what may be kept, off any client's path. A store that fails is told
 * as an event and costs a miss later; it never costs an answer.
 */
export function createKeep(deps: KeepDeps) {
  const { store, arrivals, purges, uncacheable, budget, limits, emit, now, timer } = deps;
  const underWay = new Set<Promise<unknown>>();
  const withStored = createParts({ store, purges, limits, emit, now });
  /** How many writes each key has under way, and the last of them. */
  const turns = new Map<string, { count: number; last: Promise<Kept> }>();

  /**
   * Writes of one key go one after the other: what a part is put together with must not change meanwhile.
   * `lost` says of one too many that it comes to nothing.
   */
  async function inTurn(key: string, write: () => Promise<Kept>, lost: () => Kept): Promise<Kept> {
    const known = turns.get(key);
    if (known !== undefined && known.count >= MAX_TURNS) return lost();
    const last = known === undefined ? write() : known.last.then(write, write);
    const turn = known ?? { count: 0, last };
    turn.count++;
    turn.last = last;
    turns.set(key, turn);
    try {
      return await last;
    } finally {
      turn.count--;
      if (turn.count === 0) turns.delete(key);
    }
  }

  function track(work: Promise<unknown>): void {
    underWay.add(work);
    void work.finally(() => underWay.delete(work));
  }

  async function finish(work: Promise<Kept>, leave: (kept: Kept) => void): Promise<void> {
    let kept: Kept = "store-failed";
    try {
      kept = await work;
    } finally {
      leave(kept);
    }
  }

  async function attempt(operation: "put" | "freshen" | "drop", act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      emit(storeFailed(operation, error));
      return false;
    }
  }

  /**
   * Starts bringing a body in; stores it when it has ended cleanly, then calls `leave`, at least once. A part
   * is combined with what is stored for `request`, its request's fields. `tell` says where other instances
   * can read a long one meanwhile.
   */
  function launch(
    key: string,
    { head, response, epoch, length }: Extract<Fetched, { type: "storable" }>,
    leave: (kept: Kept) => void,
    request: FieldLines = [],
    tell?: (at: string) => void,
  ): Flight {
    const onAbandon = (reason: "too-large" | "flights-full"): void => {
      // A full budget says nothing about the next response.
      if (reason === "too-large") uncacheable.remember(key, now());
      sending?.unkept();
      leave(reason);
    };
    const flight = new Flight(response.body, { maxBytes: limits.maxObjectBytes, budget, timer, onAbandon });
    const lost = (reason: NotStoredReason): Kept => {
      emit({ type: "not-stored", key, reason });
      return reason;
    };
    const sending = tell && head.part === undefined ? send(key, head, response, flight, tell) : undefined;
    const bringIn = async (): Promise<Kept> => {
      const landing = await flight.land();
      if (landing.type === "incomplete") return lost(landing.reason);
      const { body } = landing;
      if (length !== undefined && length !== body.length) return lost("partial");
      const sent = await sending?.sent;
      return inTurn(
        key,
        async () => {
          if (purges.covers(key, epoch, head.tags)) return lost("purged");
          const arrived: Entry = { stored: { ...head, bodyLength: body.length }, body };
          const entry = head.part === undefined ? arrived : await withStored(key, arrived, request);
          if (entry === undefined) return lost("partial");
          if (!(await attempt("put", () => store.put(key, entry, sent)))) return lost("store-failed");
          const { epoch: born, tags } = entry.stored;
          const until = keepUntil(entry.stored);
          emit({ type: "stored", key, bytes: entry.body.length, until, epoch: born, tags });
          return "stored";
        },
        () => lost("store-failed"),
      );
    };
    track(finish(bringIn(), leave));
    return flight;
  }

  /** Of an unknown length nobody can tell whether it will be kept: other instances wait for its end. */
  function send(
    key: string,
    head: StoredHead,
    { fields, origin }: OriginResponse,
    flight: Flight,
    tell: (at: string) => void,
  ): Sending | undefined {
    const bodyLength = Number(fieldLineValues(fields, "content-length")[0]);
    if (!Number.isSafeInteger(bodyLength)) return undefined;
    return arrivals?.send({ key, stored: { ...head, bodyLength }, origin, body: flight, tell });
  }

  /** Keeps what a 304 has changed; `request` as for `launch`. */
  function freshen(key: string, entry: Entry, leave: (kept: Kept) => void, request: FieldLines = []): void {
    const work = async (): Promise<Kept> => {
      if (purges.covers(key, entry.stored.epoch, entry.stored.tags)) return "purged";
      const kept = entry.stored.part === undefined ? entry : await withStored(key, entry, request);
      if (kept === undefined) return "partial";
      const isWritten =
        kept === entry
          ? await attempt("freshen", () => store.freshen(key, entry))
          : await attempt("put", () => store.put(key, kept));
      return isWritten ? "stored" : "store-failed";
    };
    const written = inTurn(key, work, () => "store-failed");
    track(finish(written, leave));
  }

  /** Frees every variant of a key that the origin has replaced by something else. */
  function drop(key: string): void {
    track(attempt("drop", () => store.drop({ type: "url", key })));
  }

  /** Resolves when everything under way has ended. */
  async function drain(): Promise<void> {
    while (underWay.size > 0) await Promise.allSettled(underWay);
  }

  return { launch, freshen, drop, drain };
}

export type Keep = ReturnType<typeof createKeep>;
