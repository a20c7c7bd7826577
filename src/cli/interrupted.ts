export interface Interruption {
  /** Aborted by Ctrl-C, by who asks the process to end, and when nobody reads what it says. */
  readonly signal: AbortSignal;
  /** The process can be ended by these in the usual way again. */
  release(): void;
}

/** For commands that go on until somebody has seen enough: that is how they end, and no failure. */
export function untilInterrupted(): Interruption {
  const controller = new AbortController();
  const end = () => controller.abort();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.once(signal, end);
  process.stdout.once("error", end);
  return {
    signal: controller.signal,
    release() {
      for (const signal of signals) process.off(signal, end);
      process.stdout.off("error", end);
    },
  };
}

/** Resolves after so long, or at once when it is over. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}
