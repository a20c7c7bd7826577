import { StoreError } from "../cache/ports/store.ts";
import { type Deadlines, Waiting } from "./deadlines.ts";

/**
 * What `make` makes of the answer. Rejects, after `failed`, as `ask` does, and with StoreError when the answer takes
 * longer: nothing is made of what comes then. One promise for it all, since each hit in Redis waits here.
 */
export function inTime<T, Made>(
  ask: () => T | Promise<T>,
  deadlines: Deadlines | undefined,
  make: (answer: T) => Made | Promise<Made>,
  failed: () => void = () => {},
): Promise<Made> {
  return new Promise((resolve, reject) => {
    const wait = new Wait((error) => {
      failed();
      reject(error);
    });
    const answered = (answer: T): void => {
      if (!wait.ends(deadlines)) return;
      try {
        resolve(make(answer));
      } catch (error) {
        wait.reject(error);
      }
    };
    const rejected = (error: unknown): void => {
      if (wait.ends(deadlines)) wait.reject(error);
    };
    deadlines?.begin(wait);
    asked(ask).then(answered, rejected);
  });
}

/** Never at once, so that whoever asks has its promise before anything comes of it. */
function asked<T>(ask: () => T | Promise<T>): Promise<T> {
  try {
    return Promise.resolve(ask());
  } catch (error) {
    return Promise.reject(error);
  }
}

class Wait extends Waiting {
  readonly reject: (error: unknown) => void;
  #isOver = false;

  constructor(reject: (error: unknown) => void) {
    super();
    this.reject = reject;
  }

  /** Has it not ended before? */
  ends(deadlines: Deadlines | undefined): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    deadlines?.end(this);
    return true;
  }

  override late(): void {
    this.#isOver = true;
    this.reject(new StoreError("timeout", "Redis did not answer in time"));
  }
}
