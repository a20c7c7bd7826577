import { Redis } from "ioredis";
import { parseSlots, type SlotRange } from "./cluster-slots.ts";
import type { RedisServer } from "./redis-address.ts";
import { at, type CommonOptions } from "./redis-options.ts";

const TIMEOUT_MS = 1000;

/**
 * Who has which slot, in the eyes of this server? Asked over a connection of its own, so that the
 * question neither waits for others nor needs one that is there. Rejects with what went wrong.
 */
export async function askForSlots(
  server: RedisServer,
  options: CommonOptions,
  signal: AbortSignal,
): Promise<SlotRange[]> {
  const client = new Redis({
    ...options,
    ...at(server),
    connectionName: "freshline-slots",
    commandTimeout: TIMEOUT_MS,
    enableReadyCheck: false,
    lazyConnect: true,
    retryStrategy: null,
  });
  let reason: Error | undefined;
  client.on("error", (error: Error) => {
    reason = error;
  });
  const leave = () => client.disconnect();
  signal.addEventListener("abort", leave, { once: true });
  try {
    await client.connect();
    return parseSlots(await client.cluster("SLOTS"), server.host);
  } catch (error) {
    throw reason ?? error;
  } finally {
    signal.removeEventListener("abort", leave);
    leave();
  }
}

/** In another order each time, so that no server is asked by everyone. */
export const shuffled = <T>(items: readonly T[]): T[] =>
  items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
