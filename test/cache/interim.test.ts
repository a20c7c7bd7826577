import { expect, it } from "vitest";
import type { FieldLines } from "../../src/policy/fields.ts";
import { aProxy, seen, settled } from "./harness.ts";

/** A proxy, and requests that remember the interim responses they were told of. */
function listening() {
  const proxy = aProxy();
  const heard: [who: string, status: number, fields: FieldLines][] = [];
  const ask = (who: string, method = "GET") =>
    proxy.handle({
      ...proxy.request("/a", { method }),
      onInterim: (status, fields) => void heard.push([who, status, fields]),
    });
  return { proxy, heard, ask };
}

it("a leader hears of them without what ends here, its followers do not", async () => {
  const { proxy, heard, ask } = listening();
  const answers = [ask("leader"), ask("follower")];
  await settled();
  expect(proxy.origin.asked).toHaveLength(1);
  proxy.origin.last.request.onInterim?.(103, ["Link", "</a>", "Keep-Alive", "1", "Content-Length", "3"]);
  proxy.origin.last.answer("x", { cc: "max-age=60" });
  const [leader, follower] = await Promise.all(answers);
  expect(heard).toEqual([["leader", 103, ["Link", "</a>"]]]);
  expect(follower?.outcome.collapsed).toBe(true);
  expect(leader?.outcome.collapsed).toBeUndefined();
});

it("who passes through hears of them", async () => {
  const { proxy, heard, ask } = listening();
  const answer = ask("sender", "POST");
  await settled();
  proxy.origin.last.request.onInterim?.(102, []);
  proxy.origin.last.answer("x");
  await answer;
  expect(heard).toEqual([["sender", 102, []]]);
});

it("a refresh in the background asks for none: whoever set it off has an answer already", async () => {
  const { proxy, ask } = listening();
  await proxy.prime("/a", "x", { cc: "max-age=10, stale-while-revalidate=60" });
  proxy.advance(11);
  expect((await seen(await ask("stale"))).cache).toBe("HIT/UPDATING");
  await settled();
  expect(proxy.origin.last.request).not.toHaveProperty("onInterim");
  proxy.origin.last.answer("y", { cc: "max-age=10" });
  await proxy.drain();
});
