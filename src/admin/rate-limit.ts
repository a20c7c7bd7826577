import { isIPv6 } from "node:net";
import type { Context, MiddlewareHandler } from "hono";
import { Oldest } from "../policy/oldest.ts";
import type { AdminEnv } from "./env.ts";
import { ApiError } from "./errors.ts";

/** How much one address may ask for. */
export interface Rate {
  /** At once. */
  readonly burst: number;
  readonly perSecond: number;
}

/** Far more than an operator and a scraper need, and too little to keep a process busy. */
const REQUESTS: Rate = { burst: 2000, perSecond: 500 };
/** A guess a second makes nothing of a token that is worth the name. */
export const WRONG_TOKENS: Rate = { burst: 20, perSecond: 1 };

/** Addresses remembered; the one that asked longest ago goes first, and begins anew. */
const MAX_ADDRESSES = 10_000;

/** What each address has left. Bounded in addresses. */
export class Allowances {
  readonly #rate: Rate;
  readonly #elapsed: () => number;
  readonly #left = new Map<string, { tokens: number; at: number }>();
  readonly #oldest = new Oldest(this.#left);

  /** `elapsed` in milliseconds, on a clock that never goes back. */
  constructor(rate: Rate, elapsed: () => number) {
    this.#rate = rate;
    this.#elapsed = elapsed;
  }

  get size(): number {
    return this.#left.size;
  }

  /** Is anything left? Nothing is taken. */
  has(address: string): boolean {
    return this.#now(address).tokens >= 1;
  }

  /** Takes one; false where there is none. */
  take(address: string): boolean {
    const left = this.#now(address);
    const had = left.tokens >= 1;
    if (had) left.tokens--;
    this.#left.delete(address);
    this.#left.set(address, left);
    if (this.#left.size > MAX_ADDRESSES) {
      const oldest = this.#oldest.next();
      if (oldest !== undefined) this.#left.delete(oldest);
    }
    return had;
  }

  #now(address: string): { tokens: number; at: number } {
    const at = this.#elapsed();
    const { burst, perSecond } = this.#rate;
    const known = this.#left.get(address);
    if (known === undefined) return { tokens: burst, at };
    return { tokens: Math.min(burst, known.tokens + ((at - known.at) / 1000) * perSecond), at };
  }
}

/** Who asks, as far as limits go: who has one IPv6 address has all of its /64. */
export function asker(c: Context<AdminEnv>): string {
  const address = c.env?.incoming?.socket.remoteAddress ?? "unknown";
  if (!isIPv6(address) || address.startsWith("::ffff:")) return address;
  return address.split(":").slice(0, 4).join(":");
}

export const tooMany = (): ApiError =>
  new ApiError(429, "too_many_requests", "this address asks too often; ask again in a second");

/** Throws ApiError 429. */
export function rateLimit(elapsed: () => number): MiddlewareHandler<AdminEnv> {
  const allowances = new Allowances(REQUESTS, elapsed);
  return async (c, next) => {
    if (!allowances.take(asker(c))) throw tooMany();
    await next();
  };
}
