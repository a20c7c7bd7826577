import { beforeEach, describe, expect, it } from "vitest";
import { Counts, MAX_URLS, OTHER_URLS } from "../../mock-origin/counts.ts";
import type { MockOrigins } from "../../mock-origin/start.ts";
import { ask, jsonOf, put } from "./ask.ts";
import { startTwo } from "./start-two.ts";

const NONE = { total: 0, by_url: {}, conditional: 0, not_modified: 0, health_checks: 0 };

let origins: MockOrigins;
let one: string;
let two: string;

beforeEach(async () => {
  ({ origins, one, two } = await startTwo());
});

const countsOf = async (base: string, query = "") => jsonOf(await ask(base, `/counts${query}`));

describe("GET /counts", () => {
  it("counts requests by method and URL, apart from controls and health checks", async () => {
    await ask(one, "/data?id=1");
    await ask(one, "/data?id=1");
    await ask(one, "/data?id=1", { method: "HEAD" });
    await put(one, "/data?id=1");
    await ask(one, "/nowhere");
    await ask(one, "/health-check");
    await ask(one, "/behavior");
    await ask(one, "/counts");
    expect(await countsOf(one)).toEqual({
      ...NONE,
      total: 5,
      by_url: { "GET /data?id=1": 2, "HEAD /data?id=1": 1, "PUT /data?id=1": 1, "GET /nowhere": 1 },
      health_checks: 1,
    });
    expect(await countsOf(two)).toEqual(NONE);
  });

  it("counts conditional requests and what came of them", async () => {
    await ask(one, "/data?id=1", { headers: { "If-None-Match": "*" } });
    await ask(one, "/data?id=1", { headers: { "If-None-Match": '"old"' } });
    await ask(one, "/data?id=1", { headers: { "If-Modified-Since": "Thu, 01 Jan 2026 00:00:00 GMT" } });
    expect(await countsOf(one)).toMatchObject({ total: 3, conditional: 3, not_modified: 1 });
  });

  it("counts what was failed or broken off, too", async () => {
    await put(one, "/behavior", { cut_before_head: true });
    await ask(one, "/data?id=1").catch(() => {});
    expect((await countsOf(one)).total).toBe(1);
  });

  it("sums the ports with all=1", async () => {
    await ask(one, "/data?id=1");
    await ask(two, "/data?id=1", { headers: { "If-None-Match": "*" } });
    await ask(two, "/data?id=2");
    await ask(two, "/health-check");
    expect(await countsOf(one, "?all=1")).toEqual({
      total: 3,
      by_url: { "GET /data?id=1": 2, "GET /data?id=2": 1 },
      conditional: 1,
      not_modified: 1,
      health_checks: 1,
    });
  });

  it("starts again after DELETE, on this port or on all", async () => {
    for (const url of origins.urls) {
      await ask(url, "/data?id=1", { headers: { "If-None-Match": "*" } });
      await ask(url, "/health-check");
    }
    expect(jsonOf(await ask(one, "/counts", { method: "DELETE" }))).toEqual(NONE);
    expect((await countsOf(two)).total).toBe(1);
    await ask(one, "/counts?all=1", { method: "DELETE" });
    expect(await countsOf(two, "?all=1")).toEqual(NONE);
  });
});

it("counts the first MAX_URLS distinct URLs apart and all others together", () => {
  const counts = new Counts();
  for (let i = 0; i < MAX_URLS + 25; i++) counts.request("GET", `/data?id=${i}`, false);
  counts.request("GET", "/data?id=0", false);
  const { total, by_url } = counts.report();
  expect(total).toBe(MAX_URLS + 26);
  expect(Object.keys(by_url).length).toBe(MAX_URLS + 1);
  expect(by_url["GET /data?id=0"]).toBe(2);
  expect(by_url[OTHER_URLS]).toBe(25);
});
