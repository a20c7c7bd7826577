import type { NotStoredReason } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import type { CacheEvent, Emit } from "./events.ts";
import type { Fetched } from "./fetch.ts";
import { Flight, type FlightBudget } from "./flight.ts";
import { type Entry, type Store, StoreError } from "./ports.ts";
import type { Purges } from "./purges.ts";
import type { UncacheableKeys } from "./uncacheable.ts";

interface KeepDeps {
  readonly store: Store;
  readonly purges: Purges;
  readonly uncacheable: UncacheableKeys;
  readonly budget: FlightBudget;
  readonly maxObjectBytes: number;
  readonly emit: Emit;
  readonly now: () => EpochMs;
}

type Operation = Extract<CacheEvent, { type: "store-failed" }>["operation"];

/**
 * Puts into the store what may be kept, off any client's path. A store that fails is told
 * as an event and costs a miss later; it never costs an answer.
 */
export function createKeep({ store, purges, uncacheable, budget, maxObjectBytes, emit, now }: KeepDeps) {
  const underWay = new Set<Promise<void>>();

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

  /** Starts bringing a body in; stores it when it has ended cleanly, then calls `leave`. */
  function launch(
    key: string,
    { head, response, epoch }: Extract<Fetched, { type: "storable" }>,
    leave: () => void,
  ): Flight {
    const flight = new Flight(response.body, maxObjectBytes, budget);
    const lost = (reason: NotStoredReason) => emit({ type: "not-stored", key, reason });
    flight.onAbandon = (reason) => {
      // A full budget says nothing about the next response.
      if (reason === "too-large") uncacheable.remember(key, now());
      leave();
    };
    const store_ = async () => {
      const landing = await flight.land();
      if (landing.type === "incomplete") return lost(landing.reason);
      if (purges.covers(key, epoch, head.tags)) return lost("purged");
      const { body } = landing;
      const entry: Entry = { stored: { ...head, bodyLength: body.length }, body };
      if (await attempt("put", () => store.put(key, entry)))
        emit({ type: "stored", key, bytes: body.length });
      else lost("store-failed");
    };
    track(store_().finally(leave));
    return flight;
  }

  /** Keeps what a 304 has changed. */
  function freshen(key: string, entry: Entry, leave: () => void): void {
    const work = async () => {
      if (purges.covers(key, entry.stored.epoch, entry.stored.tags)) return;
      await attempt("freshen", () => store.freshen(key, entry));
    };
    track(work().finally(leave));
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
