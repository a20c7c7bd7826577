import { readFileSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { type MockOrigins, startMockOrigins } from "../../mock-origin/start.ts";
import { type Program, startProgram } from "../scenario/program.ts";
import { ask } from "../scenario/site.ts";
import { anAdmin, fullRoutes } from "./an-admin.ts";
import { describeInChromium, open } from "./chromium.ts";

/** A proxy beside mock origins, told of them as `make run` does it. */
async function startPlayground(): Promise<{ program: Program; mock: MockOrigins; url: string }> {
  const mock = await startMockOrigins({ ports: [0, 0] });
  onTestFinished(() => mock.close());
  const playground: Record<string, string> = { FRESHLINE_PLAYGROUND: mock.urls[0] as string };
  const program = await startProgram({ ORIGINS: mock.urls.join(","), ...playground });
  return { program, mock, url: `http://127.0.0.1:${program.adminPort}/` };
}

describeInChromium("the playground", () => {
  it("asks through the proxy, and tells what the cache made of it", async () => {
    const { url } = await startPlayground();
    const { page, complaints } = await open(url);
    const scene = page.getByRole("article", { name: "Fresh for a minute" });
    await scene.getByRole("button", { name: "Ask" }).click();
    await scene.getByText("200 · MISS").waitFor();
    await scene.getByText(/fresh: (?:1 min|\d+ s) left/).waitFor();
    await scene.getByRole("button", { name: "Ask" }).click();
    await scene.getByText("200 · HIT").waitFor();
    expect(complaints).toEqual([]);
  });

  it("changes the data at the origins", async () => {
    const { url, mock } = await startPlayground();
    const data = async () => (await ask(`${mock.urls[1]}/data?id=4`)).text;
    const before = await data();
    const { page } = await open(url);
    await page.getByRole("button", { name: "Change data 4 at the origins" }).click();
    await page.getByText("The origins have new data now.").waitFor();
    expect(await data()).not.toBe(before);
  });

  it("lets every origin fail, be slow, and recover", async () => {
    const { url, mock } = await startPlayground();
    const behavior = async () => (await ask(`${mock.urls[1]}/behavior`)).json();
    const { page } = await open(url);
    await page.getByRole("button", { name: "Let origins fail" }).click();
    await page.getByText("The mock origins answer 503.").waitFor();
    expect(await behavior()).toEqual({ status: 503 });
    await page.getByRole("button", { name: "Make them slow" }).click();
    await page.getByText("The mock origins take 2 s longer.").waitFor();
    expect(await behavior()).toEqual({ delay_ms: 2000 });
    await page.getByRole("button", { name: "Let them recover" }).click();
    await page.getByText("The mock origins are well.").waitFor();
    expect(await behavior()).toEqual({});
  });

  it("has the README's four URLs", async () => {
    const { url } = await startPlayground();
    const { page } = await open(url);
    await page.getByRole("article").nth(3).waitFor();
    const urls = await page.getByRole("article").locator("code.url").allTextContents();
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    const written = [...readme.matchAll(/'http:\/\/localhost:3000(\/data\?id=[^']+)'/g)].map(
      ([, path]) => path,
    );
    expect(urls).toHaveLength(4);
    for (const one of urls) expect(written).toContain(one.replace(/^http:\/\/[^/]+/, ""));
  });

  it("draws the windows of a URL as they pass: fresh, refreshing, on error, gone", async () => {
    const now = Date.now();
    const routes = fullRoutes(now);
    const explained = routes["/explain"] as { stored: object };
    const until = (seconds: number) => ({ at: now + seconds * 1000, because: "" });
    const admin = await anAdmin({
      ...routes,
      "/playground": { scenes: [{ id: 1, url: "http://localhost:3000/a", about: "All four" }], behavior: {} },
      "/explain": {
        ...explained,
        stored: {
          ...explained.stored,
          fresh_until: until(600),
          refreshing_until: until(1200),
          usable_on_error_until: until(1800),
          kept_until: until(1800),
        },
      },
    });
    const { page } = await open(admin.url);
    const scene = page.getByRole("article", { name: "All four" });
    for (const [seconds, window, at] of [
      [300, "fresh: 5 min left", 100 / 6],
      [900, "served while it is refreshed: 5 min left", 50],
      [1500, "served when the origin fails: 5 min left", 500 / 6],
      [1900, "gone", 100],
    ] as const) {
      await page.clock.setFixedTime(now + seconds * 1000);
      await scene.locator(".window.current", { hasText: window }).waitFor();
      expect(await scene.locator(".window.current").count()).toBe(1);
      const mark = await scene.locator(".timeline .now").getAttribute("style");
      expect(Number(/left: ([\d.]+)%/.exec(mark ?? "")?.[1])).toBeCloseTo(at, 1);
    }
  });

  it("is not there without mock origins", async () => {
    const mock = await startMockOrigins({ ports: [0] });
    onTestFinished(() => mock.close());
    const program = await startProgram({ ORIGINS: mock.urls[0] as string });
    const { page } = await open(`http://127.0.0.1:${program.adminPort}/`);
    await page.locator("#origins-table table").waitFor();
    expect(await page.getByRole("heading", { name: "Playground" }).isVisible()).toBe(false);
    expect(await page.getByRole("link", { name: "Playground" }).isVisible()).toBe(false);
  });
});
