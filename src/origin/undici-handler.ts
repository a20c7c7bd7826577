import type { Dispatcher } from "undici";
import {
  fieldBytes,
  fieldLinesFrom,
  framingOf,
  isCloseDelimited,
  isHttp2Head,
  reasonPhrase,
  unknownTransferCoding,
} from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import { isWholeStream } from "./h2-end.ts";
import { isHttp10Response, STANDS_FOR_100 } from "./status-line.ts";

/** What undici's handler needs besides the exchange. */
export interface UndiciFacts {
  /** Bytes of field names and values in a response's head; more is `malformed`. */
  readonly maxHeaderBytes: number;
  /** Did the connection that failed with this error carry an earlier response? */
  readonly wasReused: (error: unknown) => boolean;
}

/** Tells an exchange what undici makes of it. */
export class UndiciHandler implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #facts: UndiciFacts;
  #isHttp2 = false;
  #hasLength = false;

  constructor(exchange: Exchange, facts: UndiciFacts) {
    this.#exchange = exchange;
    this.#facts = facts;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Thrown, not aborted: an abort would cost the connection, which has carried nothing yet.
    if (this.#exchange.ended) throw new Error("aborted while it waited for a connection");
    this.#exchange.begin(controller);
  }

  onResponseStarted(): void {
    this.#exchange.responseBegan();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _fields: unknown,
    statusMessage?: string,
  ): void {
    const exchange = this.#exchange;
    if (exchange.ended) return;
    const fields = fieldLinesFrom(controller.rawHeaders);
    if (status < 200) {
      // The parser has no lower bound.
      if (status < 100) exchange.refuse("malformed", `a status of ${status}`);
      else exchange.interim(status === STANDS_FOR_100 ? 100 : status, fields);
      return;
    }
    exchange.headArrived();
    this.#isHttp2 = isHttp2Head(controller.rawHeaders);
    if (this.#isHttp2 && fieldBytes(fields) > this.#facts.maxHeaderBytes) {
      exchange.refuse("malformed", "a head that is too long");
      return;
    }
    const framing = framingOf(fields);
    this.#hasLength = framing.hasLength;
    const unknown = unknownTransferCoding(framing);
    if (unknown !== undefined) {
      exchange.refuse("malformed", `unknown transfer coding: ${unknown}`);
      return;
    }
    if (!this.#isHttp2 && framing.coding !== undefined && isHttp10Response()) {
      // Faulty framing, whatever it says (RFC 9112 §6.1).
      exchange.refuse("malformed", "a transfer coding in HTTP/1.0");
      return;
    }
    exchange.respond({
      status,
      statusMessage: reasonPhrase(statusMessage),
      fields,
      closeDelimited: !this.#isHttp2 && isCloseDelimited(exchange.request.method, status, framing),
    });
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#exchange.data(chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    // undici has counted a body that has a length.
    if (this.#isHttp2 && !this.#hasLength && !isWholeStream()) {
      this.onResponseError(controller, new Error("the stream was reset before its end"));
      return;
    }
    this.#exchange.complete(fieldLinesFrom(controller.rawTrailers));
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, cause: Error): void {
    this.#exchange.failed(cause, this.#facts.wasReused(cause));
  }
}
