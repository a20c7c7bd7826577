import type { FieldLines } from "../policy/fields.ts";
import type { NotStoredReason } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import type { CacheEvent, Emit } from "./events.ts";
import type { Fetched } from "./fetch.ts";
import { Flight } from "./flight.ts";
import type { FlightBudget } from "./flight-budget.ts";
import { createParts } from "./parts.ts";
import { type Entry, type Store, StoreError } from "./ports.ts";
import type { Purges } from "./purges.ts";
import type { Timer } from "./stalled.ts";
import type { UncacheableKeys } from "./uncacheable.ts";

interface KeepDeps {
  readonly store: Store;
  readonly purges: Purges;
  readonly uncacheable: UncacheableKeys;
  readonly budget: FlightBudget;
  readonly maxObjectBytes: number;
  readonly emit: Emit;
  readonly now: () => EpochMs;
  readonly timer: Timer;
}

type Operation = Extract<CacheEvent, { type: "store-failed" }>["operation"];

/**
 * Puts into the store what may be kept, off any client's path. A store that fails is told
 * as an event and costs a miss later; it never costs an answer.
 */
export function createKeep(deps: KeepDeps) {
  const { store, purges, uncacheable, budget, maxObjectBytes, emit, now, timer } = deps;
  const underWay = new Set<Promise<void>>();
  const withStored = createParts({ store, purges, maxObjectBytes, emit, now });
  /** The last write of each key that has one under way. */
  const turns = new Map<string, Promise<void>>();

  /** Writes of one key go one after the other: what a part is put together with must not change meanwhile. */
  function inTurn(key: string, write: () => Promise<void>): Promise<void> {
    const before = turns.get(key);
    const turn = before === undefined ? write() : before.then(write, write);
    turns.set(key, turn);
    const leave = () => {
      if (turns.get(key) === turn) turns.delete(key);
    };
    turn.then(leave, leave);
    return turn;
  }

  function track(work: Promise<void>): void {
    underWay.add(work);
    void work.finally(() => underWay.delete(work));
  }

  async function attempt(operation: Operation, act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      const code = error instanceof StoreError ? error.code : "refused";
      emit({ type: "store-failed", tier: "redis", operation, code, message: String(error) });
      return false;
    }
  }

  /**
   * Starts bringing a body in; stores it when it has ended cleanly, then calls `leave`. A part
   * is combined with what is stored for `request`, its request's fields.
   */
  function launch(
    key: string,
    { head, response, epoch, length }: Extract<Fetched, { type: "storable" }>,
    leave: () => void,
    request: FieldLines = [],
  ): Flight {
    const flight = new Flight(response.body, { maxBytes: maxObjectBytes, budget, timer });
    const lost = (reason: NotStoredReason) => emit({ type: "not-stored", key, reason });
    flight.onAbandon = (reason) => {
      // A full budget says nothing about the next response.
      if (reason === "too-large") uncacheable.remember(key, now());
      leave();
    };
    const store_ = async () => {
      const landing = await flight.land();
      if (landing.type === "incomplete") return lost(landing.reason);
      const { body } = landing;
      if (length !== undefined && length !== body.length) return lost("partial");
      await inTurn(key, async () => {
        if (purges.coversFetch(key, epoch, head.tags)) return lost("purged");
        const arrived: Entry = { stored: { ...head, bodyLength: body.length }, body };
        const entry = head.part === undefined ? arrived : await withStored(key, arrived, request);
        if (entry === undefined) return lost("partial");
        if (await attempt("put", () => store.put(key, entry)))
          emit({ type: "stored", key, bytes: entry.body.length });
        else lost("store-failed");
      });
    };
    track(store_().finally(leave));
    return flight;
  }

  /** Keeps what a 304 has changed; `request` as for `launch`. */
  function freshen(key: string, entry: Entry, leave: () => void, request: FieldLines = []): void {
    const work = async () => {
      if (purges.coversFetch(key, entry.stored.epoch, entry.stored.tags)) return;
      const kept = entry.stored.part === undefined ? entry : await withStored(key, entry, request);
      if (kept === entry) await attempt("freshen", () => store.freshen(key, entry));
      else if (kept !== undefined) await attempt("put", () => store.put(key, kept));
    };
    track(inTurn(key, work).finally(leave));
  }

  /** Frees every variant of a key that the origin has replaced by something else. */
  function drop(key: string): void {
    track(attempt("drop", () => store.drop({ type: "url", key })).then(() => {}));
  }

  /** Resolves when everything under way has ended. */
  async function drain(): Promise<void> {
    while (underWay.size > 0) await Promise.allSettled(underWay);
  }

  return { launch, freshen, drop, drain };
}

export type Keep = ReturnType<typeof createKeep>;
