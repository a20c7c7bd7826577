import { isAbsolute, sep } from "node:path";
import type { Child, Crew } from "./children.ts";
import { answers, RedisLine, type Reply } from "./redis-line.ts";

/** The Redis of a run, and how the run leaves it. */
export interface FoundRedis {
  /** Undefined when there is none: then the memory tier serves alone. */
  readonly url: string | undefined;
  /** Where it comes from, for a reader. */
  readonly origin: string;
  /** Set when this run started it. */
  readonly child?: Child;
  /** Ends it when this run started it, and resolves to what the user should know. Never rejects. */
  readonly leave: () => Promise<string | undefined>;
}

export interface FindRedis {
  /** Where one is expected. */
  readonly url: string;
  /** The user asked for that one now, whoever's it is. */
  readonly named: boolean;
  /** The project's folder. */
  readonly root: string;
  readonly crew: Crew;
  /** Ports that the rest of the run needs. */
  readonly spokenFor: readonly number[];
  readonly say: (sentence: string) => void;
  readonly signal: AbortSignal;
}

const PING_MS = 500;
const ASK_MS = 1_000;

/**
 * A Redis that is there already, and that this run therefore never stops. One that another `make run` started
 * stops with that, so that it is used only by who names it.
 */
export async function whatAnswers({
  url,
  named,
}: Pick<FindRedis, "url" | "named">): Promise<FoundRedis | undefined> {
  if (!(await answers(url, PING_MS))) return undefined;
  const stopsWithIts = await isOfAnotherRun(url);
  if (stopsWithIts && !named) return undefined;
  const origin = stopsWithIts ? "another make run's, and stops with that" : "was running already";
  return { url, origin, leave: async () => undefined };
}

/** Did some `make run` start what answers there? */
export async function isOfAnotherRun(url: string): Promise<boolean> {
  let line: RedisLine | undefined;
  try {
    line = await RedisLine.open(url, ASK_MS);
    return isFolderOfRun(await line.ask(["CONFIG", "GET", "dir"], ASK_MS));
  } catch {
    // It does not want to tell: then it is the user's.
    return false;
  } finally {
    line?.close();
  }
}

/** Runs keep their servers' folders in a checkout's .redis/. */
function isFolderOfRun(reply: Reply): boolean {
  const dir = Array.isArray(reply) ? (reply as readonly Reply[])[1] : undefined;
  if (typeof dir !== "string" || !isAbsolute(dir)) return false;
  const [parent, name] = dir.split(sep).slice(-2);
  return parent === ".redis" && /^run-\d+$/.test(name ?? "");
}
