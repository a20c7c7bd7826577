import type { ShownOrigin } from "../../answers.ts";

/** Ten minutes in steps that are long enough for a bar. */
export const STEPS = 40;
export const STEP_MS = 15_000;

/** Was the origin healthy all through each of the last steps of which that is known? The oldest first. */
export function healthySteps(
  { healthy, since, history }: Pick<ShownOrigin, "healthy" | "since" | "history">,
  now: number,
): boolean[] {
  const changes = history.map((change) => ({ at: Date.parse(change.at), healthy: change.healthy }));
  // Before the first change that is known it was the other.
  const before = changes[0] === undefined ? healthy : !changes[0].healthy;
  const healthyAt = (time: number): boolean => changes.findLast(({ at }) => at <= time)?.healthy ?? before;
  // Without a change it is what it was when it was first looked at; of what was before nobody knows.
  const known = changes.length > 0 ? STEPS : Math.ceil((now - Date.parse(since)) / STEP_MS);
  const steps = Math.min(STEPS, Math.max(1, known));
  return Array.from({ length: steps }, (_, i) => {
    const begin = now - (steps - i) * STEP_MS;
    const end = begin + STEP_MS;
    return (
      healthyAt(begin) && !changes.some((change) => !change.healthy && change.at > begin && change.at <= end)
    );
  });
}
