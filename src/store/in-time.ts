import { StoreError } from "../cache/ports.ts";
import { type Deadlines, Waiting } from "./deadlines.ts";

/** Rejects with StoreError when the answer takes longer. */
export function inTime<T>(answer: T | Promise<T>, deadlines: Deadlines | undefined): T | Promise<T> {
  if (deadlines === undefined || !(answer instanceof Promise)) return answer;
  return new Promise((resolve, reject) => {
    const wait = new Wait(reject);
    deadlines.begin(wait);
    answer.then(
      (value) => {
        deadlines.end(wait);
        resolve(value);
      },
      (error) => {
        deadlines.end(wait);
        reject(error);
      },
    );
  });
}

class Wait extends Waiting {
  readonly #reject: (error: StoreError) => void;

  constructor(reject: (error: StoreError) => void) {
    super();
    this.#reject = reject;
  }

  override late(): void {
    this.#reject(new StoreError("timeout", "Redis did not answer in time"));
  }
}
