import type { CacheRequest } from "../cache/exchange.ts";
import type { FieldLines } from "../policy/fields.ts";
import type { Connection } from "./peer.ts";

/** What the field lines of a request say, as far as it has been read by these settings. */
export interface KnownLines extends Pick<CacheRequest, "forwarded" | "directives"> {
  /** Of the settings. */
  readonly revision: number;
  /** The client's own id. */
  readonly id: string | undefined;
  /** How its URI begins. */
  readonly site: string;
}

/** What of Node's IncomingMessage a request is read from; H2Request has it as well. */
export interface Incoming {
  /** `1.0`, `1.1`, or HTTP2; Node's parser also lets others through. */
  readonly httpVersion: string;
  readonly method?: string | undefined;
  /** The request-target as it came. */
  readonly url?: string | undefined;
  readonly rawHeaders: FieldLines;
  /** How the content is framed. */
  readonly headers: {
    readonly "content-length"?: string | undefined;
    readonly "transfer-encoding"?: string | undefined;
  };
  /** All of it has come. */
  readonly complete: boolean;
  readonly socket: Connection;
  /** What is known already of its field lines, where it is a plain GET or HEAD. */
  readonly facts?: KnownLines | undefined;
  iterator(options: { readonly destroyOnReturn: false }): AsyncIterator<Buffer>;
  /** Bytes of the content that have come and wait for their reader; absent where there is none. */
  readonly readableLength?: number;
  /** So many of them. */
  read?(bytes: number): Buffer | null;
}

/** As no parser of HTTP/1 says it, which knows a `2.0` of its own. */
export const HTTP2 = "2";
