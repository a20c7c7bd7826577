import { Cutter } from "../cache/cut.ts";
import type { CacheRequest } from "../cache/exchange.ts";

/** One for all: nobody looks at it, and a stack for each client that leaves costs more than a hit. */
const LEFT = new Error("the client has left");

/** The client of one request: whether it is still there, and what it takes before its answer. */
export class Client implements Pick<CacheRequest, "signal" | "onInterim"> {
  declare readonly onInterim?: NonNullable<CacheRequest["onInterim"]>;
  readonly signal = new Cutter();

  constructor(onInterim: CacheRequest["onInterim"]) {
    if (onInterim !== undefined) this.onInterim = onInterim;
  }

  leave(): void {
    this.signal.cut(LEFT);
  }
}
