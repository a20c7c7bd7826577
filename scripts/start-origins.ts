import { createInterface } from "node:readline";
import type { Child, Crew } from "./children.ts";
import { chooseBlock } from "./ports.ts";
import { MOCK_PORTS, RunError } from "./wanted.ts";

export interface MockOrigins {
  readonly child: Child;
  readonly urls: readonly string[];
}

const START_MS = 20_000;
const ATTEMPTS = 3;

/**
 * Three mock origins in one process, on the first free block of ports.
 *
 * @throws RunError when they do not start.
 */
export async function startOrigins(
  crew: Crew,
  nodeArgs: readonly string[],
  program: string,
  spokenFor: readonly number[],
): Promise<MockOrigins> {
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
    if (await isReady(child)) return { child, urls: ports.map((port) => `http://127.0.0.1:${port}`) };
    // Another run may have taken the block since it was found free.
    if (attempt === ATTEMPTS)
      throw new RunError(
        `${child.name} did not start: ${child.ending ?? "no line that says they are ready"}.`,
      );
    await child.stop(1_000);
  }
}

/** The first line that they print says that they listen; the others are for the user. */
async function isReady(child: Child): Promise<boolean> {
  const { stdout } = child;
  if (stdout === null) return false;
  const lines = createInterface({ input: stdout });
  const ready = new Promise<boolean>((resolve) => {
    lines.once("line", () => {
      resolve(true);
      lines.on("line", (line) => process.stdout.write(`${line}\n`));
    });
  });
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), START_MS);
  });
  try {
    return await Promise.race([ready, child.ended.then(() => false), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
