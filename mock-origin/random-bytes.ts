import { setImmediate } from "node:timers/promises";

const CHUNK_BYTES = 64 * 1024;
/** A fast reader must not keep the other requests waiting: others get a turn this often. */
const CHUNKS_PER_TURN = 8;

/** `n` bytes that look random and are the same for the same seed (xorshift32), a chunk at a time. */
export async function* randomBytes(n: number, seed: number): AsyncGenerator<Uint8Array> {
  // Zero is the one state that xorshift never leaves.
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x85ebca6b) | 0 || 1;
  for (let made = 0, turn = 1; made < n; made += CHUNK_BYTES, turn++) {
    const words = new Uint32Array(CHUNK_BYTES / 4);
    for (let i = 0; i < words.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[i] = state;
    }
    yield new Uint8Array(words.buffer, 0, Math.min(CHUNK_BYTES, n - made));
    if (turn % CHUNKS_PER_TURN === 0) await setImmediate();
  }
}
