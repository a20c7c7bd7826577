import type { StoredResponse } from "../policy/stored-response.ts";
import type { ByteStream } from "./ports/body.ts";
import type { SentBody } from "./ports/store.ts";

/** What is to be left in the store while it arrives. */
export interface Outgoing {
  readonly key: string;
  /** Its `bodyLength` is what its Content-Length says. */
  readonly stored: StoredResponse;
  readonly origin: string;
  /** Read once, if at all. */
  readonly body: { read(): ByteStream | undefined };
  /** Where it can be followed, as soon as there is something to read. Must not throw. */
  readonly tell: (at: string) => void;
}

/** A body that is left in the store while it arrives, for other instances to read. */
export interface Sending {
  /** The body as it lies there, when it has ended cleanly and all of it does; else undefined. Never rejects. */
  readonly sent: Promise<SentBody | undefined>;
  /** It will not be stored: goes on for those elsewhere who read it already, and ends where there are none. */
  unkept(): void;
}

/** A response that another instance is getting, whose body can be read while it arrives. */
export interface Arrival {
  /** Its `bodyLength` is what its Content-Length says. */
  readonly stored: StoredResponse;
  readonly origin: string;
  /** To be read once, as slowly as it may be. Rejects before the last byte where it cannot be had whole. */
  readonly body: ByteStream;
  /** Was it whole when it ended? Never rejects. */
  readonly over: Promise<boolean>;
}

/** Bodies that instances read of one another while they arrive. Costs time where the store is slow, never an answer: nothing rejects. */
export interface Arrivals {
  /** Undefined for what is short enough to be stored at once, or where too many are on their way. */
  send(outgoing: Outgoing): Sending | undefined;
  /** Resolves when its first bytes are here; to undefined where it cannot be had. */
  follow(at: string): Promise<Arrival | undefined>;
  /** Nobody reads anything more, here or elsewhere. */
  close(): Promise<void>;
}
