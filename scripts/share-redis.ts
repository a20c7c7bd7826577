import { isAbsolute, sep } from "node:path";
import { RedisLine, type Reply } from "./redis-line.ts";

const CLIENT_NAME = "freshline-run";
const LEAVING = "freshline-run-leaving";
const ASK_MS = 1_000;

/**
 * A Redis that some `make run` started, and that several use. Each run holds one named connection to it,
 * which ends with its process in whatever way, so that Redis itself knows who is left.
 */
export class SharedRedis {
  readonly #line: RedisLine;

  private constructor(line: RedisLine) {
    this.#line = line;
  }

  /** Undefined when the Redis at `url` is nobody's but the user's. */
  static async join(url: string): Promise<SharedRedis | undefined> {
    let line: RedisLine | undefined;
    try {
      line = await RedisLine.open(url, ASK_MS);
      const dir = await line.ask(["CONFIG", "GET", "dir"], ASK_MS);
      if (isOurs(dir) && (await line.ask(["CLIENT", "SETNAME", CLIENT_NAME], ASK_MS)) === "OK") {
        line.unref();
        return new SharedRedis(line);
      }
    } catch {
      // It does not want to tell: then it is not ours.
    }
    line?.close();
    return undefined;
  }

  /** Leaves; true when no other run uses it. A Redis that does not answer is used by nobody. */
  async isLast(): Promise<boolean> {
    try {
      // In this order, two runs that leave at once both find nobody, rather than each the other.
      await this.#line.ask(["CLIENT", "SETNAME", LEAVING], ASK_MS);
      return !namesOf(await this.#line.ask(["CLIENT", "LIST"], ASK_MS)).includes(CLIENT_NAME);
    } catch {
      return true;
    }
  }

  /** Ends it. Resolves also when it was gone already. */
  async shutdown(): Promise<void> {
    await this.#line.ask(["SHUTDOWN", "NOSAVE"], 5 * ASK_MS).catch(() => undefined);
    this.#line.close();
  }
}

/** Runs keep their servers' folders in a checkout's .redis/. */
function isOurs(reply: Reply): boolean {
  const dir = Array.isArray(reply) ? (reply as readonly Reply[])[1] : undefined;
  return typeof dir === "string" && isAbsolute(dir) && /^run-\d+$/.test(dir.split(sep).at(-1) ?? "")
    ? dir.split(sep).at(-2) === ".redis"
    : false;
}

/** The names in CLIENT LIST: one client a line, as `id=3 addr=… name=freshline-run …`. */
export function namesOf(reply: Reply): readonly string[] {
  if (typeof reply !== "string") return [];
  return reply.split("\n").flatMap((line) => / name=(\S+)/.exec(line)?.[1] ?? []);
}
