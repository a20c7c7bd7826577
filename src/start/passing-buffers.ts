import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Buffers may grow by so many bytes before those that nobody has any more are collected. */
export const ROOM_BYTES = 8 * 1024 * 1024;
/** A gigabyte in two seconds brings 12 MiB more meanwhile. */
const LOOK_MS = 25;

/** What is looked at, and what is done. */
export interface Collecting {
  /** Bytes outside V8's heap that objects in it keep. */
  readonly held: () => number;
  readonly collect: () => void;
}

/**
 * Have buffers grown by too much since they were last collected? Answers what to call now and then.
 *
 * A long body passes in buffers outside V8's heap, each of which lives for a moment. V8 lets 64 MiB of them
 * wait for the next collection of young objects, since the objects that keep them are small.
 */
export function createLook({ held, collect }: Collecting): () => void {
  let least = held();
  return () => {
    const now = held();
    least = Math.min(least, now);
    if (now - least < ROOM_BYTES) return;
    collect();
    least = held();
  };
}

/** Of this process, for as long as it runs. Hits make few such buffers, and pay nothing. */
export function collectPassingBuffers(): void {
  const look = createLook({ held: () => getHeapStatistics().external_memory, collect: minorCollection() });
  setInterval(look, LOOK_MS).unref();
}

/** V8's collection of young objects. It is named in contexts that are made while the flag is set, and in no other. */
export function minorCollection(): () => void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("globalThis.gc");
  setFlagsFromString("--no-expose-gc");
  if (typeof collect !== "function") return () => {};
  return () => collect({ type: "minor" });
}
