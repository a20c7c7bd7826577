import { type Cut, Cutter } from "../cache/cut.ts";

/** Sends a request, unless its own signal ends it. */
export type Try<T> = (signal: Cut) => Promise<T>;

/**
 * The first answer of two tries: `first`, and beside it, when that has taken so long, what `second`
 * gives. Whichever answers first is followed to its end, and the other is cut off. Rejects with the
 * first try's error when both fail.
 */
export function hedge<T>(
  signal: Cut,
  afterMs: number,
  first: Try<T>,
  second: () => Try<T> | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const cutters: Cutter[] = [];
    let open = 0;
    let failure: { readonly error: unknown } | undefined;

    const run = (attempt: Try<T>): void => {
      const cutter = new Cutter();
      cutters.push(cutter);
      open++;
      const isFirst = cutters.length === 1;
      attempt(cutter).then(
        (answer) => {
          clearTimeout(timer);
          for (const other of cutters)
            if (other !== cutter) other.cut(new Error("another origin was quicker"));
          resolve(answer);
        },
        (error: unknown) => {
          clearTimeout(timer);
          open--;
          if (isFirst || failure === undefined) failure = { error };
          if (open === 0) reject(failure.error);
        },
      );
    };
    const timer = setTimeout(() => {
      const beside = second();
      if (beside !== undefined) run(beside);
    }, afterMs);
    timer.unref();
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      for (const cutter of cutters) cutter.cut(signal.reason);
    });
    run(first);
  });
}
