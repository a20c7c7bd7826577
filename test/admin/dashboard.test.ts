import { expect, it } from "vitest";
import { startMockOrigins } from "../../mock-origin/start.ts";
import { anApi } from "./an-api.ts";

const HOST = { Host: "localhost:3001" };
const BROWSER = { ...HOST, Accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

it("answers GET / with a page to browsers, and with the list of routes to others", async () => {
  const { app } = anApi();
  const page = await app.request("/", { headers: BROWSER });
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(await page.text()).toMatch(/^<!doctype html>/);
  for (const headers of [{ ...HOST, Accept: "*/*" }, HOST]) {
    const list = await app.request("/", { headers });
    expect(await list.text()).toMatch(/^Freshline admin API/);
    expect(list.headers.get("vary")).toBe("Accept");
  }
});

it("lets its page load nothing but what this listener serves, and be framed by nobody", async () => {
  const page = await anApi().app.request("/", { headers: BROWSER });
  const policy = page.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self';");
  expect(policy).toContain("style-src 'self';");
  expect(policy).toContain("frame-ancestors 'none'");
  const sources = policy.split("; ").flatMap((directive) => directive.split(" ").slice(1));
  expect([...new Set(sources)].sort()).toEqual(["'none'", "'self'"]);
  expect(await page.text()).not.toMatch(
    /(?:src|href)="(?:https?:)?\/\/|<style|<script>|\son[a-z]+="|\sstyle="/,
  );
});

it("serves what the page names, each as what it is", async () => {
  const { app } = anApi();
  const html = await (await app.request("/", { headers: BROWSER })).text();
  const names = [...html.matchAll(/(?:src|href)="(\/dashboard\/[^"]+)"/g)].map(([, path]) => path as string);
  expect(names.length).toBeGreaterThan(3);
  const pending = [...new Set(names)];
  const types: Record<string, string> = { css: "text/css", js: "text/javascript", svg: "image/svg+xml" };
  for (const path of pending) {
    const answer = await app.request(path, { headers: HOST });
    expect([path, answer.status]).toEqual([path, 200]);
    expect(answer.headers.get("content-type")).toContain(types[path.split(".").at(-1) as string]);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    // What a script imports is a part of the page, too.
    for (const [, name] of (await answer.text()).matchAll(/\bfrom "\.\/([^"]+)"/g)) {
      if (!pending.includes(`/dashboard/${name}`)) pending.push(`/dashboard/${name}`);
    }
  }
  expect(pending).toContain("/dashboard/chart.js");
  expect(pending).toContain("/dashboard/uplot.js");
});

it.each([
  "/dashboard/",
  "/dashboard/none.js",
  "/dashboard/../api.ts",
  "/dashboard/%2e%2e/api.ts",
  "/dashboard/client/main.ts",
  "/dashboard/tsconfig.json",
])("has nothing at %s", async (path) => {
  expect((await anApi().app.request(path, { headers: HOST })).status).toBe(404);
});

it("shows its page to whoever has no token yet, and nothing else", async () => {
  const { app } = anApi({ token: "secret" });
  expect((await app.request("/", { headers: BROWSER })).status).toBe(200);
  expect((await app.request("/dashboard/main.js")).status).toBe(200);
  for (const path of ["/stats", "/origins", "/playground"])
    expect([path, (await app.request(path, { headers: BROWSER })).status]).toEqual([path, 401]);
  expect((await app.request("/", { headers: { Accept: "*/*" } })).status).toBe(401);
});

const post = (body: unknown) => ({ method: "POST", headers: HOST, body: JSON.stringify(body) });

it("has a playground only where mock origins were started with it", async () => {
  const { app } = anApi();
  expect((await app.request("/playground", { headers: HOST })).status).toBe(404);
  expect((await app.request("/playground/mood", post({ mood: "fail" }))).status).toBe(404);
});

it.each([
  ["/playground/mood", { mood: "constructor" }],
  ["/playground/mood", { status: 200 }],
  ["/playground/ask", { id: 5 }],
  ["/playground/ask", { url: "http://127.0.0.1:1/" }],
  ["/playground/put", { id: "1" }],
])("plays nothing that is not on the page: %s %o", async (path, body) => {
  const { app } = anApi({ playground: { proxy: "http://127.0.0.1:1", mock: "http://127.0.0.1:1" } });
  const answer = await app.request(path, post(body));
  expect(answer.status).toBe(400);
});

it("lets no other site's page play", async () => {
  const { app } = anApi({ playground: { proxy: "http://127.0.0.1:1", mock: "http://127.0.0.1:1" } });
  const { headers, ...rest } = post({ mood: "fail" });
  const answer = await app.request("/playground/mood", {
    ...rest,
    headers: { ...headers, Origin: "http://evil.example" },
  });
  expect(answer.status).toBe(403);
});

it("says that the mock origins are away", async () => {
  const mock = await startMockOrigins({ ports: [0] });
  const url = mock.urls[0] as string;
  const { app } = anApi({ playground: { proxy: url, mock: url } });
  expect((await app.request("/playground", { headers: HOST })).status).toBe(200);
  await mock.close();
  const answer = await app.request("/playground", { headers: HOST });
  expect(answer.status).toBe(503);
  expect(await answer.text()).toContain("does not answer");
});
