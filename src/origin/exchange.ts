import type { Cut } from "../cache/cut.ts";
import type { OriginError, OriginRequest, OriginResponse } from "../cache/ports/origin.ts";
import type { FieldLines } from "../policy/fields.ts";
import { ArrivingBody, type BodySource } from "./body.ts";
import { AttemptError, attemptError, type Progress } from "./failure.ts";
import { createInterimRelay } from "./interim.ts";
import type { Upload } from "./upload.ts";

/** One request on its way. */
export interface Sending {
  readonly request: OriginRequest;
  readonly upload: Upload | undefined;
  readonly signal: Cut;
  /** How long the head may take, in milliseconds, also once there were too many interim responses. */
  readonly headMs: number;
}

/** What is the same for all requests to one origin. */
export interface ExchangeDeps {
  readonly origin: string;
  /** How long a full buffer may wait for its first reader, in milliseconds. */
  readonly unreadMs: number;
  /** The client is done with this exchange: exactly once, whatever happened. */
  readonly over: () => void;
  /** The body broke off after the head was handed over; not told when our side ended it. */
  readonly bodyFailed: (error: OriginError) => void;
}

/** The connection that an exchange is on. */
export interface Carrier {
  pause(): void;
  resume(): void;
  /** Ends the connection; `failed` is called before or soon. */
  abort(reason: Error): void;
}

/** The head of a final response. */
export interface FinalHead {
  readonly status: number;
  readonly statusMessage: string;
  readonly fields: FieldLines;
  /** The body ends where the connection does (RFC 9112 §6.3). */
  readonly closeDelimited: boolean;
}

const NO_LINES: FieldLines = [];
const ONCE = { once: true } as const;

/**
 * One request to one origin and the response to it, as whoever carries it tells of it.
 *
 * It settles twice: `answer` with the head, `over` when the connection is free. An abort
 * settles the first at once, also while a connection is being made and cannot be stopped.
 */
export class Exchange implements BodySource {
  readonly answer: Promise<OriginResponse>;
  readonly #deps: ExchangeDeps;
  readonly #sending: Sending;
  readonly #resolve: (answer: OriginResponse) => void;
  readonly #reject: (reason: unknown) => void;
  #relayInterim: ReturnType<typeof createInterimRelay> | undefined;
  #carrier: Carrier | undefined;
  #body: ArrivingBody | undefined;
  #progress: Progress = "unconnected";
  /** Our side has ended it: whatever is told from here on is an echo. */
  #ended = false;
  #isOver = false;
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

  get request(): OriginRequest {
    return this.#sending.request;
  }

  get headMs(): number {
    return this.#sending.headMs;
  }

  /** Our side has ended it: nobody waits for what comes. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The signal's only event. */
  handleEvent(): void {
    this.#end(this.#sending.signal.reason);
  }

  /** A connection stands, and the request is about to be written, unless it has `ended`. */
  begin(carrier: Carrier): void {
    this.#progress = "connected";
    this.#carrier = carrier;
  }

  responseBegan(): void {
    this.#progress = "response-began";
  }

  interim(status: number, fields: FieldLines): void {
    if (this.#ended) return;
    this.#relayInterim ??= createInterimRelay(this.#sending.request);
    const relayed = this.#relayInterim(status, fields);
    if (relayed === "flood") this.refuse("malformed", "more interim responses than anybody reads");
    else if (relayed === "dropped") this.#expectHead();
  }

  /** The head of the final response is complete; `refuse` may be called after it still. */
  headArrived(): void {
    this.#progress = "head-arrived";
    clearTimeout(this.#headTimer);
  }

  /** Settles `answer`, unless our side has ended it. */
  respond({ status, statusMessage, fields, closeDelimited }: FinalHead): void {
    if (this.#ended) return;
    const body = new ArrivingBody(this);
    this.#body = body;
    const { origin } = this.#deps;
    const answer = { status, statusMessage, fields, body, origin, trailers: () => this.#trailers };
    this.#resolve(closeDelimited ? { ...answer, closeDelimited } : answer);
  }

  data(chunk: Uint8Array): void {
    this.#body?.push(chunk);
  }

  /** The response is complete. */
  complete(trailers: FieldLines): void {
    this.#trailers = trailers;
    this.#body?.end();
    this.#finish();
  }

  /** It came to nothing, or broke off. `connectionReused`: had its connection carried an earlier response? */
  failed(cause: unknown, connectionReused: boolean): void {
    if (!this.#ended) {
      const { origin, bodyFailed } = this.#deps;
      const broke = this.#sending.upload?.brokeWith(cause) === true;
      const failure = attemptError(
        broke ? new Error("the request body broke off", { cause }) : cause,
        origin,
        { progress: this.#progress, connectionReused, requestBroke: broke },
      );
      if (this.#body === undefined) this.#reject(failure);
      else {
        this.#body.fail(failure);
        bodyFailed(failure);
      }
    }
    this.#finish();
  }

  /** Ends it from our side, for what the origin did. */
  refuse(code: OriginError["code"], message: string): void {
    const { origin } = this.#deps;
    const facts = { progress: this.#progress, connectionReused: false };
    this.#end(new AttemptError(code, `${origin}: ${message}`, origin, facts));
  }

  pause(): void {
    this.#carrier?.pause();
    if (this.#body?.claimed !== false) return;
    const { unreadMs } = this.#deps;
    this.#unreadTimer = setTimeout(() => {
      if (this.#body?.claimed === false) this.refuse("timeout", `nobody read the body for ${unreadMs} ms`);
    }, unreadMs);
    this.#unreadTimer.unref();
  }

  resume(): void {
    this.#carrier?.resume();
  }

  stop(): void {
    this.#end(new Error("the reader has left"));
  }

  /** Every interim response makes the wait begin anew; beyond their bound it has an end. */
  #expectHead(): void {
    if (this.#headTimer !== undefined) return;
    const { headMs } = this.#sending;
    const late = () =>
      this.refuse("timeout", `nothing but interim responses, and then no head for ${headMs} ms`);
    this.#headTimer = setTimeout(late, headMs);
    this.#headTimer.unref();
  }

  /** Ends the exchange from our side, with this reason for whoever waits for it. */
  #end(reason: unknown): void {
    if (this.#ended || this.#isOver) return;
    this.#ended = true;
    this.#sending.signal.removeEventListener("abort", this);
    this.#reject(reason);
    this.#body?.abort(reason);
    this.#sending.upload?.cut();
    // Absent while a connection is made: then who makes it sees that it has ended.
    this.#carrier?.abort(reason instanceof Error ? reason : new Error("aborted", { cause: reason }));
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // The connection may carry the next one.
    this.#carrier = undefined;
    clearTimeout(this.#unreadTimer);
    clearTimeout(this.#headTimer);
    this.#sending.signal.removeEventListener("abort", this);
    this.#sending.upload?.cut();
    this.#deps.over();
  }
}
