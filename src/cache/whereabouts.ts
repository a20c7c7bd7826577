import type { FieldLines } from "../policy/fields.ts";
import { variantMatches } from "../policy/key.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import type { Store } from "./ports/store.ts";
import { EVER } from "./purge-memory.ts";
import type { Purges } from "./purges.ts";
import { answersUri, type SearchVariances } from "./search-variances.ts";

/** The instances that share a store with this one. What is asked and answered is text. */
export interface OtherInstances {
  /** What this one is called. */
  readonly name: string;
  /** How this one answers others. */
  answerWith(answer: (question: string) => Promise<string>): void;
  /** What each of the others that are there answers; undefined of those that have not in time. Never rejects. */
  ask(question: string): Promise<ReadonlyMap<string, string | undefined>>;
}

/** What another instance has in its memory. */
export interface Elsewhere {
  readonly instance: string;
  /** False where it has not answered in time, or not what can be understood. */
  readonly answered: boolean;
  /** When what it has there was stored; absent where it has nothing. */
  readonly storedAt?: EpochMs;
}

interface WhereaboutsDeps {
  readonly others: OtherInstances;
  readonly memory: Pick<Store, "inspect">;
  readonly purges: Pick<Purges, "staleSince">;
  readonly variances: SearchVariances;
}

interface Held {
  readonly selecting: StoredResponse["selectingFields"];
  readonly storedAt: EpochMs;
}

/** Which other instance has a response to this request in its memory? Says the same of this one to others. */
export function createWhereabouts({ others, memory, purges, variances }: WhereaboutsDeps) {
  others.answerWith(async (uri) => JSON.stringify(await heldHere(uri)));

  async function heldHere(uri: string): Promise<readonly Held[]> {
    const key = variances.keyFor(uri);
    return (await memory.inspect(key))
      .map(({ entry }) => entry.stored)
      .filter((stored) => answersUri(stored, uri))
      .filter((stored) => purges.staleSince(key, stored.epoch, stored.tags) !== EVER)
      .map(({ selectingFields, responseTime }) => ({ selecting: selectingFields, storedAt: responseTime }));
  }

  return {
    name: others.name,
    /** Never rejects. */
    async elsewhere({ uri, fields }: { readonly uri: string; readonly fields: FieldLines }) {
      const answers = await others.ask(uri);
      return [...answers].map(([instance, text]): Elsewhere => {
        const held = text === undefined ? undefined : parseHeld(text);
        if (held === undefined) return { instance, answered: false };
        const mine = held.filter(({ selecting }) => variantMatches(selecting, fields));
        const [newest] = mine.sort((a, b) => b.storedAt - a.storedAt);
        return { instance, answered: true, ...(newest === undefined ? {} : { storedAt: newest.storedAt }) };
      });
    },
  };
}

export type Whereabouts = ReturnType<typeof createWhereabouts>;

/** Another instance may be of another version. */
function parseHeld(text: string): readonly Held[] | undefined {
  try {
    const held: unknown = JSON.parse(text);
    return Array.isArray(held) && held.every(isHeld) ? held : undefined;
  } catch {
    return undefined;
  }
}

function isHeld(value: unknown): value is Held {
  if (typeof value !== "object" || value === null) return false;
  const { selecting, storedAt } = value as Partial<Record<keyof Held, unknown>>;
  return (
    typeof storedAt === "number" &&
    typeof selecting === "object" &&
    selecting !== null &&
    Object.values(selecting).every((field) => field === null || typeof field === "string")
  );
}
