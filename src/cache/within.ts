import type { Timer } from "./stalled.ts";

/** What comes of it, or undefined where that takes more than so many milliseconds. Rejects as it does. */
export async function within<T>(work: Promise<T>, ms: number, timer: Timer): Promise<T | undefined> {
  const over = Promise.withResolvers<undefined>();
  const cancel = timer(() => over.resolve(undefined), ms);
  try {
    return await Promise.race([work, over.promise]);
  } finally {
    cancel();
  }
}
