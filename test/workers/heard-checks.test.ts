import { expect, it } from "vitest";
import { HeardChecks } from "../../src/workers/heard-checks.ts";

const A = "http://a";
const B = "http://b";
const C = "http://c";
const good = (origin: string) => ({ origin, healthy: true, detail: "answered 200" });
const OPTIONS = {
  healthCheckPath: "/",
  healthCheckIntervalMs: 1,
  healthCheckTimeoutMs: 1,
  maxHeaderBytes: 1,
};

function made(heard: HeardChecks, origins: readonly string[]) {
  const told: string[] = [];
  const checks = heard.create(origins, OPTIONS, (origin, healthy, detail, failure) =>
    told.push(`${origin} ${healthy} ${detail} ${failure}`),
  );
  let ready = false;
  void checks.ready.then(() => {
    ready = true;
  });
  const isReady = async () => {
    await new Promise(setImmediate);
    return ready;
  };
  return { told, isReady };
}

it("are ready when each origin was heard of, before or since", async () => {
  const heard = new HeardChecks([good(A)]);
  heard.hear({ origin: B, healthy: false, detail: "expired", failure: "certificate" });
  const { told, isReady } = made(heard, [A, B, C]);
  expect(await isReady()).toBe(false);
  heard.hear(good(C));
  expect(await isReady()).toBe(true);
  expect(told).toEqual([
    `${A} true answered 200 undefined`,
    `${B} false expired certificate`,
    `${C} true answered 200 undefined`,
  ]);
});

it("do not wait for an origin that was removed meanwhile, before they began or since", async () => {
  const heard = new HeardChecks([good(A)]);
  heard.remove(B);
  const { isReady } = made(heard, [A, B, C]);
  expect(await isReady()).toBe(false);
  heard.remove(C);
  expect(await isReady()).toBe(true);
  const alone = new HeardChecks([]);
  alone.remove(A);
  expect(await made(alone, [A]).isReady()).toBe(true);
});
