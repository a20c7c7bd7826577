import { describe, expect, it, onTestFinished } from "vitest";
import type { AdminDeps } from "../../src/admin/api.ts";
import { listenAdmin } from "../../src/admin/listen.ts";
import { Allowances } from "../../src/admin/rate-limit.ts";
import { anApi } from "../admin/an-api.ts";
import { startOrigin } from "../scenario/own-origin.ts";
import { startProgram } from "../scenario/program.ts";
import { ask, startSite } from "../scenario/site.ts";

/** The API on a socket, with a clock that the test moves. */
async function listening(deps: Partial<AdminDeps> = {}) {
  const clock = { ms: 0 };
  const api = anApi({ elapsed: () => clock.ms, ...deps });
  const listener = await listenAdmin(api.app, { host: "127.0.0.1", port: 0 });
  onTestFinished(() => listener.close(0));
  return { ...api, clock, url: (path: string) => `http://127.0.0.1:${listener.port}${path}` };
}

const TOKEN = "correct-horse-battery";
const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

describe("an address that guesses tokens", () => {
  it("is not told any more whether one was right, until it has waited", async () => {
    const { url, clock } = await listening({ token: TOKEN });
    for (let i = 0; i < 20; i++) expect((await ask(url("/stats"), bearer(`guess-${i}`))).status).toBe(401);
    for (const token of ["guess-20", TOKEN]) {
      const answer = await ask(url("/stats"), bearer(token));
      expect(answer.status).toBe(429);
      expect(answer.header("retry-after")).toBe("1");
      expect(answer.json()).toMatchObject({ code: "too_many_requests" });
    }
    expect((await ask(url("/health/live"))).status).toBe(200);
    clock.ms += 1000;
    expect((await ask(url("/stats"), bearer(TOKEN))).status).toBe(200);
    expect((await ask(url("/stats"), bearer("guess-21"))).status).toBe(401);
    expect((await ask(url("/stats"), bearer(TOKEN))).status).toBe(429);
  });

  it("is the only one that waits, and who knows the token never does", async () => {
    let ms = 0;
    const guesses = new Allowances({ burst: 2, perSecond: 1 }, () => ms);
    expect([guesses.take("a"), guesses.take("a"), guesses.take("a")]).toEqual([true, true, false]);
    expect([guesses.has("a"), guesses.has("b")]).toEqual([false, true]);
    ms += 3_600_000;
    // Waiting long gives no more than there was at first.
    expect([guesses.take("a"), guesses.take("a"), guesses.take("a")]).toEqual([true, true, false]);
    const { url } = await listening({ token: TOKEN });
    for (let i = 0; i < 50; i++) expect((await ask(url("/stats"), bearer(TOKEN))).status).toBe(200);
  });

  it("is remembered among 10,000, whatever number there are", () => {
    const guesses = new Allowances({ burst: 1, perSecond: 1 }, () => 0);
    for (let i = 0; i < 25_000; i++) guesses.take(`address-${i}`);
    expect(guesses.size).toBe(10_000);
    expect([guesses.has("address-24999"), guesses.has("address-0")]).toEqual([false, true]);
  });
});

it("an address that asks too often is told to wait", async () => {
  const { app, clock } = await listening();
  for (let i = 0; i < 2000; i++) await app.request("/health/live");
  const refused = await app.request("/stats", { headers: { Host: "localhost" } });
  expect(refused.status).toBe(429);
  expect(refused.headers.get("x-content-type-options")).toBe("nosniff");
  clock.ms += 2;
  expect((await app.request("/stats", { headers: { Host: "localhost" } })).status).toBe(200);
});

