import { describe, expect, it } from "vitest";
import { startSite } from "./site.ts";

const PATH = "/data?id=1&cache-control=max-age=60";
const APP = "https://app.example";
const PREFLIGHT = {
  Origin: APP,
  "Access-Control-Request-Method": "PUT",
  "Access-Control-Request-Headers": "content-type, x-token",
};

describe("CORS_ORIGINS", () => {
  it("lets scripts of the named web origins read answers, from the origin and from the cache", async () => {
    const site = await startSite({ settings: { CORS_ORIGINS: `${APP}, https://b.example` } });
    for (const cache of ["MISS/MISS", "HIT/HIT"]) {
      const answer = await site.get(PATH, { Origin: APP });
      expect(answer.cache).toBe(cache);
      expect(answer.header("access-control-allow-origin")).toBe(APP);
      expect(answer.header("vary")).toBe("Origin");
    }
  });

  it("lets nobody else, and stores no one's permission for another", async () => {
    const site = await startSite({ settings: { CORS_ORIGINS: `${APP}, https://b.example` } });
    await site.get(PATH, { Origin: APP });
    const evil = await site.get(PATH, { Origin: "https://evil.example" });
    expect(evil.cache).toBe("HIT/HIT");
    expect(evil.header("access-control-allow-origin")).toBeUndefined();
    const other = await site.get(PATH, { Origin: "https://b.example" });
    expect(other.header("access-control-allow-origin")).toBe("https://b.example");
  });

  it("is for all with *", async () => {
    const site = await startSite({ settings: { CORS_ORIGINS: "*" } });
    const answer = await site.get(PATH, { Origin: "https://anybody.example" });
    expect(answer.header("access-control-allow-origin")).toBe("*");
    expect(answer.header("vary")).toBeUndefined();
  });

  it("answers a preflight without asking the origin", async () => {
    const site = await startSite({ settings: { CORS_ORIGINS: APP } });
    const answer = await site.ask(PATH, { method: "OPTIONS", headers: PREFLIGHT });
    expect(answer.status).toBe(204);
    expect(answer.header("access-control-allow-origin")).toBe(APP);
    expect(answer.header("access-control-allow-methods")).toBe("PUT");
    expect(answer.header("access-control-allow-headers")).toBe("content-type, x-token");
    expect(await site.asked(`OPTIONS ${PATH}`)).toBe(0);
  });

  it("refuses others' preflights by saying nothing of them", async () => {
    const site = await startSite({ settings: { CORS_ORIGINS: APP } });
    const headers = { ...PREFLIGHT, Origin: "https://evil.example" };
    const answer = await site.ask(PATH, { method: "OPTIONS", headers });
    expect(answer.header("access-control-allow-origin")).toBeUndefined();
  });

  it("passes an OPTIONS that is no preflight to the origin", async () => {
    const site = await startSite({ settings: { CORS_ORIGINS: APP } });
    const answer = await site.ask("/echo", { method: "OPTIONS", headers: { Origin: APP } });
    expect(answer.status).toBe(200);
    expect(await site.asked("OPTIONS /echo")).toBe(1);
  });

  it("leaves an origin's own permission as it is", async () => {
    const site = await startSite({ settings: { CORS_ORIGINS: APP } });
    const answer = await site.get("/headers?Access-Control-Allow-Origin=https://own.example", {
      Origin: APP,
    });
    expect(answer.header("access-control-allow-origin")).toBe("https://own.example");
  });

  it("is on errors too, so that a script can read them", async () => {
    const site = await startSite({ settings: { CORS_ORIGINS: APP } });
    await site.behave({ cut_before_head: true });
    const answer = await site.get(PATH, { Origin: APP });
    expect(answer.status).toBe(502);
    expect(answer.header("access-control-allow-origin")).toBe(APP);
  });

  it("adds nothing, and passes preflights on, when it is not set", async () => {
    const site = await startSite();
    expect((await site.get(PATH, { Origin: APP })).header("access-control-allow-origin")).toBeUndefined();
    await site.ask("/echo", { method: "OPTIONS", headers: PREFLIGHT });
    expect(await site.asked("OPTIONS /echo")).toBe(1);
  });
});

describe("SECURITY_HEADERS", () => {
  const NAMES = ["x-content-type-options", "x-frame-options", "referrer-policy"] as const;

  it("adds the usual fields to every answer", async () => {
    const site = await startSite({ settings: { SECURITY_HEADERS: "true" } });
    for (const answer of [
      await site.get(PATH),
      await site.get(PATH),
      await site.ask("/echo", { method: "POST" }),
    ]) {
      expect(NAMES.map((name) => answer.header(name))).toEqual([
        "nosniff",
        "SAMEORIGIN",
        "strict-origin-when-cross-origin",
      ]);
    }
  });

  it("leaves the origin's own as they are", async () => {
    const site = await startSite({ settings: { SECURITY_HEADERS: "true" } });
    const answer = await site.get("/headers?X-Frame-Options=DENY");
    expect(answer.header("x-frame-options")).toBe("DENY");
    expect(answer.header("x-content-type-options")).toBe("nosniff");
  });

  it("adds nothing unless it is set", async () => {
    const site = await startSite();
    const answer = await site.get(PATH);
    expect(NAMES.map((name) => answer.header(name))).toEqual([undefined, undefined, undefined]);
  });

  it("are always on the admin API's own answers", async () => {
    const site = await startSite();
    const answer = await site.admin("/stats");
    expect(answer.header("x-content-type-options")).toBe("nosniff");
    expect(answer.header("x-frame-options")).toBe("DENY");
  });
});
