import { isatty } from "node:tty";

const LOOK_MS = 1_000;

export interface Wishes {
  /** Called at the first signal, and when the terminal is closed. Once. */
  readonly stop: () => void;
  /** Called when Ctrl-C is pressed again. */
  readonly hurry: () => void;
}

/** Listens, as long as the process lives, for what is to end a run. */
export function listenForStop({ stop, hurry }: Wishes): void {
  let stopping = false;
  const first = (): void => {
    if (stopping) return;
    stopping = true;
    stop();
  };
  process.on("SIGINT", () => {
    if (stopping) hurry();
    else first();
  });
  // These come twice for one cause: a closed terminal sends SIGHUP, and so does the shell in it.
  process.on("SIGTERM", first);
  process.on("SIGHUP", first);
  whenClosed([0, 1, 2], first);
}

/**
 * Looks whether the terminal is still there. Its closing signals the leader of its session alone, and where that
 * is `make`, as under `ssh -t host make run`, nobody passes it on.
 */
export function whenClosed(
  descriptors: readonly number[],
  closed: () => void,
  isTerminal: (descriptor: number) => boolean = isatty,
  everyMs = LOOK_MS,
): void {
  const terminal = descriptors.find(isTerminal);
  if (terminal === undefined) return;
  const timer = setInterval(() => {
    if (isTerminal(terminal)) return;
    clearInterval(timer);
    closed();
  }, everyMs);
  timer.unref();
}
