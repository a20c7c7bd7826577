import { afterAll, expect, it } from "vitest";
import { LARGE } from "./load.ts";
import { NETWORK_FAULTS } from "./redis-faults.ts";
import { freshRedis, type Stage, setStage, stopRedis } from "./stage.ts";

afterAll(stopRedis);

/** A bit of every chunk, in another place of each. */
const DAMAGED_CHUNKS = `
local done = 0
for _, key in ipairs(redis.call('KEYS', 'freshline:{http*')) do
  if redis.call('TYPE', key).ok == 'string' then
    done = done + 1
    local value = redis.call('GETRANGE', key, 0, -1)
    local at = (done * 4099) % #value
    redis.call('SETRANGE', key, at, string.char(bit.bxor(string.byte(value, at + 1), 1)))
  end
end
return done
`;

const isVisiblyCut = (wrong: string): boolean =>
  /Error: (aborted|socket hang up|read ECONNRESET)$/.test(wrong);

it.each([
  ...NETWORK_FAULTS.map(({ name, ...fault }) => ({ ...fault, name: `that ${name}` })),
  {
    name: "that holds damaged chunks",
    break: ({ redis }: Stage) => redis.command("EVAL", DAMAGED_CHUNKS, 0),
    mend: undefined,
  },
])("a body in chunks, from a Redis $name, is right or visibly cut", async (fault) => {
  const stage = await setStage(await freshRedis(), LARGE);
  const { site, load } = stage;
  const brokenAt = performance.now();
  await fault.break(stage);
  const wanted = load.answers.length + 60;
  await site.until(
    "60 more answers",
    () => load.answers.length >= wanted || performance.now() > brokenAt + 4000,
  );
  await fault.mend?.(stage);
  const mendedAt = performance.now();
  await site.until("there are hits again", () => load.hitRatio(mendedAt) > 0.95);
  await load.stop();
  const wrong = load.answers.flatMap((answer) => answer.wrong ?? []);
  expect(wrong.filter((what) => !isVisiblyCut(what))).toEqual([]);
  // Who had the head already when the chunks went away: the clients that there are, once or twice.
  expect(wrong.length).toBeLessThan(40);
  const afterwards = load.answers.filter(({ at, ms }) => at - ms > mendedAt + 1000);
  expect(afterwards.flatMap((answer) => answer.wrong ?? [])).toEqual([]);
});
