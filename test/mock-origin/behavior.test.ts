import { beforeEach, describe, expect, it } from "vitest";
import { mergeBehavior } from "../../mock-origin/behavior.ts";
import type { MockOrigins } from "../../mock-origin/start.ts";
import { exchange } from "../scenario/raw.ts";
import { ask, jsonOf, put } from "./ask.ts";
import { startTwo } from "./start-two.ts";

let origins: MockOrigins;
let one: string;
let two: string;

beforeEach(async () => {
  ({ origins, one, two } = await startTwo());
});

/** Every byte that comes back to a plain GET. */
const rawGet = (base: string, path: string) =>
  exchange(Number(new URL(base).port), `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);

describe("PUT /behavior", () => {
  it("merges fields, clears them with null, and DELETE clears all", async () => {
    expect(jsonOf(await put(one, "/behavior", { status: 503, delay_ms: 1 }))).toEqual({
      status: 503,
      delay_ms: 1,
    });
    expect(jsonOf(await put(one, "/behavior", { delay_ms: null, etag: false }))).toEqual({
      status: 503,
      etag: false,
    });
    expect(jsonOf(await ask(one, "/behavior"))).toEqual({ status: 503, etag: false });
    expect(jsonOf(await ask(one, "/behavior", { method: "DELETE" }))).toEqual({});
    expect((await ask(one, "/data?id=1")).status).toBe(200);
  });

  it("concerns its own port, or every port with all=1", async () => {
    await put(one, "/behavior", { status: 500 });
    expect((await ask(one, "/data?id=1")).status).toBe(500);
    expect((await ask(two, "/data?id=1")).status).toBe(200);

    await put(two, "/behavior?all=1", { delay_ms: 0 });
    expect(jsonOf(await ask(one, "/behavior"))).toEqual({ status: 500, delay_ms: 0 });
    expect(jsonOf(await ask(two, "/behavior"))).toEqual({ delay_ms: 0 });

    await ask(two, "/behavior?all=1", { method: "DELETE" });
    expect(jsonOf(await ask(one, "/behavior"))).toEqual({});
  });

  it.each([
    [{ colour: 1 }, "colour"],
    [{ constructor: 1 }, "constructor"],
    [{ status: "503" }, "status"],
    [{ status: 199 }, "status"],
    [{ status: 600 }, "status"],
    [{ status: 503.5 }, "status"],
    [{ delay_ms: -1 }, "delay_ms"],
    [{ delay_ms: 300_001 }, "delay_ms"],
    [{ cut_after_bytes: -1 }, "cut_after_bytes"],
    [{ cut_before_head: 1 }, "cut_before_head"],
    [{ healthy: "no" }, "healthy"],
    [{ etag: 0 }, "etag"],
    [[], "object"],
    [5, "object"],
    [null, "object"],
  ])("rejects %j, says why, and changes nothing", async (change, word) => {
    await put(one, "/behavior?all=1", { healthy: true });
    const mixed = typeof change === "object" && change !== null && !Array.isArray(change);
    const reply = await put(one, "/behavior?all=1", mixed ? { status: 500, ...change } : change);
    expect(reply.status).toBe(400);
    expect(jsonOf(reply).error).toContain(word);
    for (const url of origins.urls) expect(jsonOf(await ask(url, "/behavior"))).toEqual({ healthy: true });
  });

  it("takes every field at its bounds", () => {
    const least = {
      status: 200,
      delay_ms: 0,
      cut_after_bytes: 0,
      cut_before_head: false,
      healthy: false,
      etag: false,
    };
    const most = { status: 599, delay_ms: 300_000, cut_after_bytes: Number.MAX_SAFE_INTEGER };
    expect(mergeBehavior({}, least)).toEqual({ type: "merged", behavior: least });
    expect(mergeBehavior(least, most)).toEqual({ type: "merged", behavior: { ...least, ...most } });
  });
});

describe("a port that is told to", () => {
  it.each(["/data?id=1", "/echo", "/bytes?n=5", "/headers?a=b", "/status?code=200", "/events"])(
    "answer 503 does so on %s",
    async (path) => {
      await put(one, "/behavior", { status: 503 });
      const reply = await ask(one, path);
      expect(reply.status).toBe(503);
      expect(jsonOf(reply).error).toContain("503");
      expect(reply.fields).not.toHaveProperty("etag");
    },
  );

  it("answer 503 changes no data", async () => {
    const before = (await ask(two, "/data?id=1")).body;
    await put(one, "/behavior", { status: 503 });
    await put(one, "/data?id=1", { value: "lost" });
    expect((await ask(two, "/data?id=1")).body).toEqual(before);
  });

  it("answer 204 sends no content", async () => {
    await put(one, "/behavior", { status: 204 });
    const reply = await ask(one, "/data?id=1");
    expect([reply.status, reply.body.length]).toEqual([204, 0]);
    expect(reply.fields).not.toHaveProperty("content-length");
  });

  it("wait does so, while the other ports and the controls answer at once", async () => {
    await put(one, "/behavior", { delay_ms: 300_000 });
    let answered = false;
    const slow = ask(one, "/data?id=1").then(
      () => (answered = true),
      () => "broken off",
    );
    for (const path of ["/behavior", "/counts", "/health-check"])
      expect((await ask(one, path)).status).toBe(200);
    expect((await ask(two, "/data?id=1")).status).toBe(200);
    expect(answered).toBe(false);
    await origins.close();
    expect(await slow).toBe("broken off");
  });

  it("wait answers when the time has passed", async () => {
    await put(one, "/behavior", { delay_ms: 80 });
    const began = performance.now();
    expect((await ask(one, "/data?id=1")).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThanOrEqual(75);
  });

  it.each([0, 10])("break off after %i bytes promises the whole length and breaks off there", async (cut) => {
    const whole = await ask(one, "/data?id=1");
    await put(one, "/behavior", { cut_after_bytes: cut });
    const reply = await ask(one, "/data?id=1");
    expect(reply.status).toBe(200);
    expect(reply.fields["content-length"]).toBe(String(whole.body.length));
    expect(reply.body).toEqual(whole.body.subarray(0, cut));
    expect(reply.complete).toBe(false);
  });

  it("break off in the middle of chunks sends no last chunk", async () => {
    await put(one, "/behavior", { cut_after_bytes: 100_000 });
    const reply = await ask(one, "/bytes?n=200000&chunked=1");
    expect([reply.body.length, reply.complete]).toEqual([100_000, false]);
  });

  it("break off does not wait for what comes after the break", async () => {
    await put(one, "/behavior", { cut_after_bytes: 5 });
    const reply = await ask(one, "/events?n=2&every_ms=60000");
    expect([reply.body.toString(), reply.complete]).toEqual(["id: 1", false]);
  });

  it("break off beyond the end sends everything and closes", async () => {
    await put(one, "/behavior", { cut_after_bytes: 1_000_000 });
    const text = await rawGet(one, "/headers?a=b");
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nok$/s);
  });

  it("break off before the head sends no byte", async () => {
    await put(one, "/behavior", { cut_before_head: true });
    expect(await rawGet(one, "/data?id=1")).toBe("");
    await expect(ask(one, "/data?id=1")).rejects.toThrow();
    expect((await ask(two, "/data?id=1")).status).toBe(200);
  });

  it("be unhealthy says so on the health check alone", async () => {
    const well = await ask(one, "/health-check");
    expect([well.status, jsonOf(well)]).toEqual([200, { status: "ok" }]);
    await put(one, "/behavior", { healthy: false });
    const ill = await ask(one, "/health-check");
    expect([ill.status, jsonOf(ill)]).toEqual([503, { status: "unhealthy" }]);
    expect((await ask(one, "/data?id=1")).status).toBe(200);
    expect((await ask(two, "/health-check")).status).toBe(200);
  });

  it("be without entity tags sends none and validates none", async () => {
    await put(one, "/behavior", { etag: false });
    for (const path of ["/data?id=1", "/bytes?n=5"]) {
      const reply = await ask(one, path, { headers: { "If-None-Match": "*" } });
      expect(reply.status).toBe(200);
      expect(reply.fields).not.toHaveProperty("etag");
    }
    expect((await put(one, "/data?id=1")).fields).not.toHaveProperty("etag");
  });

  it.each([{ status: 500 }, { cut_after_bytes: 0 }, { cut_before_head: true }])(
    "fail with %j still answers the controls and the health check",
    async (behavior) => {
      await put(one, "/behavior", behavior);
      for (const path of ["/behavior", "/counts", "/health-check"]) {
        const reply = await ask(one, path);
        expect([path, reply.status, reply.complete]).toEqual([path, 200, true]);
      }
    },
  );
});
