import { randomUUID } from "node:crypto";
import { Command, type Redis } from "ioredis";

type Echo = "right" | "wrong" | "late" | "refused";

/** An answer that takes longer may be slow, or another question's. */
const SOON_MS = 250;
/** Within this time a Redis of any use answers. */
const PATIENCE_MS = 2000;
/** So many questions bring whatever answers are still owed to earlier ones. */
const MOST_OWED = 100;

/**
 * Are the answers on this connection those to its questions?
 *
 * After an answer too many, or too few, each one is that to another question: nobody believes it,
 * but nobody has use of it either, and nothing but a new connection puts an end to that.
 */
export async function isInStep(client: Redis): Promise<boolean> {
  const first = await echo(client, SOON_MS);
  if (first !== "late") return first !== "wrong";
  const more = await Promise.all(Array.from({ length: MOST_OWED }, () => echo(client, PATIENCE_MS)));
  return !more.includes("wrong") && more.some((answer) => answer !== "late");
}

async function echo(client: Redis, patienceMs: number): Promise<Echo> {
  const token = randomUUID();
  const command = new Command("echo", [token], { replyEncoding: "utf8" });
  // Before the client sets its own, which is for requests.
  command.setTimeout(patienceMs);
  try {
    return (await client.sendCommand(command)) === token ? "right" : "wrong";
  } catch (error) {
    return error instanceof Error && error.message === "Command timed out" ? "late" : "refused";
  }
}
