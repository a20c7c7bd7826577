import type { Epoch, EpochMs } from "../policy/stored-response.ts";
import type { OtherInstances } from "./whereabouts.ts";

/** What an instance says of itself. */
export interface OwnWords {
  readonly version: string;
  /** When it began. */
  readonly since: EpochMs;
  /** Up to which purge it has heard. */
  readonly epoch: Epoch;
  /** For how long purges may have gone unheard, in milliseconds; null before any was heard. */
  readonly behind_ms: number | null;
}

/** One of the instances that share a purge log; null where it has not said so in time. */
export type PresentInstance = { readonly instance: string; readonly self: boolean } & {
  readonly [Name in keyof OwnWords]: OwnWords[Name] | null;
};

/** No URI, which is what others are asked for besides (whereabouts.ts). */
const QUESTION = "who are you?";
const SILENT = { version: null, since: null, epoch: null, behind_ms: null };

/** Which instances are there, of what version, and which purges have they heard? Says the same of this one to others. */
export function createRollCall(others: OtherInstances, own: () => OwnWords) {
  return {
    /** For who asks them something else. */
    others: {
      name: others.name,
      ask: (question) => others.ask(question),
      answerWith: (answer) =>
        others.answerWith(async (question) =>
          question === QUESTION ? JSON.stringify(own()) : answer(question),
        ),
    } satisfies OtherInstances,
    /** This one first. Never rejects. */
    async instances(): Promise<readonly PresentInstance[]> {
      const answers = await others.ask(QUESTION);
      const theirs = [...answers].sort(([a], [b]) => (a < b ? -1 : 1));
      return [
        { instance: others.name, self: true, ...own() },
        ...theirs.map(([instance, text]) => ({
          instance,
          self: false,
          ...((text === undefined ? undefined : parseWords(text)) ?? SILENT),
        })),
      ];
    },
  };
}

/** Another instance may be of another version, and know no such question. */
function parseWords(text: string): OwnWords | undefined {
  try {
    const { version, since, epoch, behind_ms } = JSON.parse(text) as Partial<Record<keyof OwnWords, unknown>>;
    if (typeof version !== "string" || typeof since !== "number" || typeof epoch !== "number")
      return undefined;
    return { version, since, epoch, behind_ms: typeof behind_ms === "number" ? behind_ms : null };
  } catch {
    return undefined;
  }
}
