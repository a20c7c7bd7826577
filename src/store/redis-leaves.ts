import type { Redis } from "ioredis";
import { type Browsable, type Leaf, StoreError } from "../cache/ports/store.ts";
import { decodeMeta, type Meta } from "./codec.ts";
import type { RedisConnection } from "./connection.ts";
import { isReply } from "./redis-command.ts";
import { checkNamespace } from "./redis-layout.ts";

interface RedisLeavesOptions {
  readonly connection: Pick<RedisConnection, "masters" | "fields">;
  readonly namespace: string;
}

/** Names that one SCAN goes through: Redis serves nobody else meanwhile. */
const LEAST_NAMES = 100;
/** What a key that is hashed in its name looks like there (redis-layout.ts). */
const HASHED = /^[\da-f]{64}$/;
/** `<master>-<cursor of its SCAN>`; Redis takes no larger number, and none that it gives is so long. */
const CURSOR = /^(\d{1,4})-(\d{1,19})$/;
const FIELDS = ["meta"] as const;

/**
 * The Redis tier, for those who want to see what is in it: a short SCAN for each look, of one master after
 * another, under the breaker and the deadline of every command.
 *
 * For eyes alone. Nothing that the cache does goes by a scan: purges are records in a log, and hits know the
 * name of what they read. A scan may name an entry twice, and miss what comes while it goes on.
 */
export function redisLeaves({ connection, namespace }: RedisLeavesOptions): Browsable {
  const prefix = `${checkNamespace(namespace)}:`;

  async function browse(cursor: string, most: number, wanted: (key: string) => boolean) {
    const [, place, from = "0"] = cursor === "" ? ["", "0", "0"] : (CURSOR.exec(cursor) ?? []);
    if (place === undefined) return undefined;
    const masters = connection.masters();
    const master = masters[Number(place)];
    if (master === undefined) {
      if (masters.length > 0) return { found: [], lookedAt: 0 };
      throw new StoreError("unavailable", "Redis is not connected");
    }
    const [next, names] = await master.run((client) => scan(client, from, Math.max(most, LEAST_NAMES)));
    const candidates = [...new Set(names)].filter((name) => mayBeWanted(name, wanted));
    const found = (await Promise.all(candidates.map((name) => entryAt(name, wanted)))).filter(
      (entry) => entry !== undefined,
    );
    const after = next === "0" ? Number(place) + 1 : Number(place);
    const leaf: Leaf = { found, lookedAt: names.length };
    return after < masters.length ? { ...leaf, next: `${after}-${next}` } : leaf;
  }

  const scan = (client: Redis, from: string, names: number) =>
    client.scan(from, "MATCH", `${prefix}{*`, "COUNT", names);

  /** Is it the name of an entry, and of one that is wanted, as far as the name tells? */
  function mayBeWanted(name: string, wanted: (key: string) => boolean): boolean {
    const [, key] = /^\{([^{}]+)\}(?::[\da-f]{32})?$/.exec(name.slice(prefix.length)) ?? [];
    return key !== undefined && (HASHED.test(key) || wanted(key));
  }

  async function entryAt(name: string, wanted: (key: string) => boolean) {
    const meta = await recordAt(name);
    // A record is of the resource that its name says, or it is nobody's.
    return meta?.type === "entry" && wanted(meta.key) ? { key: meta.key, stored: meta.stored } : undefined;
  }

  async function recordAt(name: string): Promise<Meta | undefined> {
    try {
      const { values } = await connection.fields(name, FIELDS);
      const [record] = values;
      return record ? decodeMeta(record) : undefined;
    } catch (error) {
      if (error instanceof StoreError && isReply(error.cause, "WRONGTYPE")) return undefined;
      throw error;
    }
  }

  return { tier: "redis", browse };
}
