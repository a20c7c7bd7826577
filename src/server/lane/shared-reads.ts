import { Socket } from "node:net";

/** What one read brings at most. */
const READ_BYTES = 65_536;
/** Every connection reads into the same memory: all of a read is looked at, and what is kept copied, before the next. */
const MEMORY = Buffer.allocUnsafeSlow(READ_BYTES);

/** Hears of so many bytes, which are others after the call. False: they are for whoever listens for `data`. */
export type OnRead = (memory: Buffer, length: number) => boolean;

interface Names {
  readonly buffer: symbol;
  readonly callback: symbol;
}

/**
 * Under which names does a socket keep its `onread`? Node documents that for the sockets that a program makes, and has no
 * way to give it to those that a server accepts. Undefined where it cannot be told.
 */
function namesOfOnRead(): Names | undefined {
  const onread = { buffer: MEMORY, callback: () => true };
  const socket = new Socket({ onread });
  const named = (value: unknown): symbol | undefined =>
    Object.getOwnPropertySymbols(socket).find((name) => Reflect.get(socket, name) === value);
  const [buffer, callback] = [named(onread.buffer), named(onread.callback)];
  return buffer === undefined || callback === undefined ? undefined : { buffer, callback };
}

const NAMES = namesOfOnRead();

interface Handle {
  useUserBuffer(memory: Uint8Array): void;
}

const canShare = (handle: unknown): handle is Handle =>
  typeof handle === "object" && handle !== null && "useUserBuffer" in handle;

/**
 * Has what comes on a connection from now on read into memory that all share, and told to `onRead`. False where that cannot
 * be had, and the socket emits `data` as before, each read in memory of its own: that costs a hit a sixth
 * (docs/decisions/0026-the-plain-lane.md).
 */
export function shareReads(socket: Socket, onRead: OnRead): boolean {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (NAMES === undefined || !canShare(handle)) return false;
  handle.useUserBuffer(MEMORY);
  Reflect.set(socket, NAMES.buffer, MEMORY);
  Reflect.set(
    socket,
    NAMES.callback,
    (length: number): boolean =>
      onRead(MEMORY, length) || socket.push(Buffer.from(MEMORY.subarray(0, length))),
  );
  return true;
}
