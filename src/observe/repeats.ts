import type { EpochMs } from "../policy/stored-response.ts";

/**
 * May this be said again? Answers with the number of times it was held back since it
 * was last said, or undefined when it must be held back now.
 */
export type Repeats = (subject: string) => number | undefined;

/**
 * Lets each subject through once per `everyMs` (milliseconds).
 * Remembers at most `maxSubjects`; all further ones share one turn.
 */
export function limitRepeats(everyMs: number, now: () => EpochMs, maxSubjects = 64): Repeats {
  const subjects = new Map<string, { saidAt: EpochMs; heldBack: number }>();
  const others = { saidAt: Number.NEGATIVE_INFINITY, heldBack: 0 };

  return (subject) => {
    const at = now();
    let memory = subjects.get(subject);
    if (memory === undefined) {
      if (subjects.size < maxSubjects) {
        subjects.set(subject, { saidAt: at, heldBack: 0 });
        return 0;
      }
      memory = others;
    }
    const elapsed = at - memory.saidAt;
    // A clock that was set back must not silence us until it has caught up.
    if (elapsed >= 0 && elapsed < everyMs) {
      memory.heldBack++;
      return undefined;
    }
    const heldBack = memory.heldBack;
    memory.saidAt = at;
    memory.heldBack = 0;
    return heldBack;
  };
}
