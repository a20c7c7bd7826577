import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import { ask } from "../scenario/site.ts";
import { MARGIN_MS } from "./endure.ts";
import { DEADLINE_MS, freshRedis, setStage, stopRedis } from "./stage.ts";

afterAll(stopRedis);

const versionIn = (text: string): number => Number(/version (\d+)\n/.exec(text)?.[1]);

it("unsafe requests wait for a late Redis no longer than for one command, and hold at once where they were made", async () => {
  const { link, site, load } = await setStage(await freshRedis());
  const to = (i: number, method: string) => ask(`http://127.0.0.1:${site.proxy.port}/small/${i}`, { method });
  await link.breakBy({ delayMs: 350 });
  const waits: number[] = [];
  // Each comes while the log is read for another one.
  await Promise.all(
    Array.from({ length: 12 }, async (_, i) => {
      await sleep(i * 130);
      const startedAt = performance.now();
      const written = await to(i, "PUT");
      waits.push(performance.now() - startedAt);
      expect(written.status).toBe(200);
      expect(versionIn((await to(i, "GET")).text)).toBeGreaterThan(versionIn(written.text));
    }),
  );
  await link.mend();
  await load.stop();
  expect(Math.max(...waits)).toBeLessThan(DEADLINE_MS + MARGIN_MS + 2 * load.stoodStillMs());
});
