import { write, writeSync } from "node:fs";

/**
 * Writes lines to a file descriptor, in order, in the background.
 *
 * One write is under way at a time; what arrives meanwhile goes out with the next, so
 * that a busy proxy makes few system calls and a reader that pauses stops no request.
 * What such a reader leaves behind is bounded: further lines are dropped, and counted.
 * A reader that is gone, or a full disk, ends the log and nothing else. Not
 * pino.destination, whose flush never returns once the reader is gone (sonic-boom 4.2.1).
 */
export interface LineWriter {
  write(line: string): void;
  /** Writes what is pending before it returns, within FLUSH_TRIES tries; also called when the process exits. */
  flush(): void;
  /** Resolves when everything is written, or after CLOSE_WAIT_MS. */
  close(): Promise<void>;
}

/** So long a line waits for others: a write costs more than a line. */
const GATHER_MS = 5;
/** So many characters do not wait. */
const GATHER_CHARS = 65_536;
const MAX_PENDING_CHARS = 8 * 1024 * 1024;
const CLOSE_WAIT_MS = 1000;
const RETRY_MS = 10;
const FLUSH_TRIES = 100;

export function createLineWriter(
  fd: number,
  onDropped: (lines: number) => void,
  maxPending = MAX_PENDING_CHARS,
): LineWriter {
  let pending = "";
  /** Reused, since one write is under way at a time: no character takes more than three bytes. */
  const room = Buffer.allocUnsafeSlow(4 * GATHER_CHARS);
  /** Bytes that the system has been given and has not taken yet. */
  let underWay: Buffer | undefined;
  let open = true;
  let broken = false;
  let dropped = 0;
  let retry: NodeJS.Timeout | undefined;
  let gathering: NodeJS.Timeout | undefined;
  let onIdle: (() => void) | undefined;

  const begin = (): void => {
    clearTimeout(gathering);
    gathering = undefined;
    const fits = 3 * pending.length <= room.length;
    underWay = fits ? room.subarray(0, room.write(pending)) : Buffer.from(pending);
    pending = "";
    go();
  };
  const beginSoon = (): void => {
    if (!open || pending.length >= GATHER_CHARS) begin();
    else gathering ??= setTimeout(begin, GATHER_MS);
  };
  const go = (): void => {
    retry = undefined;
    if (underWay !== undefined) write(fd, underWay, settle);
  };
  const settle = (error: NodeJS.ErrnoException | null, written: number): void => {
    if (underWay === undefined) return;
    if (error !== null) {
      if (isMomentary(error)) retry = setTimeout(go, RETRY_MS);
      else breakOff();
    } else if (written < underWay.length) {
      underWay = underWay.subarray(written);
      go();
    } else {
      finish();
    }
  };
  const finish = (): void => {
    if (dropped > 0) {
      const lines = dropped;
      dropped = 0;
      onDropped(lines);
    }
    underWay = undefined;
    if (pending === "") onIdle?.();
    else beginSoon();
  };
  const breakOff = (): void => {
    broken = true;
    pending = "";
    underWay = undefined;
    onIdle?.();
  };
  const flush = (): void => {
    clearTimeout(gathering);
    gathering = undefined;
    let rest = Buffer.from(pending);
    pending = "";
    if (retry !== undefined && underWay !== undefined) {
      clearTimeout(retry);
      retry = undefined;
      rest = Buffer.concat([underWay, rest]);
      underWay = undefined;
    }
    for (let tries = 0; rest.length > 0 && !broken && tries < FLUSH_TRIES; ) {
      try {
        rest = rest.subarray(writeSync(fd, rest));
      } catch (error) {
        if (!isMomentary(error as NodeJS.ErrnoException)) breakOff();
        tries++;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      }
    }
  };
  process.on("exit", flush);

  return {
    write(line) {
      if (!open || broken) return;
      if (pending.length + line.length > maxPending) {
        dropped++;
        return;
      }
      pending += line;
      if (underWay === undefined) beginSoon();
    },
    flush,
    async close() {
      open = false;
      if (gathering !== undefined) begin();
      if (underWay !== undefined) {
        await new Promise<void>((resolve) => {
          const patience = setTimeout(resolve, CLOSE_WAIT_MS);
          onIdle = () => {
            clearTimeout(patience);
            resolve();
          };
        });
      }
      process.off("exit", flush);
    },
  };
}

const isMomentary = (error: NodeJS.ErrnoException): boolean =>
  error.code === "EAGAIN" || error.code === "EBUSY" || error.code === "EINTR";
