/** Calls back once after so many milliseconds; the result cancels. */
export const timer = (callback: () => void, ms: number): (() => void) => {
  const timeout = setTimeout(callback, ms);
  return () => clearTimeout(timeout);
};

/** Resolves with the work or with the time, whichever is first. */
export const within = (ms: number, work: Promise<unknown>): Promise<void> =>
  new Promise((resolve) => {
    const cancel = timer(resolve, ms);
    void work.finally(() => {
      cancel();
      resolve();
    });
  });
