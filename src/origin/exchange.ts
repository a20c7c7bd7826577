import type { Dispatcher } from "undici";
import type { Cut } from "../cache/cut.ts";
import type { OriginError, OriginRequest, OriginResponse } from "../cache/ports.ts";
import type { FieldLines } from "../policy/fields.ts";
import {
  fieldBytes,
  fieldLinesFrom,
  framingOf,
  isCloseDelimited,
  isHttp2Head,
  reasonPhrase,
  unknownTransferCoding,
} from "./answer.ts";
import { ArrivingBody, type BodySource } from "./body.ts";
import { AttemptError, attemptError, type Progress } from "./failure.ts";
import { isWholeStream } from "./h2-end.ts";
import { createInterimRelay } from "./interim.ts";
import { isHttp10Response } from "./status-line.ts";
import type { Upload } from "./upload.ts";

/** One request on its way. */
interface Sending {
  readonly request: OriginRequest;
  readonly upload: Upload | undefined;
  readonly signal: Cut;
  /** How long the head may take once there were too many interim responses, in milliseconds. */
  readonly headMs: number;
}

/** What is the same for all requests to one origin. */
export interface ExchangeDeps {
  readonly origin: string;
  /** How long a full buffer may wait for its first reader, in milliseconds. */
  readonly unreadMs: number;
  /** Bytes of field names and values in a response's head; more is `malformed`. */
  readonly maxHeaderBytes: number;
  /** Did the connection that failed with this error carry an earlier response? */
  readonly wasReused: (error: unknown) => boolean;
  /** undici is done with this exchange: exactly once, whatever happened. */
  readonly over: () => void;
  /** The body broke off after the head was handed over; not told when our side ended it. */
  readonly bodyFailed: (error: OriginError) => void;
}

const NO_LINES: FieldLines = [];
const ONCE = { once: true } as const;

/**
 * One request to one origin and the response to it, as undici's handler.
 *
 * It settles twice: `answer` with the head, `over` when the connection is free. An abort
 * settles the first at once, also while undici is still connecting and cannot be stopped.
 */
export class Exchange implements Dispatcher.DispatchHandler, BodySource {
  readonly answer: Promise<OriginResponse>;
  readonly #deps: ExchangeDeps;
  readonly #sending: Sending;
  readonly #resolve: (answer: OriginResponse) => void;
  readonly #reject: (reason: unknown) => void;
  #relayInterim: ReturnType<typeof createInterimRelay> | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #body: ArrivingBody | undefined;
  #progress: Progress = "unconnected";
  /** Our side has ended it: whatever undici says from here on is an echo. */
  #ended = false;
  #isOver = false;
  #isHttp2 = false;
  #hasLength = false;
  #trailers: FieldLines = NO_LINES;
  #unreadTimer: NodeJS.Timeout | undefined;
  #headTimer: NodeJS.Timeout | undefined;

  constructor(deps: ExchangeDeps, sending: Sending) {
    this.#deps = deps;
    this.#sending = sending;
    const { promise, resolve, reject } = Promise.withResolvers<OriginResponse>();
    this.answer = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    sending.signal.addEventListener("abort", this, ONCE);
  }

