import type { ChildProcess } from "node:child_process";

interface Connection {
  close(): void;
}

/** By then all that a process said before its end has been heard. */
const LAST_WORDS_MS = 100;

/** To whom a connection was handed last: one that a worker does not take goes to the next. */
const handedTo = new WeakMap<Connection, ChildProcess>();

/**
 * Closes the connection that was on its way to a worker when it died, or that it had no descriptor for.
 * node:cluster waits for that worker's word about it: its client would wait for ever, and the worker get no
 * other. It hands over one at a time, so that the last one is the only one that can be; of one that was
 * taken, this process has closed its own end already.
 */
export function closeWhatIsLost(worker: ChildProcess): void {
  const send = worker.send.bind(worker) as (...given: unknown[]) => boolean;
  let last: Connection | undefined;
  let seq: unknown;
  worker.send = (...given: unknown[]): boolean => {
    const [message, connection] = given;
    if (isConnection(connection)) {
      last = connection;
      seq = (message as { seq?: unknown }).seq;
      handedTo.set(connection, worker);
    }
    return send(...given);
  };
  // What a worker says of one that it could not take; to node:cluster that is as if it had taken it.
  worker.on("internalMessage", ({ cmd }: { cmd?: unknown }) => {
    if (cmd === "NODE_HANDLE_NACK" && seq !== undefined)
      worker.emit("internalMessage", { cmd: "NODE_CLUSTER", ack: seq, accepted: true });
  });
  // Not at its "disconnect", which never comes while a connection is on its way.
  worker.once("exit", () => {
    setTimeout(() => {
      if (last !== undefined && handedTo.get(last) === worker) last.close();
    }, LAST_WORDS_MS);
  });
}

const isConnection = (given: unknown): given is Connection =>
  typeof given === "object" && given !== null && "close" in given && typeof given.close === "function";
