import { WireError } from "./wire.ts";

export interface HungOptions {
  /** Asks the process whether it is alive. Rejects with a late WireError when it has not answered within so many milliseconds. */
  readonly ask: (patienceMs: number) => Promise<unknown>;
  /** How long it may be silent. */
  readonly patienceMs: number;
  /** It has been silent for so long, in milliseconds. Told once. */
  readonly hangs: (silentMs: number) => void;
}

/** Silence in our own ears: a machine that slept, or a turn of ours that took long, hears late. */
const ONCE_MORE_MS = 1000;

/** Watches for a process that runs and does nothing any more, until that is told or the watch is ended. */
export function watchForHanging({ ask, patienceMs, hangs }: HungOptions): { end(): void } {
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const answers = (withinMs: number): Promise<boolean> =>
    ask(withinMs).then(
      () => true,
      // Who is gone, and who is asked too much to be asked this, is not silent.
      (error: unknown) => !(error instanceof WireError && error.code === "late"),
    );
  async function look(): Promise<void> {
    const since = performance.now();
    const alive = (await answers(patienceMs)) || (await answers(ONCE_MORE_MS));
    if (ended) return;
    if (!alive) hangs(Math.round(performance.now() - since));
    else later();
  }
  const later = (): void => {
    timer = setTimeout(() => void look(), patienceMs / 3);
    timer.unref();
  };
  later();
  return {
    end() {
      ended = true;
      clearTimeout(timer);
    },
  };
}
