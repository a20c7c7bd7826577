import { expect, it } from "vitest";
import { startSite } from "./site.ts";

it("an exchange whose body breaks off is one request and one failure in stats and metrics", async () => {
  const site = await startSite();
  const path = "/bytes?n=100000&cache-control=no-store";
  await site.get(path);
  await site.behave({ cut_after_bytes: 70_000 });
  await expect(site.get(path)).rejects.toThrow();
  await site.until("the failure is told", () => site.events.some(({ type }) => type === "origin-failed"));
  const stats = (await site.admin("/stats")).json();
  expect(stats).toMatchObject({ requests: 2, origin_requests: 2, origin_failures: 1 });
  const origin = site.mock.urls[0];
  const lines = (await site.admin("/metrics")).text.split("\n");
  expect(lines.filter((line) => /^freshline_origin_(requests|failures)_total/.test(line))).toEqual([
    `freshline_origin_requests_total{origin="${origin}",code_class="2xx",code="200"} 2`,
    `freshline_origin_failures_total{origin="${origin}",code="reset"} 1`,
  ]);
});

it("what is refused before it is a request is counted like every request", async () => {
  const site = await startSite();
  const refused = await site.ask("/a", { headers: { Host: "no host" } });
  expect(refused.status).toBe(400);
  await site.until("it is told", () => site.events.some(({ type }) => type === "answered"));
  expect((await site.admin("/stats")).json()).toMatchObject({ requests: 1, bypassed: 1, hits: 0, misses: 0 });
  expect((await site.admin("/metrics")).text).toContain(
    'freshline_request_reasons_total{reason="bad_request"} 1\n',
  );
});
