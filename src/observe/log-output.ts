import { isatty } from "node:tty";
import { createLineWriter, type LineWriter } from "./line-writer.ts";
import { createPretty } from "./pretty.ts";

/** `auto`: for people on a terminal, JSON everywhere else. `combined`: requests as nginx writes them. */
export type LogFormat = "auto" | "json" | "pretty" | "combined";

/** Where lines go instead of standard output. `write` gets whole lines and must not wait. */
export interface LogDestination {
  write(line: string): unknown;
  readonly isTTY?: boolean;
}

export interface LogOutput {
  /** A request's line; its bytes may be others after the call. */
  request(line: string | Buffer): void;
  /** Any other. */
  write(line: string): void;
  /** Writes what is pending before it returns; for the moment before the process ends. */
  flush(): void;
  /** Resolves when everything is written, or after a second when nobody reads. Later lines are lost. */
  close(): Promise<void>;
}

const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;

/**
 * Opens the log in the given format; with `combined` all but requests goes to standard error, as JSON.
 * NO_COLOR (https://no-color.org) counts when it is set and not empty, and so does FORCE_COLOR where there is
 * no terminal. `onDropped` hears how many lines were lost to a reader that paused, once it reads again.
 */
export function openLogOutput(
  format: LogFormat,
  env: Readonly<Record<string, string | undefined>>,
  given: LogDestination | undefined,
  onDropped: (lines: number) => void,
): LogOutput {
  const terminal = given === undefined ? isatty(STANDARD_OUTPUT) : given.isTTY === true;
  const target = given === undefined ? createLineWriter(STANDARD_OUTPUT, onDropped) : unbuffered(given);
  if (format === "combined") {
    // As with nginx: who reads one of them need not understand the other.
    const others = given === undefined ? createLineWriter(STANDARD_ERROR, onDropped) : target;
    return {
      request: target.write,
      write: others.write,
      flush() {
        target.flush();
        others.flush();
      },
      close: async () => void (await Promise.all([target.close(), others.close()])),
    };
  }
  if (format === "json" || (format === "auto" && !terminal)) return { ...target, request: target.write };
  const pretty = createPretty({ colour: (terminal || Boolean(env["FORCE_COLOR"])) && !env["NO_COLOR"] });
  const write = (line: string | Buffer): void => target.write(pretty(String(line)));
  return { ...target, request: write, write };
}

const unbuffered = (given: LogDestination): LineWriter => ({
  write(line) {
    given.write(String(line));
  },
  flush() {},
  async close() {},
});
