import type { EpochMs } from "../policy/stored-response.ts";
import type { Arrivals } from "./arrivals.ts";
import { discard } from "./exchange.ts";
import { Flight } from "./flight.ts";
import type { FlightBudget } from "./flight-budget.ts";
import type { Arrives, LeaseEnd } from "./leases.ts";
import type { Purges } from "./purges.ts";
import type { Shared } from "./share.ts";
import type { Timer } from "./stalled.ts";

export interface ArrivingDeps {
  /** Absent: nothing of other instances can be read before it is complete. */
  readonly arrivals?: Arrivals;
  readonly purges: Purges;
  readonly budget: FlightBudget;
  readonly limits: { readonly maxObjectBytes: number };
  readonly now: () => EpochMs;
  readonly timer: Timer;
}

/** What another instance is getting, in a flight of our own. */
interface Opened {
  readonly value: Extract<Shared, { type: "flight" }>;
  /** From then on it is in the store, or nowhere. Never rejects. */
  readonly over: Promise<unknown>;
  /** Nobody here may have it. */
  refuse(): void;
}

/** Can what another instance is getting be had while it arrives? */
export function createArriving({ arrivals, purges, budget, limits, now, timer }: ArrivingDeps) {
  return async function open(
    key: string,
    { at, sinceHeadMs = Number.POSITIVE_INFINITY }: Arrives,
    ended: Promise<LeaseEnd>,
  ): Promise<Opened | undefined> {
    const headAt = now() - sinceHeadMs;
    const arrival = await arrivals?.follow(at);
    if (arrival === undefined) return undefined;
    const { stored, origin, body, over } = arrival;
    const { epoch, tags, responseTime, bodyLength } = stored;
    if (
      purges.covers(key, epoch, tags) ||
      purges.holdsBack(key, epoch, tags) ||
      !purges.vouchesFor(responseTime)
    ) {
      void discard(body);
      return undefined;
    }
    const { promise: abandoned, resolve } = Promise.withResolvers<void>();
    const onAbandon = () => resolve();
    const flight = new Flight(body, { maxBytes: limits.maxObjectBytes, budget, timer, onAbandon });
    // A moment after it was whole it is in the store.
    const stops = Promise.race([abandoned, over.then((whole) => (whole ? ended : undefined))]);
    void flight.serve();
    return {
      value: { type: "flight", stored, flight, length: String(bodyLength), origin, headAt },
      over: stops.then(() => flight.close()),
      refuse: () => flight.close(),
    };
  };
}
