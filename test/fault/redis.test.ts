import { afterAll, expect, it, vi } from "vitest";
import {
  ANSWERS_OUT_OF_STEP,
  NETWORK_FAULTS,
  OWN_KEYS_OF_ANOTHER_TYPE,
  type RedisFault,
  SERVER_FAULTS,
  VALUE_FAULTS,
} from "./redis-faults.ts";
import { DEADLINE_MS, freshRedis, setStage, stopRedis } from "./stage.ts";

vi.setConfig({ testTimeout: 90_000 });
afterAll(stopRedis);

/** So many requests are answered while a fault lasts, and again after what it does is known. */
const ANSWERS = 150;
/** How long hits may be away after the fault. */
const RECOVERY_MS = 3000;
/** What a request takes besides, on a machine that does other things, too. */
const MARGIN_MS = 150;

const FAULTS: readonly RedisFault[] = [
  ...NETWORK_FAULTS,
  ...ANSWERS_OUT_OF_STEP,
  ...SERVER_FAULTS,
  ...VALUE_FAULTS,
  OWN_KEYS_OF_ANOTHER_TYPE,
];

it.each(FAULTS)("a Redis that $name costs hits, and nothing else", async (fault) => {
  const stage = await setStage(await freshRedis());
  const { site, load } = stage;
  const moreAnswers = () => {
    const wanted = load.answers.length + ANSWERS;
    return site.until(`${ANSWERS} more answers`, () => load.answers.length >= wanted);
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
  expect(recoveredMs).toBeLessThan(RECOVERY_MS + stoodStillMs);
  if (fault.meanwhile === "away") {
    // One request a second finds out whether it is back.
    const asked = answers.filter(({ at, ms }) => at - ms > knownAt && at < mendedAt);
    const waited = asked.filter(({ ms }) => ms > DEADLINE_MS / 2 + stoodStillMs);
    expect(waited.length).toBeLessThan(2 + (mendedAt - knownAt) / 1000);
  }
});
