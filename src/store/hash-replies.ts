import type { Socket } from "node:net";
import type { Redis } from "ioredis";
import { HashRead } from "./hash-reads.ts";
import type { OnBytes } from "./reading-connector.ts";
import { ReplyReader } from "./reply-reader.ts";
import type { Loan, ReusedMemory } from "./reused-memory.ts";

/** Nobody has written a longer value into a field; one that is there is not read. */
const LONGEST_VALUE = 16 * 1024 * 1024;
/** So much of another reply is not copied. */
const LONG = 65_536;
const NOTHING = Buffer.alloc(0);
/** How much later ioredis may hear of a sign of life, in milliseconds: each time it begins its timer anew. */
const LATER_MS = 100;

/**
 * Takes the replies to reads of hashes out of what comes on one connection of this client, and leaves all others to
 * ioredis, whose queue says whose turn it is. What Redis cannot have sent ends the connection.
 */
export function hashReplies(client: () => Redis, socket: Socket, memory: ReusedMemory): OnBytes {
  let loans: Loan[] = [];
  let kept = false;
  /** What is being answered. */
  let read: HashRead | undefined;
  const next = (): unknown => client().commandQueue.peekFront()?.command;
  const reader = new ReplyReader({
    repeated(bytes, at, length) {
      const command = next();
      if (!(command instanceof HashRead) || command.asBefore === undefined) return 0;
      const { reply, with: answer } = command.asBefore;
      if (reply.length > length - at || bytes.compare(reply, 0, reply.length, at, at + reply.length) !== 0)
        return 0;
      client().commandQueue.shift();
      command.take(answer);
      return reply.length;
    },
    expected() {
      const command = next();
      read = command instanceof HashRead ? command : undefined;
      return read?.fieldCount;
    },
    room(bytes) {
      if (bytes > LONGEST_VALUE) return undefined;
      const loan = memory.lend(bytes);
      if (loan === undefined) return Buffer.allocUnsafe(bytes);
      loans.push(loan);
      return loan.bytes;
    },
    onValues(values) {
      const lent = loans;
      if (lent.length > 0) loans = [];
      // ioredis has given up on all who waited.
      if (read === undefined || next() !== read) return;
      client().commandQueue.shift();
      read.take(lent.length === 0 ? { values } : { values, giveBack: () => giveBack(lent) });
    },
    onOther: (bytes) => {
      const isLong = bytes.length >= LONG;
      if (isLong) kept = true;
      socket.emit("data", isLong ? bytes : Buffer.from(bytes));
    },
  });
  let toldAt = Number.NEGATIVE_INFINITY;
  let later: NodeJS.Timeout | undefined;
  /** ioredis waits for a sign of life, where it is owed an answer. */
  const tell = (): void => {
    later = undefined;
    toldAt = performance.now();
    if (!socket.destroyed) socket.emit("data", NOTHING);
  };
  return (bytes, length) => {
    if (socket.destroyed) return undefined;
    kept = false;
    try {
      reader.read(bytes, length);
      if (later === undefined) {
        if (performance.now() - toldAt >= LATER_MS) tell();
        else later = setTimeout(tell, LATER_MS).unref();
      }
    } catch (error) {
      socket.destroy(error instanceof Error ? error : undefined);
    }
    return kept ? "kept" : undefined;
  };
}

function giveBack(loans: readonly Loan[]): void {
  for (const loan of loans) loan.giveBack();
}
