import { hash } from "node:crypto";
import type { Redis } from "ioredis";
import { StoreError } from "../cache/ports/store.ts";

/** A script that Redis runs as one step; known to it by its hash after the first time. */
export interface LuaScript {
  readonly source: string;
  readonly sha: string;
}

export const luaScript = (source: string): LuaScript => ({ source, sha: hash("sha1", source) });

/** Runs the script by its hash, and by its source where Redis does not know it (any more). */
export async function runScript(
  client: Redis,
  script: LuaScript,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
): Promise<unknown> {
  try {
    return await client.evalsha(script.sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!isReply(error, "NOSCRIPT")) throw error;
    return await client.eval(script.source, keys.length, ...keys, ...args);
  }
}

/** Did Redis itself answer with an error, of this kind if one is named? */
export const isReply = (error: unknown, kind = ""): boolean =>
  error instanceof Error && error.name === "ReplyError" && error.message.startsWith(kind);

/** Answers of a Redis that is there, but not ready to serve. */
const NOT_READY = /^(LOADING|MASTERDOWN|CLUSTERDOWN|BUSY) /;

/** What a failed command means for those who asked. */
export function asStoreError(cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (isReply(cause) && !NOT_READY.test(message)) {
    return new StoreError("refused", `Redis refused: ${message}`, { cause });
  }
  if (message === "Command timed out") {
    return new StoreError("timeout", "Redis did not answer in time", { cause });
  }
  return new StoreError("unavailable", `Redis is away: ${message}`, { cause });
}
