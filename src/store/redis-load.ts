import type { Redis } from "ioredis";
import { StoreError } from "../cache/ports/store.ts";
import type { RedisConnection } from "./connection.ts";
import { parseInfo } from "./redis-info.ts";

/** What a Redis holds, as far as it can be told without walking its keys. */
export interface RedisLoad {
  /** In the database that the cache is in, whoever wrote them. */
  readonly keys: number;
  /** Bytes that all of the server takes. */
  readonly usedBytes: number;
  /** Bytes that it may take; null where nothing limits it. */
  readonly maxBytes: number | null;
}

/** Asks every master in two cheap commands. Rejects with StoreError. */
export async function readLoad(connection: Pick<RedisConnection, "masters">): Promise<RedisLoad> {
  const masters = connection.masters();
  if (masters.length === 0) throw new StoreError("unavailable", "Redis is not connected");
  const loads = await Promise.all(masters.map((master) => master.run(loadOf)));
  return loads.reduce((sum, one) => ({
    keys: sum.keys + one.keys,
    usedBytes: sum.usedBytes + one.usedBytes,
    maxBytes: sum.maxBytes === null || one.maxBytes === null ? null : sum.maxBytes + one.maxBytes,
  }));
}

async function loadOf(client: Redis): Promise<RedisLoad> {
  const [keys, info] = await Promise.all([client.dbsize(), client.info("memory")]);
  const told = parseInfo(info);
  const bytes = (name: string): number => Number(told.get(name) ?? 0);
  return { keys, usedBytes: bytes("used_memory"), maxBytes: bytes("maxmemory") || null };
}
