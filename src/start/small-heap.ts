import { setFlagsFromString } from "node:v8";

/** Of what is in use after a full collection, how much more the old objects may take until the next, in per cent. */
const GROWTH = 100;

/**
 * Keeps V8's heap small from now on. What a miss makes lives for a moment, and is cheap only where it is collected young.
 *
 * V8 by itself makes among the old objects what one place in a program makes if much of that has lived long, and
 * lets these grow to four times what is in use. What an old object refers to stays until a full collection.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
  setFlagsFromString(`--heap-growing-percent=${GROWTH}`);
}
