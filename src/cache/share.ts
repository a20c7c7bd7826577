import { siteOf } from "../policy/key.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import type { CacheRequest } from "./exchange.ts";
import type { Flight } from "./flight.ts";
import type { Entry, Tier } from "./ports/store.ts";

/** What a leader shares with its followers. */
export type Shared =
  /** A stored response that the origin has just validated. */
  | { readonly type: "validated"; readonly entry: Entry; readonly origin: string }
  /**
   * A response whose body may still be arriving, so that its `bodyLength` says nothing; `length` is
   * its Content-Length, where the origin gave one.
   */
  | {
      readonly type: "flight";
      readonly stored: StoredResponse;
      readonly flight: Flight;
      readonly length: string | undefined;
      readonly origin: string;
      /** When its head came, where another instance is getting it. */
      readonly headAt?: EpochMs;
    }
  /** What another instance has fetched, or only validated; its head came at `headAt`. */
  | {
      readonly type: "stored";
      readonly entry: Entry;
      readonly tier: Tier;
      readonly validated: boolean;
      readonly headAt: EpochMs;
    };

/** What is shared, as a stored response. */
export const storedOf = (shared: Shared): StoredResponse =>
  shared.type === "flight" ? shared.stored : shared.entry.stored;

/** What the client asked for, of which the key may be one of several equivalents (No-Vary-Search). */
export const askedUri = (request: CacheRequest): string => siteOf(request.uri) + request.target;
