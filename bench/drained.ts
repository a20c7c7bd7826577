import type { Writable } from "node:stream";

/** Resolves when it takes more, or is closed. */
export const drained = (to: Writable): Promise<void> =>
  new Promise((resolve) => {
    const settle = () => {
      to.off("drain", settle);
      to.off("close", settle);
      resolve();
    };
    to.once("drain", settle);
    to.once("close", settle);
  });
