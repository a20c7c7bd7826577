import type { Child, Crew } from "./children.ts";
import { answers } from "./redis-line.ts";
import { SharedRedis } from "./share-redis.ts";

/** The Redis of a run, and how the run leaves it. */
export interface FoundRedis {
  /** Undefined when there is none: then the memory tier serves alone. */
  readonly url: string | undefined;
  /** Where it comes from, for a reader. */
  readonly origin: string;
  /** Set when this run started it. */
  readonly child?: Child;
  /** Ends it when this run is to, and resolves to what the user should know. Never rejects. */
  readonly leave: () => Promise<string | undefined>;
}

export interface FindRedis {
  /** Where one is expected. */
  readonly url: string;
  /** The project's folder. */
  readonly root: string;
  readonly crew: Crew;
  /** Ports that the rest of the run needs. */
  readonly spokenFor: readonly number[];
  readonly say: (sentence: string) => void;
  readonly signal: AbortSignal;
}

const PING_MS = 500;

/** A Redis that is there already: the user's, or that of another run. */
export async function whatAnswers({ url }: Pick<FindRedis, "url">): Promise<FoundRedis | undefined> {
  if (!(await answers(url, PING_MS))) return undefined;
  const shared = await SharedRedis.join(url);
  if (shared === undefined) return { url, origin: "was running already", leave: async () => undefined };
  return {
    url,
    origin: "shared with another make run",
    leave: async () => {
      if (!(await shared.isLast())) return undefined;
      await shared.shutdown();
      return "Redis, which another run had started, is stopped: this was the last to use it.";
    },
  };
}
