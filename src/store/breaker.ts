import { StoreError } from "../cache/ports/store.ts";
import { asStoreError } from "./redis-command.ts";

export interface BreakerOptions {
  /** Milliseconds of a clock that never jumps. */
  readonly elapsed: () => number;
  /** Consecutive failures after which nothing more is tried; default 3. */
  readonly threshold?: number;
  /** Milliseconds until one operation is let through to see; default 1000. */
  readonly openMs?: number;
  /** Told when the store came or went, and only then; also the first time that either is known. */
  readonly onChange: (up: boolean, detail: string) => void;
}

/**
 * Keeps requests from waiting for a store that is known to be away.
 *
 * Closed: everything passes. Open: everything is refused at once, except one operation every
 * `openMs`; the first that succeeds closes it again. A store that answers with a refusal is
 * there: only time-outs and lost connections count.
 */
export class Breaker {
  readonly #elapsed: () => number;
  readonly #threshold: number;
  readonly #openMs: number;
  readonly #onChange: BreakerOptions["onChange"];
  #failures = 0;
  /** When the next operation may try; undefined while closed. */
  #retryAt: number | undefined;
  #told: boolean | undefined;

  constructor(options: BreakerOptions) {
    this.#elapsed = options.elapsed;
    this.#threshold = options.threshold ?? 3;
    this.#openMs = options.openMs ?? 1000;
    this.#onChange = options.onChange;
  }

  /** Is the store there? Undefined until either is known. */
  get up(): boolean | undefined {
    return this.#told;
  }

  /** May an operation be tried now? A true answer while open is the one attempt of this `openMs`. */
  allow(): boolean {
    if (this.#retryAt === undefined) return true;
    const now = this.#elapsed();
    if (now < this.#retryAt) return false;
    this.#retryAt = now + this.#openMs;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#retryAt = undefined;
    this.#tell(true, "Redis answers");
  }

  failed(detail: string): void {
    this.#failures++;
    if (this.#failures >= this.#threshold || this.#retryAt !== undefined) this.trip(detail);
  }

  /** Opens at once: the connection is gone. */
  trip(detail: string): void {
    this.#retryAt = this.#elapsed() + this.#openMs;
    this.#tell(false, detail);
  }

  /** Runs the operation if it may be tried. Rejects only with StoreError. */
  run<T>(operation: () => Promise<T>): Promise<T> {
    return this.try(() =>
      operation().then(
        (result) => {
          this.succeeded();
          return result;
        },
        (cause) => {
          throw this.rejected(cause);
        },
      ),
    );
  }

  /** The same for an operation that tells by itself what comes of it: `succeeded` or `rejected`. */
  try<T>(operation: () => Promise<T>): Promise<T> {
    if (this.allow()) return operation();
    return Promise.reject(new StoreError("unavailable", "Redis is known to be away"));
  }

  /** An operation was rejected with this; answers what it is for those who wait. */
  rejected(cause: unknown): StoreError {
    const error = asStoreError(cause);
    if (error.code === "refused") this.succeeded();
    else this.failed(error.message);
    return error;
  }

  #tell(up: boolean, detail: string): void {
    if (this.#told === up) return;
    this.#told = up;
    this.#onChange(up, detail);
  }
}
