import { codeOf, codeOfRefresh } from "../policy/codes.ts";
import { type ReasonCode, reasonOf } from "../policy/reasons.ts";
import type { Epoch, EpochMs } from "../policy/stored-response.ts";
import type { CacheEvent, Emit } from "./events.ts";
import { Generations } from "./generations.ts";

/** How many URLs are remembered; those answered longest ago are forgotten first. */
const CAPACITY = 10_000;
/** More characters of tags than this are not remembered of one response. */
const MAX_TAG_CHARACTERS = 256;

/** What decided the last answer that was no plain hit. */
export interface LastAnswer {
  readonly at: EpochMs;
  readonly status: number;
  readonly code: ReasonCode;
}

/** A response that was put into the store. */
export interface LastStored {
  readonly until: EpochMs;
  readonly epoch: Epoch;
  /** Undefined where they are too long to be remembered. */
  readonly tags: readonly string[] | undefined;
}

/**
 * Why was this URL answered as it was, the last time?
 *
 * Bounded. Plain hits are not noted: the stored response tells of them, and they cost nothing.
 */
export class LastAnswers {
  readonly #answers: Generations<LastAnswer>;
  readonly #stored: Generations<LastStored>;
  readonly #now: () => EpochMs;

  constructor(now: () => EpochMs, capacity = CAPACITY) {
    this.#now = now;
    this.#answers = new Generations(capacity);
    this.#stored = new Generations(capacity);
  }

  readonly listen: Emit = (event) => {
    switch (event.type) {
      case "answered":
        if (event.outcome.word !== "HIT") this.#answered(event);
        return;
      case "not-stored":
        this.#note(event.key, event.reason);
        return;
      case "refreshed":
        this.#note(event.key, codeOfRefresh(event.result));
        return;
      case "stored": {
        const { key, until, epoch, tags } = event;
        const kept = tags.join("").length > MAX_TAG_CHARACTERS ? undefined : tags;
        this.#stored.set(key, { until, epoch, tags: kept });
        return;
      }
      default:
        return;
    }
  };

  /** How many URLs are remembered. */
  get size(): number {
    return this.#answers.size + this.#stored.size;
  }

  /** The last answer to this method. */
  of(method: string, uri: string): LastAnswer | undefined {
    return this.#answers.get(nameOf(method, uri));
  }

  storedUnder(key: string): LastStored | undefined {
    return this.#stored.get(key);
  }

  #answered(event: Extract<CacheEvent, { type: "answered" }>): void {
    const { method, uri, status, outcome, durationMs } = event;
    const code = codeOf(outcome);
    if (code === undefined) return;
    const name = nameOf(method, uri);
    const noted = this.#answers.get(name);
    const at = this.#now();
    // Its body may have ended, and come to nothing, before its client had it.
    const lost = noted !== undefined && noted.at >= at - durationMs && !isStoring(noted.code);
    if (!(outcome.stored === true && lost)) this.#answers.set(name, { at, status, code });
  }

  /** What became of it after its answer. */
  #note(key: string, code: ReasonCode): void {
    const status = this.#answers.get(key)?.status ?? 200;
    this.#answers.set(key, { at: this.#now(), status, code });
  }
}

const isStoring = (code: ReasonCode): boolean => reasonOf(code).group !== "not storing";

const nameOf = (method: string, uri: string): string =>
  method === "GET" || method === "HEAD" ? uri : `${method} ${uri}`;
