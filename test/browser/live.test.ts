import { expect, it } from "vitest";
import { startSite } from "../scenario/site.ts";
import { describeInChromium, open } from "./chromium.ts";

const PATH = "/data?id=1&cache-control=max-age=600,stale-while-revalidate=300";

describeInChromium("the dashboard of a proxy that is asked", () => {
  it("explains what is stored, how long for, and what the next request would get", async () => {
    const site = await startSite();
    await site.get(PATH);
    const { page, complaints } = await open(`http://127.0.0.1:${site.proxy.adminPort}/`);
    await page.getByLabel("URL, as clients ask for it").fill(`http://127.0.0.1:${site.proxy.port}${PATH}`);
    await page.getByRole("button", { name: "Explain", exact: true }).click();
    const result = page.locator("#explain-result");
    await result.getByText(/fresh: (?:10 min|9 min \d+ s) left/).waitFor();
    await result.getByText(/served while it is refreshed: in .*, for 5 min/).waitFor();
    await result.getByText("max-age=600").first().waitFor();
    await result.getByText("data-1", { exact: true }).waitFor();
    expect(complaints).toEqual([]);
  });

  it("explains what was never asked for, and says what it does not understand", async () => {
    const site = await startSite();
    const { page } = await open(`http://127.0.0.1:${site.proxy.adminPort}/`);
    await page.getByLabel("URL, as clients ask for it").fill("http://shop.example/never");
    await page.getByRole("button", { name: "Explain", exact: true }).click();
    await page.locator("#explain-result").getByText("Nothing is stored for this request.").waitFor();
    await page.getByLabel("Header fields, one on each line").fill("no field line");
    await page.getByRole("button", { name: "Explain", exact: true }).click();
    await page.locator("#explain-result .error").waitFor();
  });

  it("tails requests as they are answered, those that are wanted alone", async () => {
    const site = await startSite();
    const { page } = await open(`http://127.0.0.1:${site.proxy.adminPort}/`);
    await page.getByLabel("Show only", { exact: true }).fill("cache=HIT");
    await page.getByRole("button", { name: "Start" }).click();
    await page.locator("#tail-state", { hasText: "Listening" }).waitFor();
    await site.get(PATH);
    await site.get(PATH);
    const rows = page.locator("#tail-table tbody tr");
    await rows.first().waitFor();
    expect(await rows.count()).toBe(1);
    expect(await rows.first().textContent()).toMatch(/HIT200GET.*\/data\?id=1/);
  });

  it("says where a query of the tail is wrong", async () => {
    const site = await startSite();
    const { page } = await open(`http://127.0.0.1:${site.proxy.adminPort}/`);
    await page.getByLabel("Show only", { exact: true }).fill("nonsense ==");
    await page.getByRole("button", { name: "Start" }).click();
    await page.locator("#tail-state", { hasText: "Not understood" }).waitFor();
    await page.getByRole("button", { name: "Start" }).waitFor();
  });

  it("lists what is asked for most, and why some of it is no hit", async () => {
    const site = await startSite();
    for (let i = 0; i < 5; i++) await site.get(PATH);
    for (let i = 0; i < 3; i++) await site.get("/data?id=2&cache-control=no-store");
    const { page } = await open(`http://127.0.0.1:${site.proxy.adminPort}/`);
    await page.locator("#hot-table tbody tr").first().getByText(PATH).waitFor();
    // What is told of a reason comes from another route than how often it was one.
    await page
      .locator("#reasons-table tbody tr:has-text('no-store') td:nth-child(4):not(:text-is('–'))")
      .waitFor();
    await page.locator("#requests-chart canvas").waitFor();
    await page.locator("#latency-table").getByText("Hits").waitFor();
  });
});
