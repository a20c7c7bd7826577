import type { Crew } from "./children.ts";

export interface AskCommand {
  readonly crew: Crew;
  readonly cwd: string;
  /** Milliseconds after which it is killed. */
  readonly timeout: number;
  readonly env?: NodeJS.ProcessEnv;
  /** Shows its stderr to the user; otherwise nobody sees it. */
  readonly loud?: boolean;
  /** Aborted, it is asked to end, with all that it has started. */
  readonly signal?: AbortSignal;
}

const MAX_ANSWER_LENGTH = 1024 * 1024;

/** What does the command print? Undefined when it failed, is missing or took too long. */
export async function ask(
  command: string,
  args: readonly string[],
  { crew, timeout, loud = false, signal, ...options }: AskCommand,
): Promise<string | undefined> {
  if (signal?.aborted === true) return undefined;
  const child = crew.start(command, command, args, {
    ...options,
    stdio: ["ignore", "pipe", loud ? "inherit" : "ignore"],
  });
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    if (text.length > MAX_ANSWER_LENGTH) child.signalGroup("SIGKILL");
  });
  const timer = setTimeout(() => child.signalGroup("SIGKILL"), timeout);
  const end = () => child.signalGroup("SIGTERM");
  signal?.addEventListener("abort", end);
  const ending = await child.ended;
  signal?.removeEventListener("abort", end);
  clearTimeout(timer);
  return ending === "ended with exit code 0" ? text : undefined;
}
