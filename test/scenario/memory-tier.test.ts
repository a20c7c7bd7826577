import { describe, expect, it, onTestFinished } from "vitest";
import { startMockOrigins } from "../../mock-origin/start.ts";
import { startProgram } from "./program.ts";
import { startSite } from "./site.ts";

interface Memory {
  entries: number;
  bytes: number;
  evictions: number;
}

it("the memory tier stays within its bytes and keeps what is asked for again", async () => {
  const site = await startSite({ settings: { CACHE_MEMORY_BYTES: "200KiB" } });
  const path = (seed: number) => `/bytes?n=10000&seed=${seed}&cache-control=max-age=600`;
  await site.get(path(0));
  for (let seed = 1; seed <= 60; seed++) {
    await site.get(path(seed));
    expect((await site.get(path(0))).cache).toBe("HIT/HIT");
  }
  expect((await site.get(path(1))).cache).toBe("MISS/MISS");
  const { entries, bytes, evictions } = (await site.admin("/stats")).json() as unknown as Memory;
  expect(bytes).toBeLessThanOrEqual(200 * 1024);
  expect(bytes).toBeGreaterThan(100 * 1024);
  expect(entries).toBeLessThanOrEqual(20);
  expect(entries + evictions).toBe(62);
  expect(await site.asked(`GET ${path(0)}`)).toBe(1);
});

it("a body larger than the largest object is passed on whole, and not stored", async () => {
  const site = await startSite({ settings: { CACHE_MAX_OBJECT_BYTES: "64KiB" } });
  for (const chunked of ["", "&chunked=1"]) {
    const path = `/bytes?n=200000${chunked}&cache-control=max-age=600`;
    const direct = await site.origin(path);
    for (let i = 0; i < 2; i++) {
      const answer = await site.get(path);
      expect(answer.cache).toBe("MISS/MISS");
      expect(answer.body.equals(direct.body)).toBe(true);
    }
  }
  expect((await site.admin("/stats")).json()).toMatchObject({ entries: 0, bytes: 0 });
});

it("without memory and without Redis nothing is kept, and everything works", async () => {
  const site = await startSite({ settings: { CACHE_MEMORY_BYTES: "0" } });
  const path = "/data?id=1&cache-control=max-age=60";
  for (let i = 0; i < 3; i++) expect((await site.get(path)).cache).toBe("MISS/MISS");
  expect((await site.admin("/stats")).json()).toMatchObject({ entries: 0, bytes: 0, hits: 0, misses: 3 });
});

describe("without Redis the longest body is what memory takes, an eighth of CACHE_MEMORY_BYTES:", () => {
  it("a longer one is not announced as stored", async () => {
    const site = await startSite({ settings: { CACHE_MEMORY_BYTES: "80000" } });
    const path = (n: number) => `/bytes?n=${n}&cache-control=max-age=60`;
    expect(site.proxy.maxObjectBytes).toBe(10_000);
    const miss = "freshline; fwd=uri-miss; fwd-status=200";
    expect((await site.get(path(10_000))).header("cache-status")).toBe(`${miss}; stored`);
    expect((await site.get(path(10_000))).cache).toBe("HIT/HIT");
    expect((await site.get(path(10_001))).header("cache-status")).toBe(`${miss}; detail=too-large`);
    expect((await site.get(path(10_001))).cache).toBe("MISS/MISS");
  });

  it("the log says so at the start, where that is less than CACHE_MAX_OBJECT_BYTES", async () => {
    const mock = await startMockOrigins({ ports: [0] });
    onTestFinished(() => mock.close());
    const start = (bytes: string) =>
      startProgram({ ORIGINS: mock.urls.join(","), LOG_FORMAT: "json", CACHE_MEMORY_BYTES: bytes });
    const small = await start("8MiB");
    await small.says('"max_object_bytes":1048576');
    const large = await start("128MiB");
    await large.says("the cache is this process's memory alone");
    large.child.kill("SIGTERM");
    await large.exited;
    expect(large.out()).not.toContain("max_object_bytes");
  });
});

it("a default TTL makes a success fresh that says nothing of it, and no error", async () => {
  const site = await startSite({ standingClock: true, settings: { CACHE_DEFAULT_TTL: "5m" } });
  await site.get("/data?id=1");
  await site.get("/status?code=404");
  await site.get("/status?code=500");
  expect((await site.get("/status?code=404")).cache).toBe("MISS/MISS");
  expect((await site.get("/status?code=500")).cache).toBe("MISS/MISS");
  site.advance(299);
  expect((await site.get("/data?id=1")).cache).toBe("HIT/HIT");
  site.advance(1);
  expect((await site.get("/data?id=1")).cache).toBe("HIT/REVALIDATED");
});

it.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])(
  "the answer to %s is not stored",
  async (method) => {
    const site = await startSite();
    for (let i = 0; i < 2; i++) {
      const answer = await site.ask("/echo", { method });
      expect(answer.cache).toBe("MISS/BYPASS");
      expect(answer.header("cache-status")).toBe("freshline; fwd=method; fwd-status=200");
    }
    expect(await site.asked(`${method} /echo`)).toBe(2);
  },
);

it.each([200, 203, 301, 404, 410])("a %i with a lifetime is stored", async (code) => {
  const site = await startSite();
  const path = `/status?code=${code}&cache-control=max-age=60`;
  await site.get(path);
  const again = await site.get(path);
  expect(again.status).toBe(code);
  expect(again.cache).toBe("HIT/HIT");
});

it.each([400, 403, 500, 502, 503])("a %i without a lifetime is not", async (code) => {
  const site = await startSite({ settings: { CACHE_DEFAULT_TTL: "5m" } });
  const path = `/status?code=${code}`;
  await site.get(path);
  const again = await site.get(path);
  expect(again.status).toBe(code);
  expect(again.cache).toBe("MISS/MISS");
});
