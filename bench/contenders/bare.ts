import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { anyFreePort } from "../../scripts/ports.ts";
import type { RawAnswer } from "../ask.ts";
import { type Contender, server } from "./contender.ts";

/** The least that a program on Node can do: the same bytes to every request, whatever it says. */
export const BARE = { hono: "bare Hono", http: "bare node:http", socket: "bare socket" } as const;

/** A server that answers what Freshline has answered, and does nothing else. */
export const bare = (kind: keyof typeof BARE, answer: RawAnswer): Contender => ({
  name: BARE[kind],
  missing: undefined,
  async start(stage) {
    const port = await anyFreePort();
    const file = join(stage.directory, `answer-${port}`);
    writeFileSync(file, Buffer.concat([answer.head, answer.body]));
    const program = fileURLToPath(new URL(`../bare/${kind}.ts`, import.meta.url));
    return server(stage, BARE[kind], port, [process.execPath, program, String(port), file]);
  },
});
