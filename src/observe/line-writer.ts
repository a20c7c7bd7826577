import { writeSync } from "node:fs";
import { ownBytes } from "./own-bytes.ts";
import { isFull, isMomentary, openSink } from "./sink.ts";

/**
 * Writes lines to a file descriptor, in order, without waiting.
 *
 * What comes within a few milliseconds goes out with one write, so that a busy proxy makes few system calls; one
 * is under way at a time, and a reader that pauses stops no request. What such a reader leaves behind is bounded:
 * further lines are dropped, and counted, and so it is with a full disk, which is tried again until there is room. A reader
 * that is gone ends the log and nothing else.
 * Not pino.destination, whose flush never returns once the reader is gone (sonic-boom 4.2.1).
 */
export interface LineWriter {
  /** Its bytes may be others after the call. */
  write(line: string | Buffer): void;
  /** Writes what is pending before it returns, within FLUSH_TRIES tries; also called when the process exits. */
  flush(): void;
  /** Resolves when everything is written, or after CLOSE_WAIT_MS. */
  close(): Promise<void>;
}

/** So long a line waits for others: a write costs more than a line. */
const GATHER_MS = 5;
/** So many bytes do not wait, and are written at once: an empty pipe takes them. */
const BATCH_BYTES = 65_536;
const MAX_PENDING_BYTES = 8 * 1024 * 1024;
const CLOSE_WAIT_MS = 1000;
/** What takes nothing now is tried again so soon, and then half as soon each time. */
const RETRY_MS = 1;
const RETRY_MOST_MS = 16;
const FULL_RETRY_MS = 1000;
const FLUSH_WAIT_MS = 10;
const FLUSH_TRIES = 100;

export function createLineWriter(
  fd: number,
  onDropped: (lines: number) => void,
  maxPending = MAX_PENDING_BYTES,
): LineWriter {
  const sink = openSink(fd);
  /** Bytes at once: as texts they would wait as thousands of pieces, and be joined when no cache has them any more. */
  let batch: Buffer = Buffer.allocUnsafeSlow(BATCH_BYTES);
  let filled = 0;
  /** What was filled before it could be written. */
  const full: Buffer[] = [];
  let fullBytes = 0;
  /** Memory of a batch that is written. */
  let spare: Buffer | undefined;
  /** Bytes that the system has been given and has not taken yet. */
  let underWay: Buffer | undefined;
  let open = true;
  let broken = false;
  let dropped = 0;
  let retryMs = RETRY_MS;
  let retry: NodeJS.Timeout | undefined;
  let gathering: NodeJS.Timeout | undefined;
  let onIdle: (() => void) | undefined;

  const add = (line: string | Buffer): void => {
    const isText = typeof line === "string";
    // No character takes more than three bytes.
    const most = isText ? 3 * line.length : line.length;
    if (most > batch.length - filled) seal();
    if (most > batch.length) keep(ownBytes(line));
    else if (isText) filled += batch.write(line, filled);
    else {
      batch.set(line, filled);
      filled += line.length;
    }
  };
  const seal = (): void => {
    if (filled === 0) return;
    keep(batch.subarray(0, filled));
    batch = spare ?? Buffer.allocUnsafeSlow(BATCH_BYTES);
    spare = undefined;
    filled = 0;
  };
  const keep = (bytes: Buffer): void => {
    full.push(bytes);
    fullBytes += bytes.length;
  };

  const begin = (): void => {
    clearTimeout(gathering);
    gathering = undefined;
    if (full.length === 0) seal();
    underWay = full.shift();
    fullBytes -= underWay?.length ?? 0;
    go();
  };
  const beginSoon = (): void => {
    if (!open || full.length > 0) begin();
    else gathering ??= setTimeout(begin, GATHER_MS);
  };
  const go = (): void => {
    retry = undefined;
    if (underWay !== undefined) sink.write(underWay, settle);
  };
  const settle = (error: NodeJS.ErrnoException | null, written: number): void => {
    if (underWay === undefined) return;
    if (error === null) {
      retryMs = RETRY_MS;
      if (written === underWay.length) finish(underWay);
      else {
        underWay = underWay.subarray(written);
        go();
      }
    } else if (isMomentary(error)) {
      retry = setTimeout(go, retryMs);
      retryMs = Math.min(2 * retryMs, RETRY_MOST_MS);
    } else if (isFull(error)) retry = setTimeout(go, FULL_RETRY_MS).unref();
    else breakOff();
  };
  const finish = ({ buffer }: Buffer): void => {
    if (dropped > 0) {
      const lines = dropped;
      dropped = 0;
      onDropped(lines);
    }
    if (buffer.byteLength === BATCH_BYTES) spare = Buffer.from(buffer);
    underWay = undefined;
    if (full.length === 0 && filled === 0) onIdle?.();
    else beginSoon();
  };
  const forget = (): void => {
    full.length = 0;
    fullBytes = 0;
    filled = 0;
  };
  const breakOff = (): void => {
    broken = true;
    forget();
    underWay = undefined;
    onIdle?.();
  };
  const flush = (): void => {
    clearTimeout(gathering);
    gathering = undefined;
    const rest = [...full, batch.subarray(0, filled)];
    if (retry !== undefined && underWay !== undefined) {
      clearTimeout(retry);
      retry = undefined;
      rest.unshift(underWay);
      underWay = undefined;
    }
    writeAll(Buffer.concat(rest));
    forget();
  };
  const writeAll = (bytes: Buffer): void => {
    let rest = bytes;
    for (let tries = 0; rest.length > 0 && !broken && tries < FLUSH_TRIES; ) {
      try {
        rest = rest.subarray(writeSync(sink.fd, rest));
      } catch (error) {
        if (!isMomentary(error as NodeJS.ErrnoException)) breakOff();
        tries++;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FLUSH_WAIT_MS);
      }
    }
  };
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
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
    // What is left is not tried again: the descriptor may be another's by then.
    clearTimeout(retry);
    breakOff();
    sink.close();
  };
  process.on("exit", flush);

  return {
    write(line) {
      if (!open || broken) return;
      if (fullBytes + filled + line.length > maxPending) {
        dropped++;
        return;
      }
      add(line);
      if (underWay === undefined) beginSoon();
    },
    flush,
    close: () => (closed ??= close()),
  };
}
