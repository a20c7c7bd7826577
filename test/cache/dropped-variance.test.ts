import { expect, it } from "vitest";
import { aProxy, settled } from "./harness.ts";

it("a No-Vary-Search that the origin drops gives nobody another URL's answer, in a burst or later", async () => {
  const proxy = aProxy();
  await proxy.prime("/a?x=0", "/a?x=0", { cc: "max-age=5", fields: ["No-Vary-Search", 'params=("x")'] });
  proxy.advance(6);
  const urls = Array.from({ length: 20 }, (_, i) => `/a?x=${i}`);
  const burst = urls.map((url) => proxy.get(url));
  await settled();
  // They were equivalent until now.
  expect(proxy.origin.asked).toHaveLength(1);
  proxy.origin.script = (asked) => void asked.answer(asked.request.target, { cc: "max-age=60" });
  proxy.origin.last.answer(proxy.origin.last.request.target, { cc: "max-age=60" });
  expect((await Promise.all(burst)).map(({ text }) => text)).toEqual(urls);
  await proxy.drain();
  for (const url of ["/a", ...urls]) expect((await proxy.get(url)).text).toBe(url);
});
