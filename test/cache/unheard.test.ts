import { describe, expect, it } from "vitest";
import { aProxy, GRACE_MS, type Head, settled, type TestProxy } from "./harness.ts";

const LONG: Head = { cc: "max-age=600, stale-while-revalidate=600, stale-if-error=600", etag: '"1"' };

/** Asks while the origin may be asked; `answer` is what it then says. */
async function ask(proxy: TestProxy, target: string, answer: () => void): Promise<string> {
  const before = proxy.origin.asked.length;
  const answering = proxy.get(target);
  await settled();
  if (proxy.origin.asked.length > before) answer();
  const { cache, status } = await answering;
  await proxy.drain();
  return `${status} ${cache}`;
}
const validates = (proxy: TestProxy) => () => proxy.origin.last.notModified({ ...LONG, etag: '"1"' });

describe("while purges of other instances cannot be heard", () => {
  it("what is stored is used for the grace, and then only as the origin confirms it", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", LONG);
    proxy.advance(100);
    for (const [behind, expected] of [
      [0, "200 HIT/HIT"],
      [GRACE_MS, "200 HIT/HIT"],
      [GRACE_MS + 1, "200 HIT/REVALIDATED"],
    ] as const) {
      proxy.log.behind = behind;
      expect(await ask(proxy, "/a", validates(proxy))).toBe(expected);
    }
  });

  it("what the origin has confirmed or given meanwhile is used for the grace again", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", LONG);
    proxy.log.behind = Number.POSITIVE_INFINITY;
    proxy.advance(100);
    expect(await ask(proxy, "/a", validates(proxy))).toBe("200 HIT/REVALIDATED");
    expect(await ask(proxy, "/b", () => proxy.origin.last.answer("new", LONG))).toBe("200 MISS/MISS");
    proxy.advance(GRACE_MS / 1000);
    for (const target of ["/a", "/b"]) expect(await ask(proxy, target, validates(proxy))).toBe("200 HIT/HIT");
    proxy.advance(0.001);
    for (const target of ["/a", "/b"])
      expect(await ask(proxy, target, validates(proxy))).toBe("200 HIT/REVALIDATED");
  });

  it("a stale window opens nothing, and neither does an origin that fails", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", LONG);
    proxy.advance(700);
    proxy.log.behind = 11_000;
    expect(await ask(proxy, "/a", () => proxy.origin.last.answer("", { status: 503 }))).toBe(
      "502 MISS/EXPIRED",
    );
    proxy.log.behind = 0;
    expect(await ask(proxy, "/a", validates(proxy))).toBe("200 HIT/UPDATING");
  });

  it("a response that says it came in the future is not vouched for", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", LONG);
    proxy.log.behind = 11_000;
    proxy.advance(-3600);
    expect(await ask(proxy, "/a", validates(proxy))).toBe("200 HIT/REVALIDATED");
  });
});
