import { expect, it } from "vitest";
import type { CacheResponse } from "../../src/cache/exchange.ts";
import { createWarm, WARM_BODY_MS } from "../../src/cache/warm.ts";
import { bytesOf, ScriptedBody, settled } from "./harness.ts";

/** Warms one URL whose answer is stored and has this body, with a time that is over when the test says so. */
function warming(stream: ScriptedBody) {
  const timers = new Map<() => void, number>();
  const response: CacheResponse = {
    status: 200,
    statusMessage: "OK",
    fields: [],
    body: { type: "stream", stream },
    outcome: { word: "MISS", body: "origin", fwd: "uri-miss", stored: true },
  };
  const warm = createWarm({
    handle: async () => response,
    defaultHost: "cache.test",
    origins: () => [],
    keying: { ignoredParameters: [] },
    timer(callback, ms) {
      timers.set(callback, ms);
      return () => void timers.delete(callback);
    },
  });
  return { result: warm(["/a"]), timers };
}

it("a body that the cache wants is waited for to its end, for a minute", async () => {
  const body = new ScriptedBody().push(bytesOf("some"));
  const { result, timers } = warming(body);
  await settled();
  expect([...timers.values()]).toEqual([WARM_BODY_MS]);
  body.push(bytesOf("more")).end();
  expect(await result).toEqual({ requested: 1, warmed: 1, failed: [] });
  expect(timers.size).toBe(0);
});

it("a body that the cache wants and that never ends is left after a minute", async () => {
  const body = new ScriptedBody().push(bytesOf("some"));
  const { result, timers } = warming(body);
  await settled();
  for (const over of timers.keys()) over();
  expect(await result).toEqual({
    requested: 1,
    warmed: 0,
    failed: [{ url: "/a", detail: "its body had not ended after 60 s" }],
  });
  expect(body.returned).toBe(true);
});