  /** The signal's only event. */
  handleEvent(): void {
    this.#end(this.#sending.signal.reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Thrown, not aborted: an abort would cost the connection, which has carried nothing yet.
    if (this.#ended) throw new Error("aborted while it waited for a connection");
    this.#progress = "connected";
    this.#controller = controller;
  }

  onResponseStarted(): void {
    this.#progress = "response-began";
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _fields: unknown,
    statusMessage?: string,
  ): void {
    if (this.#ended) return;
    const fields = fieldLinesFrom(controller.rawHeaders);
    if (status < 200) {
      this.#interim(status, fields);
      return;
    }
    this.#progress = "head-arrived";
    clearTimeout(this.#headTimer);
    const { origin, maxHeaderBytes } = this.#deps;
    this.#isHttp2 = isHttp2Head(controller.rawHeaders);
    if (this.#isHttp2 && fieldBytes(fields) > maxHeaderBytes) {
      this.#fail("malformed", "a head that is too long");
      return;
    }
    const framing = framingOf(fields);
    this.#hasLength = framing.hasLength;
    const unknown = unknownTransferCoding(framing);
    if (unknown !== undefined) {
      this.#fail("malformed", `unknown transfer coding: ${unknown}`);
      return;
    }
    if (!this.#isHttp2 && framing.coding !== undefined && isHttp10Response()) {
      // Faulty framing, whatever it says (RFC 9112 §6.1).
      this.#fail("malformed", "a transfer coding in HTTP/1.0");
      return;
    }
    const body = new ArrivingBody(this);
    this.#body = body;
    const answer = {
      status,
      statusMessage: reasonPhrase(statusMessage),
      fields,
      body,
      origin,
      trailers: () => this.#trailers,
    };
    const closeDelimited = !this.#isHttp2 && isCloseDelimited(this.#sending.request.method, status, framing);
    this.#resolve(closeDelimited ? { ...answer, closeDelimited } : answer);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#body?.push(chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    // undici has counted a body that has a length.
    if (this.#isHttp2 && !this.#hasLength && !isWholeStream()) {
      this.onResponseError(controller, new Error("the stream was reset before its end"));
      return;
    }
    this.#trailers = fieldLinesFrom(controller.rawTrailers);
    this.#body?.end();
    this.#finish();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, cause: Error): void {
    if (!this.#ended) {
      const { origin, wasReused, bodyFailed } = this.#deps;
      const broke = this.#sending.upload?.brokeWith(cause) === true;
      const failure = attemptError(
        broke ? new Error("the request body broke off", { cause }) : cause,
        origin,
        {
          progress: this.#progress,
          connectionReused: wasReused(cause),
          requestBroke: broke,
        },
      );
      if (this.#body === undefined) this.#reject(failure);
      else {
        this.#body.fail(failure);
        bodyFailed(failure);
      }
    }
    this.#finish();
  }

  pause(): void {
    this.#controller?.pause();
    if (this.#body?.claimed !== false) return;
    const { unreadMs } = this.#deps;
    this.#unreadTimer = setTimeout(() => {
      if (this.#body?.claimed === false) this.#fail("timeout", `nobody read the body for ${unreadMs} ms`);
    }, unreadMs);
    this.#unreadTimer.unref();
  }

  resume(): void {
    this.#controller?.resume();
  }

  stop(): void {
    this.#end(new Error("the reader has left"));
  }

  #interim(status: number, fields: FieldLines): void {
    // The parser has no lower bound.
    if (status < 100) {
      this.#fail("malformed", `a status of ${status}`);
      return;
    }
    this.#relayInterim ??= createInterimRelay(this.#sending.request);
    const relayed = this.#relayInterim(status, fields);
    if (relayed === "flood") this.#fail("malformed", "more interim responses than anybody reads");
    else if (relayed === "dropped") this.#expectHead();
  }

  /** Every interim response makes undici wait anew; beyond their bound the wait has an end. */
  #expectHead(): void {
    if (this.#headTimer !== undefined) return;
    const { headMs } = this.#sending;
    const late = () =>
      this.#fail("timeout", `nothing but interim responses, and then no head for ${headMs} ms`);
    this.#headTimer = setTimeout(late, headMs);
    this.#headTimer.unref();
  }

  #fail(code: OriginError["code"], message: string): void {
    const { origin } = this.#deps;
    const facts = { progress: this.#progress, connectionReused: false };
    this.#end(new AttemptError(code, `${origin}: ${message}`, origin, facts));
  }

  /** Ends the exchange from our side, with this reason for whoever waits for it. */
  #end(reason: unknown): void {
    if (this.#ended || this.#isOver) return;
    this.#ended = true;
    this.#sending.signal.removeEventListener("abort", this);
    this.#reject(reason);
    this.#body?.abort(reason);
    this.#sending.upload?.cut();
    // Absent while undici connects: then onRequestStart ends it.
    this.#controller?.abort(reason instanceof Error ? reason : new Error("aborted", { cause: reason }));
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#unreadTimer);
    clearTimeout(this.#headTimer);
    this.#sending.signal.removeEventListener("abort", this);
    this.#sending.upload?.cut();
    this.#deps.over();
  }
}