describe("another site's page", () => {
  it.each([
    ["a form", { Referer: "http://evil.example/x", "Content-Type": "application/x-www-form-urlencoded" }],
    ["a form with an origin", { Origin: "http://evil.example", "Content-Type": "text/plain" }],
    ["a form of a page on another port", { Referer: "http://127.0.0.1:1/" }],
  ])("changes nothing by %s", async (_, headers) => {
    const { url, purged } = await listening();
    const answer = await ask(url("/purge"), { method: "POST", headers, body: '{"everything":true}' });
    expect(answer.json()).toMatchObject({ code: "cross_site" });
    expect(purged).toEqual([]);
  });

  it("has nothing fetched by a GET either", async () => {
    const { url } = await listening();
    const headers = { "Sec-Fetch-Site": "cross-site" };
    const answer = await ask(url("/explain?url=/&fetch=1"), { headers });
    expect(answer.json()).toMatchObject({ code: "cross_site" });
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])(
    "is not spoken to in %s, which needs no permission, even where it knows the token",
    async (type) => {
      const { url, purged } = await listening({ token: TOKEN });
      const headers = { ...bearer(TOKEN).headers, Origin: "http://evil.example", "Content-Type": type };
      const answer = await ask(url("/purge"), { method: "POST", headers, body: '{"everything":true}' });
      expect(answer.json()).toMatchObject({ code: "unsupported_media_type" });
      expect(purged).toEqual([]);
    },
  );

  it("gets no permission from a preflight", async () => {
    const { url } = await listening({ token: TOKEN });
    const headers = { Origin: "http://evil.example", "Access-Control-Request-Method": "POST" };
    const answer = await ask(url("/purge"), { method: "OPTIONS", headers });
    expect(answer.rawHeaders.join("\n")).not.toMatch(/access-control-allow/i);
    expect(answer.status).toBe(401);
  });
});

describe("PURGE on the proxied port", () => {
  it.each([
    ["is a method like any other while PURGE_ALLOW is empty", {}, 405],
    ["is refused to all but those whom PURGE_ALLOW names", { PURGE_ALLOW: "192.0.2.0/24" }, 403],
  ])("%s", async (_, settings, status) => {
    const site = await startSite({ settings });
    const path = "/data?id=1&cache-control=max-age%3D60";
    await site.get(path);
    for (const headers of [{}, { "X-Forwarded-For": "192.0.2.1" }, { "Surrogate-Key": "a" }])
      expect((await site.ask(path, { method: "PURGE", headers })).status).toBe(status);
    expect(site.events.filter(({ type }) => type === "purged")).toEqual([]);
  });
});

it("warming fetches from the origins of the proxy and from nowhere else", async () => {
  const elsewhere = await startOrigin((_, response) => response.end("inside"));
  const site = await startSite();
  const urls = [`${elsewhere.url}/`, "http://169.254.169.254/latest/meta-data/"];
  const answer = await site.admin("/warm", { method: "POST", body: JSON.stringify({ urls }) });
  expect(answer.status).toBe(200);
  expect(elsewhere.requests).toEqual([]);
  expect(await site.asked("GET /latest/meta-data/")).toBe(1);
});

it("no secret is in the log or in what the admin API says", async () => {
  const secrets = [
    "t0ken-of-admin",
    "passw0rd-of-redis",
    "passw0rd-in-a-query",
    "t0ken-in-a-query",
    "guess-of-a-token",
  ];
  const program = await startProgram({
    ORIGINS: "http://127.0.0.1:1",
    REDIS_URL: `redis://somebody:${secrets[1]}@127.0.0.1:1/0`,
    ADMIN_TOKEN: secrets[0] as string,
    LOG_LEVEL: "trace",
  });
  const target = `/a?password=${secrets[2]}&access_token=${secrets[3]}`;
  await ask(`http://127.0.0.1:${program.port}${target}`, {
    headers: { Authorization: `Bearer ${secrets[0]}` },
  });
  const admin = (path: string, token = secrets[0] as string) =>
    ask(`http://127.0.0.1:${program.adminPort}${path}`, bearer(token));
  const said = [
    ...["/", "/stats", "/metrics", "/origins", "/top", "/hist", "/series", "/reasons", "/nothing"],
  ].map(async (path) => (await admin(path)).text);
  const told = [...(await Promise.all(said)), (await admin("/stats", "guess-of-a-token")).text].join("\n");
  expect(told).toContain("requests");
  await program.says("GET");
  for (const secret of secrets) {
    expect(told).not.toContain(secret);
    expect(program.out() + program.err()).not.toContain(secret);
  }
});
