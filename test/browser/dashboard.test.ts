import { expect, it } from "vitest";
import { startSite } from "../scenario/site.ts";
import { until } from "../until.ts";
import { anAdmin, fullRoutes, NO_LATENCY } from "./an-admin.ts";
import { describeInChromium, open } from "./chromium.ts";

describeInChromium("the dashboard", () => {
  it("shows what a running proxy counts, and asks nobody but it", async () => {
    const site = await startSite();
    await site.get("/data?id=1&cache-control=max-age=60");
    for (let i = 0; i < 3; i++) await site.get("/data?id=1&cache-control=max-age=60");
    const admin = `http://127.0.0.1:${site.proxy.adminPort}`;
    const { page, complaints, asked } = await open(`${admin}/`);
    await page.locator("#tiles .tile", { hasText: "Hit ratio" }).getByText("75 %").waitFor();
    await page.locator("#tiles .tile", { hasText: "Origin requests" }).getByText("of 4 requests").waitFor();
    await page
      .locator("#origins-table")
      .getByText(site.mock.urls[0] as string)
      .waitFor();
    await page.locator("#readiness", { hasText: "Ready" }).waitFor();
    expect(complaints).toEqual([]);
    expect(asked.filter((url) => !url.startsWith(`${admin}/`))).toEqual([]);
  });

  it("draws charts, and says the same as a table", async () => {
    const admin = await anAdmin(fullRoutes(Date.now()));
    const { page, complaints } = await open(admin.url);
    await page.locator("#requests-chart canvas").waitFor();
    await page.locator("#ratio-chart canvas").waitFor();
    await page.locator("#latency-chart canvas").waitFor();
    await page.locator("#ratio-chart summary").click();
    const cell = page.locator("#ratio-chart details tbody tr").first().locator("td").last();
    expect(await cell.textContent()).toMatch(/^9\d(\.\d)? %$/);
    expect(await inkOf(page, "#requests-chart canvas")).toBeGreaterThan(1000);
    expect(complaints).toEqual([]);
  });

  it("tells each reason with what would change it", async () => {
    const admin = await anAdmin(fullRoutes(Date.now()));
    const { page } = await open(admin.url);
    const row = page.locator("#reasons-table tbody tr").first();
    await row.getByText("Let the origin send a lifetime instead.").waitFor();
    await row.getByText("80 %").waitFor();
  });

  it("says why an origin gets no turn", async () => {
    const admin = await anAdmin(fullRoutes(Date.now()));
    const { page } = await open(admin.url);
    const badges = (port: number) =>
      page
        .locator("#origins-table tbody tr", { hasText: `:${port}` })
        .locator(".badge")
        .allTextContents();
    await page.locator("#origins-table").getByText("http://127.0.0.1:4003").waitFor();
    expect(await badges(4001)).toEqual(["✓ healthy"]);
    expect(await badges(4002)).toEqual(["✕ unhealthy", "✕ ejected", "✕ breaker open"]);
    expect(await badges(4003)).toEqual(["… draining"]);
  });

  it("keeps text from a request text", async () => {
    const evil = '<img src="x" onerror="document.title=`taken`">';
    const top = { hot: [{ url: evil, count: 1 }], missing: [], reasons: [], origins: [], since: 0 };
    const admin = await anAdmin({ "/top": top });
    const { page } = await open(admin.url);
    await page.locator("#hot-table").getByText(evil).waitFor();
    expect(await page.locator("#hot-table img").count()).toBe(0);
    expect(await page.title()).toBe("Freshline");
  });

  it("explains a hot key, and draws its windows", async () => {
    const admin = await anAdmin(fullRoutes(Date.now()));
    const { page } = await open(admin.url);
    await page.locator("#hot-table").getByRole("button", { name: "Explain" }).click();
    const result = page.locator("#explain-result");
    await result.getByText("It is served from memory.").waitFor();
    await result
      .getByText("fresh: 10 min left")
      .or(result.getByText(/fresh: 9 min \d+ s left/))
      .waitFor();
    expect(await result.locator(".timeline span").count()).toBe(3);
    const where = result.getByRole("region", { name: "Where instances have it" }).locator("td:nth-child(2)");
    expect(await where.allTextContents()).toEqual(["memory, redis", "nothing", "no answer"]);
  });

  it("tells percentiles, and how the stores are, in units", async () => {
    const admin = await anAdmin(fullRoutes(Date.now()));
    const { page } = await open(admin.url);
    const hits = page.locator("#latency-table tbody tr", { hasText: "Hits" }).locator("td");
    await hits.first().waitFor();
    expect(await hits.allTextContents()).toEqual(["Hits", "900", "100 µs", "300 µs", "500 µs"]);
    const fact = (name: string) => page.locator("#store-facts dt", { hasText: name }).locator("+ dd");
    await fact("In memory").getByText("3 MiB in 42 entries").waitFor();
    await fact("Behind the purge log by").getByText("2 ms").waitFor();
    await fact("Redis").getByText("✓ there").waitFor();
    admin.says["/stats"] = { ...(admin.says["/stats"] as object), store: { up: false, errors: 9 } };
    await fact("Redis").getByText("✕ not there").waitFor();
    expect(await fact("Errors of the store").textContent()).toBe("9");
  });

  it("says what it waits for while no answer has come", async () => {
    const admin = await anAdmin(fullRoutes(Date.now()));
    const { page } = await open(admin.url);
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route("**/origins", async (route) => {
      await held;
      await route.continue();
    });
    await page.reload();
    const origins = page.locator("#origins-table");
    await page.locator("#hot-table table").waitFor();
    expect(await origins.textContent()).toBe("Loading …");
    expect([await origins.getAttribute("data-state"), await origins.getAttribute("aria-busy")]).toEqual([
      "loading",
      "true",
    ]);
    answer();
    await origins.getByText("http://127.0.0.1:4002").waitFor();
    expect(await origins.getAttribute("aria-busy")).toBe("false");
  });

  it("tells which routes this admin API lacks, and when there is nothing yet", async () => {
    const admin = await anAdmin({
      "/series": 404,
      "/settings": 404,
      "/hist": { hits: NO_LATENCY, misses: NO_LATENCY, origins: NO_LATENCY },
      "/top": { hot: [], missing: [], reasons: [], origins: [], since: 0 },
    });
    const { page } = await open(admin.url);
    await page.locator("#requests-chart").getByText("Not available from this admin API.").waitFor();
    await page.locator("#settings-table[data-state=absent]").waitFor();
    await page.locator("#hot-table[data-state=empty]").getByText("No requests yet.").waitFor();
    await page.locator("#latency-table[data-state=empty]").waitFor();
    await page.locator("#origins-table[data-state=empty]").getByText("No origins.").waitFor();
  });

  it("tells a section's failure there, keeps what it showed, and recovers", async () => {
    const admin = await anAdmin(fullRoutes(Date.now()));
    const { page } = await open(admin.url);
    const origins = page.locator("#origins-table");
    await origins.getByText("http://127.0.0.1:4002").waitFor();
    const { "/origins": before } = admin.says;
    admin.says["/origins"] = 500;
    await origins.getByText("Not up to date").waitFor();
    await origins.getByText("http://127.0.0.1:4002").waitFor();
    admin.says["/origins"] = before;
    await origins.getByText("Not up to date").waitFor({ state: "detached" });
  });

  it("says that the connection is lost, and goes on when it is back", async () => {
    const admin = await anAdmin(fullRoutes(Date.now()));
    const { page } = await open(admin.url);
    await page.locator("#readiness", { hasText: "Ready" }).waitFor();
    await admin.stop();
    await page.getByText("Connection lost; trying again").waitFor();
    await page.locator("#readiness", { hasText: "Not ready" }).waitFor();
    await admin.start();
    await page.getByText("Connection lost; trying again").waitFor({ state: "hidden" });
    await page.locator("#readiness", { hasText: "✓ Ready" }).waitFor();
  });

  it("listens to the live tail when it is started, and not before", async () => {
    const admin = await anAdmin(fullRoutes(Date.now()));
    const { page, asked } = await open(admin.url);
    await page.locator("#origins-table table").waitFor();
    expect(asked.filter((url) => url.includes("/events"))).toEqual([]);
    await page.getByLabel("Show only", { exact: true }).fill("cache=HIT");
    await page.getByRole("button", { name: "Start" }).click();
    const answered = page.getByRole("region", { name: "Answered requests, the newest first" });
    await answered.locator("tbody tr").first().getByText("HIT").waitFor();
    expect(asked.find((url) => url.includes("/events"))).toContain("q=cache%3DHIT");
    // That stream has ended; an operator wants to know, and to have it back.
    await page.locator("#tail-state", { hasText: "trying again" }).waitFor();
    await until("it asked again", () => asked.filter((url) => url.includes("/events")).length > 1);
    await page.getByRole("button", { name: "Stop" }).click();
    await page.locator("#tail-state", { hasText: "Stopped." }).waitFor();
  });

  it("keeps the chosen theme", async () => {
    const admin = await anAdmin();
    const { page } = await open(admin.url, { colorScheme: "light" });
    const background = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const light = await background();
    await page.getByLabel("Theme").selectOption("Dark");
    const dark = await background();
    expect(dark).not.toBe(light);
    await page.reload();
    expect(await background()).toBe(dark);
    await page.getByLabel("Theme").selectOption("System");
    expect(await background()).toBe(light);
  });

  it("shows settings by their names", async () => {
    const admin = await anAdmin(fullRoutes(Date.now()));
    const { page } = await open(admin.url);
    const rows = page.locator("#settings-table tbody tr:visible");
    await page.locator("#settings-table").getByText("PORT").waitFor();
    expect(await rows.count()).toBe(2);
    await page.getByLabel("Show only names with").fill("ttl");
    expect(await rows.allTextContents()).toEqual([expect.stringContaining("CACHE_DEFAULT_TTL")]);
  });
});

/** How many pixels of a canvas are not transparent. */
const inkOf = (page: Awaited<ReturnType<typeof open>>["page"], selector: string): Promise<unknown> =>
  page.evaluate(`(() => {
    const canvas = document.querySelector(${JSON.stringify(selector)});
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let ink = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i] > 0) ink++;
    return ink;
  })()`);
