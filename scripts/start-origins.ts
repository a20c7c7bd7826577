import type { Child, Crew } from "./children.ts";
import { chooseBlock } from "./ports.ts";
import { type Show, untilSays } from "./until-says.ts";
import { MOCK_PORTS, RunError } from "./wanted.ts";

export interface MockOrigins {
  readonly child: Child;
  readonly urls: readonly string[];
  readonly show: Show;
}

const START_MS = 20_000;
const ATTEMPTS = 3;

/**
 * Three mock origins in one process, on the first free block of ports; undefined when `signal` is aborted before.
 *
 * @throws RunError when they do not start.
 */
export async function startOrigins(
  crew: Crew,
  nodeArgs: readonly string[],
  program: string,
  spokenFor: readonly number[],
  signal: AbortSignal,
): Promise<MockOrigins | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const ports = await chooseBlock(MOCK_PORTS, spokenFor);
    if (ports === undefined)
      throw new RunError("No three free ports from 4001 on were found for mock origins.");
    const child = crew.start(
      "The mock origins",
      process.execPath,
      [...nodeArgs, program, "--ports", ports.join(","), "--host", "127.0.0.1"],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const show = await untilSays(child, /^mock origins on /, START_MS, signal);
    if (show !== undefined) return { child, urls: ports.map((port) => `http://127.0.0.1:${port}`), show };
    if (signal.aborted) return undefined;
    // Another run may have taken the block since it was found free.
    if (attempt === ATTEMPTS)
      throw new RunError(
        `${child.name} did not start: ${child.ending ?? "no line that says they are ready"}.`,
      );
    await child.stop(1_000);
  }
}
