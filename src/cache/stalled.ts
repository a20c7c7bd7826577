/**
 * How long a reader may take nothing while others wait for it. Far less than WRITE_TIMEOUT, which
 * is for those who hold nobody up, and far more than a connection that works is ever silent. So
 * whoever waits gets at least one chunk in twice that time.
 */
export const STALL_MS = 5000;

/** Calls back once after so many milliseconds; the result cancels. */
export type Timer = (callback: () => void, ms: number) => () => void;

/** Where a reader of something shared is. */
export interface Pace {
  /** Bytes that it has had. */
  at: number;
  /** It has had everything that is there, and asks for more. */
  waiting: boolean;
  /** Where it was when somebody last looked; -1 before. */
  seenAt: number;
}

/** Who has stood still so long that now somebody waits? `cut` is called for each, until the result cancels the watch. */
export function watchStalled<R extends Pace>(
  readers: ReadonlySet<R>,
  timer: Timer,
  cut: (reader: R) => void,
): () => void {
  let cancel = () => {};
  const remember = () => {
    for (const reader of readers) reader.seenAt = reader.at;
    cancel = timer(look, STALL_MS);
  };
  const look = () => {
    const all = [...readers];
    if (all.some(({ waiting }) => waiting)) {
      for (const reader of all) if (!reader.waiting && reader.at === reader.seenAt) cut(reader);
    }
    remember();
  };
  remember();
  return () => cancel();
}
