/** Less is not worth it: Node cuts it from memory that it has. */
const SMALLEST = 4097;
/** More is rare: longer bodies are in chunks. */
const LARGEST = 262_144;
/** Bytes that wait to be used again. */
const CAPACITY = 8 * 1024 * 1024;

/** Bytes that are somebody's until they are given back; if they never are, they are garbage like any others. */
export interface Loan {
  readonly bytes: Buffer;
  /** Nobody reads them any more. Only the first call counts. */
  readonly giveBack: () => void;
}

/**
 * Memory for values that are here for a moment.
 *
 * New memory for each costs more than all else about reading it: V8 looks through its whole heap each time that so
 * much has been allocated beside it.
 */
export class ReusedMemory {
  readonly #capacity: number;
  /** What waits to be used again, by its length, which is a power of two. */
  readonly #waiting = new Map<number, ArrayBuffer[]>();
  #bytes = 0;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  /** Bytes that wait to be used again. */
  get bytes(): number {
    return this.#bytes;
  }

  /** So many bytes, whatever is in them; undefined for so few or many that it is not worth it. */
  lend(length: number): Loan | undefined {
    if (length < SMALLEST || length > LARGEST) return undefined;
    const size = 2 ** (32 - Math.clz32(length - 1));
    let memory = this.#waiting.get(size)?.pop();
    if (memory === undefined) memory = new ArrayBuffer(size);
    else this.#bytes -= size;
    let lent: ArrayBuffer | undefined = memory;
    return {
      bytes: Buffer.from(memory, 0, length),
      giveBack: () => {
        if (lent !== undefined) this.#keep(lent);
        lent = undefined;
      },
    };
  }

  #keep(memory: ArrayBuffer): void {
    const size = memory.byteLength;
    if (this.#bytes + size > this.#capacity) return;
    const waiting = this.#waiting.get(size);
    if (waiting === undefined) this.#waiting.set(size, [memory]);
    else waiting.push(memory);
    this.#bytes += size;
  }
}
