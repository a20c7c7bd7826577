import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import type { Readable } from "node:stream";

/** Why a child is no more, such as `ended with exit code 1`. */
export type Ending = string;

export interface ChildOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly stdio?: StdioOptions;
}

const LAST_LINES_MS = 500;

/** A process that this run started, in a group of its own, so that the terminal's Ctrl-C is not for it. */
export class Child {
  readonly name: string;
  /** Resolves when the process has ended and said its last, or did not start. */
  readonly ended: Promise<Ending>;
  readonly #process: ChildProcess;
  readonly #hurry: AbortSignal;
  #ending: Ending | undefined;

  /** `hurry` aborted takes all patience away. */
  constructor(
    name: string,
    command: string,
    args: readonly string[],
    hurry: AbortSignal,
    options: ChildOptions = {},
  ) {
    this.name = name;
    this.#hurry = hurry;
    this.#process = spawn(command, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: options.env ?? process.env,
      stdio: options.stdio ?? ["ignore", "inherit", "inherit"],
      detached: true,
    });
    this.ended = new Promise((resolve) => {
      this.#process.once("error", (cause) => {
        this.#ending = `did not start: ${cause.message}`;
        resolve(this.#ending);
      });
      this.#process.once("exit", (code, signal) => {
        const ending = signal === null ? `ended with exit code ${code ?? 0}` : `was ended by ${signal}`;
        this.#ending = ending;
        // Its last lines may be on their way, unless somebody else holds the pipe.
        this.#process.once("close", () => resolve(ending));
        setTimeout(() => resolve(ending), LAST_LINES_MS).unref();
      });
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Undefined while it runs. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** Null unless `options.stdio` asked for a pipe. */
  get stdout(): Readable | null {
    return this.#process.stdout;
  }

  /** Asks it to end, and ends its whole group when it has not after `patience` milliseconds. */
  async stop(patience: number): Promise<void> {
    if (this.#ending !== undefined) return;
    const kill = () => this.signalGroup("SIGKILL");
    // The process alone: one with workers of its own ends these in its own order.
    if (this.#hurry.aborted) kill();
    else this.#process.kill("SIGTERM");
    const timer = setTimeout(kill, patience);
    this.#hurry.addEventListener("abort", kill);
    await this.ended;
    this.#hurry.removeEventListener("abort", kill);
    clearTimeout(timer);
  }

  signalGroup(signal: NodeJS.Signals): void {
    if (this.#ending !== undefined || this.pid === undefined) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

/**
 * Reads `+pid` and `-pid`; when its input ends, because the run ended in whatever way, it ends what
 * is left: SIGTERM, and SIGKILL to the groups after 12 seconds.
 */
const GUARD_SCRIPT = `
left=' '
while read -r word; do
  pid=\${word#?}
  case $word in
    +*) left="$left$pid " ;;
    -*) case $left in *" $pid "*) left="\${left%%" $pid "*} \${left#*" $pid "}" ;; esac ;;
  esac
done
for pid in $left; do kill -TERM "$pid" 2>/dev/null; done
for second in 1 2 3 4 5 6 7 8 9 10 11 12; do
  alive=''
  for pid in $left; do if kill -0 "$pid" 2>/dev/null; then alive=yes; fi; done
  if [ -z "$alive" ]; then exit 0; fi
  sleep 1
done
for pid in $left; do kill -KILL -- "-$pid" 2>/dev/null; done
`;

/** All that one run started, and the shell that ends what is left when the run was killed. */
export class Crew {
  readonly #children = new Set<Child>();
  readonly #hurry = new AbortController();
  readonly #guard: ChildProcess;

  constructor() {
    this.#guard = spawn("/bin/sh", ["-c", GUARD_SCRIPT], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    // Without its guard a run still works and still stops what it started, unless it is killed itself.
    this.#guard.on("error", () => {});
    this.#guard.stdin?.on("error", () => {});
    this.#guard.unref();
  }

  start(name: string, command: string, args: readonly string[], options?: ChildOptions): Child {
    const child = new Child(name, command, args, this.#hurry.signal, options);
    this.#children.add(child);
    this.#tellGuard(`+${child.pid ?? ""}`);
    void child.ended.then(() => this.#forget(child));
    return child;
  }

  /** Whatever still runs, asked to end all at the same time. */
  async stopAll(patience: number): Promise<void> {
    await Promise.all([...this.#children].map((child) => child.stop(patience)));
    this.#guard.stdin?.end();
  }

  /** From now on nobody has patience: who is asked to end is ended. */
  hurry(): void {
    this.#hurry.abort();
  }

  get isHurried(): boolean {
    return this.#hurry.signal.aborted;
  }

  #forget(child: Child): void {
    if (this.#children.delete(child)) this.#tellGuard(`-${child.pid ?? ""}`);
  }

  #tellGuard(line: string): void {
    if (line.length > 1 && this.#guard.stdin?.writable) this.#guard.stdin.write(`${line}\n`);
  }
}
