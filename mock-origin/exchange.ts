import type { IncomingMessage } from "node:http";
import type { Answer } from "./answer.ts";
import type { Behavior } from "./behavior.ts";
import type { Counts } from "./counts.ts";
import type { Data } from "./data.ts";

/** One port: it misbehaves and counts alone, and serves the same data as the others. */
export interface PortState {
  readonly port: number;
  readonly counts: Counts;
  behavior: Behavior;
}

/** One request and what it may be answered from. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly here: PortState;
  /** Every port, this one among them. */
  readonly all: readonly PortState[];
  /** This port's behaviour when the request arrived. */
  readonly behavior: Behavior;
  readonly data: Data;
}

/** Answers one method on one path. Throws Refusal; rejects with anything else when the client broke off. */
export type Serve = (exchange: Exchange) => Answer | Promise<Answer>;
