import { closeSync, constants, fstatSync, openSync, type Stats, write, writeSync } from "node:fs";

/** Where bytes go. */
export interface Sink {
  /** Never makes who writes wait, where a reader pauses. */
  readonly fd: number;
  /** Tells how many bytes were taken, or why none; at once where nobody is waited for. One write at a time. */
  write(bytes: Buffer, told: (error: NodeJS.ErrnoException | null, written: number) => void): void;
  close(): void;
}

/**
 * To a file, and to a pipe as far as it has room, is written at once: that costs less than to wake another thread, and
 * nothing is under way when the process ends. Anything else, a terminal or a socket, has that thread, which may wait,
 * until it has said that it is full: who says so makes nobody wait.
 */
export function openSink(fd: number): Sink {
  const kind = statOf(fd);
  if (kind?.isFile()) return { fd, write: writingAtOnce(fd), close() {} };
  const own = kind?.isFIFO() ? openAnew(fd) : undefined;
  if (own === undefined) return { fd, write: writingBeside(fd), close() {} };
  return { fd: own, write: writingAtOnce(own), close: () => closeSync(own) };
}

export const isMomentary = (error: NodeJS.ErrnoException): boolean =>
  error.code === "EAGAIN" || error.code === "EBUSY" || error.code === "EINTR";

/** There is no room for it, until somebody makes some. */
export const isFull = (error: NodeJS.ErrnoException): boolean =>
  error.code === "ENOSPC" || error.code === "EDQUOT" || error.code === "EFBIG";

const writingAtOnce =
  (fd: number): Sink["write"] =>
  (bytes, told) => {
    let written = 0;
    try {
      written = writeSync(fd, bytes);
    } catch (error) {
      return told(error as NodeJS.ErrnoException, 0);
    }
    told(null, written);
  };

function writingBeside(fd: number): Sink["write"] {
  const atOnce = writingAtOnce(fd);
  let saysSo = false;
  return (bytes, told) => {
    if (saysSo) return atOnce(bytes, told);
    write(fd, bytes, (error, written) => {
      saysSo = error?.code === "EAGAIN";
      told(error, written);
    });
  };
}

/** The same pipe, so that it says when it is full: others who have this descriptor need not know. Where /proc is. */
function openAnew(fd: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

function statOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd);
  } catch {
    return undefined;
  }
}
