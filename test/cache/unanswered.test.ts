import { describe, expect, it } from "vitest";
import type { OriginError } from "../../src/cache/ports/origin.ts";
import { aProxy, settled, type TestProxy } from "./harness.ts";

const ONE = { fields: ["X-Size", "1"] };
const OTHER = { fields: ["X-Size", "2"] };

/** Two variants of what is written to, and a neighbour. */
async function filled(): Promise<TestProxy> {
  const proxy = aProxy();
  const head = { cc: "max-age=60", fields: ["Vary", "X-Size"] };
  for (const ask of [ONE, OTHER]) await proxy.prime("/written", "old", head, ask);
  await proxy.prime("/other", "old", { cc: "max-age=60" });
  return proxy;
}

const isStored = (proxy: TestProxy, target: string, ask = {}): Promise<boolean> =>
  Promise.race([
    proxy.get(target, ask).then(({ cache }) => cache === "HIT/HIT"),
    settled().then(() => false),
  ]);

async function write(proxy: TestProxy, method: string, code: OriginError["code"]) {
  const writing = proxy.get("/written", { method });
  await settled();
  proxy.origin.last.fail(code);
  return writing;
}

describe("an unsafe request that was sent and never answered", () => {
  it.each(["timeout", "reset", "malformed"] as const)(
    "(%s) invalidates every variant of its target",
    async (code) => {
      const proxy = await filled();
      const { status } = await write(proxy, "PUT", code);
      expect(status).toBe(code === "timeout" ? 504 : 502);
      for (const ask of [ONE, OTHER]) expect(await isStored(proxy, "/written", ask)).toBe(false);
      expect(await isStored(proxy, "/other")).toBe(true);
    },
  );

  it("because its client left invalidates its target", async () => {
    const proxy = await filled();
    const client = new AbortController();
    const writing = proxy.get("/written", { method: "DELETE", signal: client.signal });
    await settled();
    client.abort();
    await writing;
    expect(await isStored(proxy, "/written", ONE)).toBe(false);
  });

  it("invalidates here at once, though the purge log is away", async () => {
    const proxy = await filled();
    proxy.log.away = true;
    await write(proxy, "POST", "reset");
    expect(await isStored(proxy, "/written", ONE)).toBe(false);
  });
});

describe("a request that has changed nothing", () => {
  it.each(["refused", "connect", "overloaded", "no-healthy-origin"] as const)(
    "because no origin has seen it (%s) invalidates nothing",
    async (code) => {
      const proxy = await filled();
      await write(proxy, "PUT", code);
      expect(await isStored(proxy, "/written", ONE)).toBe(true);
    },
  );

  it("because its method is safe invalidates nothing", async () => {
    const proxy = await filled();
    await write(proxy, "OPTIONS", "reset");
    expect(await isStored(proxy, "/written", ONE)).toBe(true);
  });
});
