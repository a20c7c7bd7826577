import { expect } from "vitest";
import type { RedisFault } from "./redis-faults.ts";
import { DEADLINE_MS, type ServerStage } from "./stage.ts";

/** So many requests are answered while a fault lasts, and again after what it does is known. */
const ANSWERS = 150;
/** What a request takes besides, on a machine that does other things, too. */
export const MARGIN_MS = 150;

/**
 * Lets the fault come and go, and expects that it costs hits alone: no wrong byte or status, no wait
 * beyond the deadline, and hits again so soon after it is mended.
 */
export async function endure<S extends ServerStage>(
  stage: S,
  fault: RedisFault<S>,
  recoveryMs: number,
): Promise<void> {
  const { site, load } = stage;
  const moreAnswers = () => {
    const { answers: more = ANSWERS } = fault;
    const wanted = load.answers.length + more;
    return site.until(`${more} more answers`, () => load.answers.length >= wanted);
  };
  const isAway = () => site.events.some((event) => event.type === "store-state" && !event.up);

  const brokenAt = performance.now();
  await fault.break(stage);
  if (fault.meanwhile === "away") await site.until("Redis counts as away", isAway);
  const knownAt = performance.now();
  await moreAnswers();
  if (fault.meanwhile === "hits") expect(load.hitRatio(brokenAt)).toBeGreaterThan(0.9);
  await fault.mend?.(stage);
  const mendedAt = performance.now();
  await site.until("there are hits again", () => load.hitRatio(mendedAt) > 0.95);
  const recoveredMs = performance.now() - mendedAt;
  await load.stop();

  const stoodStillMs = 2 * load.stoodStillMs();
  const answers = load.answers.filter(({ at }) => at > brokenAt);
  expect(answers.flatMap(({ wrong }) => wrong ?? [])).toEqual([]);
  expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(DEADLINE_MS + MARGIN_MS + stoodStillMs);
  expect(recoveredMs).toBeLessThan(recoveryMs + stoodStillMs);
  if (fault.meanwhile === "away") {
    // One request a second finds out whether it is back.
    const asked = answers.filter(({ at, ms }) => at - ms > knownAt && at < mendedAt);
    const waited = asked.filter(({ ms }) => ms > DEADLINE_MS / 2 + stoodStillMs);
    expect(waited.length).toBeLessThan(2 + (mendedAt - knownAt) / 1000);
  }
}
