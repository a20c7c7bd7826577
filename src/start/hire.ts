import cluster, { type Worker } from "node:cluster";
import { fileURLToPath } from "node:url";
import { StoreError } from "../cache/ports/store.ts";
import type { Member } from "../workers/crew.ts";
import { passLines } from "../workers/lines.ts";
import { closeWhatIsLost } from "../workers/on-their-way.ts";
import { type Answers, Wire, WireError } from "../workers/wire.ts";
import type { AskedOfPrimary, AskedOfWorker, Beginning, Begun } from "./worker-contract.ts";

/** A worker's process, and the line to it. */
export interface Hired extends Member {
  readonly name: string;
  /** From 1 on; who replaces it has the same. */
  readonly place: number;
  readonly wire: Wire<AskedOfWorker, AskedOfPrimary>;
  /** What it said when it began to serve. */
  readonly served: Promise<Begun>;
  /** It has been told to end. */
  readonly isLeaving: () => boolean;
}

export interface HireOptions {
  readonly beginning: Beginning;
  readonly env: Readonly<Record<string, string>>;
  readonly answers: Answers<AskedOfPrimary>;
  /** Takes the lines of its log. */
  readonly write: (lines: string) => void;
  readonly beginWithinMs: number;
}

const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
const PROGRAM = fileURLToPath(new URL(`../worker.${extension}`, import.meta.url));

/** Starts a process that shares the proxied port with its like: connections are handed to them in turn. */
export function hire({ beginning, env, answers, write, beginWithinMs }: HireOptions): Hired {
  cluster.setupPrimary({
    exec: PROGRAM,
    args: [],
    // JSON has no Infinity, and no undefined.
    serialization: "advanced",
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const worker = cluster.fork(env);
  const { process: child } = worker;
  closeWhatIsLost(child);
  const name = `worker ${beginning.place} (pid ${child.pid})`;
  const wire = new Wire<AskedOfWorker, AskedOfPrimary>((message) => worker.send(message as object), answers);
  // Sending to one that is gone fails; that it is gone is told below.
  worker.on("error", () => {});
  worker.on("message", wire.receive);
  // `node --watch` learns from them which files a worker has loaded.
  if (process.env["WATCH_REPORT_DEPENDENCIES"]) worker.on("message", (message) => process.send?.(message));
  if (child.stdout !== null) passLines(child.stdout, write);
  const ended = untilEnded(worker).finally(() => wire.close());
  const served = wire.ask("begin", beginning, beginWithinMs).catch(async (error: unknown) => {
    if (!(error instanceof WireError) || error.code !== "gone") throw error;
    throw new Error(`${name} ${await ended} before it served`);
  });
  let leaving = false;
  return {
    name,
    place: beginning.place,
    pid: child.pid,
    wire,
    served,
    begun: served.then(() => {}),
    ended,
    isLeaving: () => leaving,
    stop() {
      leaving = true;
      wire.tell("stop", undefined);
    },
    kill() {
      child.kill("SIGKILL");
    },
  };
}

/** For the operator a worker that does not answer is a store that does not: throws that instead of a WireError. */
export const unanswered =
  (what: string) =>
  (error: unknown): never => {
    if (!(error instanceof WireError)) throw error;
    throw new StoreError("timeout", `the worker that was to ${what} has not answered`, { cause: error });
  };

const untilEnded = (worker: Worker): Promise<string> =>
  new Promise((resolve) => {
    worker.process.once("exit", (code, signal) =>
      resolve(signal === null ? `ended with exit code ${code ?? 0}` : `was ended by ${signal}`),
    );
    worker.process.once("error", (error) => resolve(`did not start: ${error.message}`));
  });
