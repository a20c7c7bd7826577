import { Redis } from "ioredis";
import { parseSlots, type SlotRange } from "./cluster-slots.ts";
import { type RedisServer, serverName } from "./redis-address.ts";
import { at, type CommonOptions } from "./redis-options.ts";

const TIMEOUT_MS = 1000;

/** Servers that are asked in one turn. */
const MAX_ASKED = 8;

/**
 * Who has which slot, in the eyes of the first server that answers: one of the first group, else of the
 * next. Rejects with what went wrong at the last that was asked.
 */
export async function askForSlots(
  groups: readonly (readonly RedisServer[])[],
  options: CommonOptions,
  signal: AbortSignal,
): Promise<SlotRange[]> {
  const servers = new Map(groups.flatMap(shuffled).map((server) => [serverName(server), server]));
  let failure = new Error("no node of the Cluster is known");
  for (const [name, server] of [...servers].slice(0, MAX_ASKED)) {
    try {
      return await ask(server, options, signal);
    } catch (error) {
      failure = new Error(`${name}: ${error instanceof Error ? error.message : error}`);
    }
    if (signal.aborted) break;
  }
  throw failure;
}

/**
 * Asked over a connection of its own, so that the question neither waits for others nor needs one that
 * is there.
 */
async function ask(server: RedisServer, options: CommonOptions, signal: AbortSignal): Promise<SlotRange[]> {
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
const shuffled = <T>(items: readonly T[]): T[] =>
  items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
