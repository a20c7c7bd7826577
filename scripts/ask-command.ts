import { execFile } from "node:child_process";

export interface AskCommand {
  readonly cwd: string;
  /** Milliseconds after which it is killed. */
  readonly timeout: number;
  readonly env?: NodeJS.ProcessEnv;
  /** Shows its stderr to the user; otherwise nobody sees it. */
  readonly loud?: boolean;
  readonly signal?: AbortSignal;
}

/** What does the command print? Undefined when it failed, is missing or took too long. */
export function ask(
  command: string,
  args: readonly string[],
  { loud = false, ...options }: AskCommand,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { ...options, killSignal: "SIGKILL" }, (error, stdout) =>
      resolve(error === null ? stdout : undefined),
    );
    if (loud) child.stderr?.pipe(process.stderr, { end: false });
  });
}
