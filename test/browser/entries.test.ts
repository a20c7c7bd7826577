import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import type { ShownEntries } from "../../src/admin/answers.ts";
import { redisOfFile } from "../redis-of-file.ts";
import { startSite } from "../scenario/site.ts";
import { anAdmin, anEntry, fullRoutes } from "./an-admin.ts";
import { describeInChromium, open } from "./chromium.ts";

const redis = await redisOfFile();

const rows = (page: Page) => page.locator("#entries-table tbody tr");
const told = (page: Page, text: string | RegExp) =>
  page.locator("#entries-state", { hasText: text }).waitFor();
const look = async (page: Page, match: string) => {
  await page.getByLabel("URL has in it").fill(match);
  await page.getByRole("button", { name: "Look", exact: true }).click();
};
const aPage = (changes: Partial<ShownEntries> = {}): ShownEntries => ({
  ...{ tier: "memory", tiers: ["memory"], entries: [], looked_at: 0, cursor: null },
  ...changes,
});

describeInChromium("the dashboard's entries", () => {
  it("are those that are stored, and can be filtered, explained and purged one by one", async () => {
    const site = await startSite();
    for (const id of [1, 2]) await site.get(`/data?id=${id}&cache-control=max-age=600`);
    const { page, complaints } = await open(`http://127.0.0.1:${site.proxy.adminPort}/`);
    await told(page, /^2 entries in memory, as it was at [\d:]{8}\.$/);
    await look(page, "id=2");
    await told(page, /^1 entry in memory/);
    const cells = await rows(page).first().locator("td").allTextContents();
    expect(cells).toEqual([
      expect.stringContaining("/data?id=2&cache-control=max-age=600"),
      "fresh",
      expect.stringMatching(/^\d\d:\d\d:\d\d$|^\d+ \w+ \d+, /),
      "200",
      expect.stringMatching(/^\d+ B$/),
      expect.stringMatching(/^\d+ s$/),
      "1",
      "ExplainPurge …",
    ]);
    await rows(page)
      .getByRole("button", { name: /^Explain http/ })
      .click();
    await page
      .locator("#explain-result")
      .getByText(/fresh: (?:10 min|9 min \d+ s) left/)
      .waitFor();

    await rows(page)
      .getByRole("button", { name: /^Purge http/ })
      .click();
    await page.getByRole("dialog").getByRole("button", { name: "Purge", exact: true }).click();
    await told(
      page,
      /^Purged url http:.*number \d+ in the purge log.* No entry in memory has “id=2” in its URL\.$/,
    );
    await look(page, "");
    await told(page, /1 entry in memory/);
    expect((await site.get("/data?id=2&cache-control=max-age=600")).cache).toBe("MISS/MISS");
    expect(complaints).toEqual([]);
  });

  it("stay where nothing was confirmed", async () => {
    const admin = await anAdmin(fullRoutes(Date.now()));
    const { page } = await open(admin.url);
    await rows(page)
      .first()
      .getByRole("button", { name: /^Purge/ })
      .click();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect(await rows(page).count()).toBe(4);
    expect(admin.purged).toEqual([]);
  });

  it("are of memory or of Redis, where there are both", async () => {
    const site = await startSite({ redisUrl: redis.url });
    const path = "/data?id=3&cache-control=max-age=600";
    await site.get(path);
    await site.until("it is in Redis", async () => {
      const { entries } = (await site.admin("/entries?tier=redis")).json<ShownEntries>();
      return entries.length === 1;
    });
    const { page } = await open(`http://127.0.0.1:${site.proxy.adminPort}/`);
    await told(page, /^1 entry in memory/);
    await page.getByLabel("Where").selectOption("Redis");
    await told(page, /^1 entry in Redis/);
    await rows(page).getByText(path).waitFor();
  });

  it("come a page at a time", async () => {
    const now = Date.now();
    const admin = await anAdmin({
      "/entries": aPage({ entries: [anEntry(now)], looked_at: 4096, cursor: "17" }),
    });
    const { page, asked } = await open(admin.url);
    await told(page, "1 entry in memory, of 4,096 looked at so far");
    admin.says["/entries"] = aPage({
      entries: [anEntry(now, { url: "http://localhost:3000/b" })],
      looked_at: 10,
    });
    await page.getByRole("button", { name: "Look further" }).click();
    await told(page, /^2 entries in memory, as it was/);
    expect(asked.findLast((url) => url.includes("/entries"))).toContain("cursor=17");
    await page.getByRole("button", { name: "Look further" }).waitFor({ state: "hidden" });
  });

  it("say of each what may be done with it, and which cannot be named", async () => {
    const admin = await anAdmin(fullRoutes(Date.now()));
    const { page } = await open(admin.url);
    await rows(page).first().waitFor();
    expect(await rows(page).locator("td:nth-child(2)").allTextContents()).toEqual([
      "fresh",
      "refreshing",
      "on error, purged",
      "kept",
    ]);
    await rows(page).nth(1).getByText("accept-encoding: gzip").waitFor();
    expect(await rows(page).nth(2).locator("td").nth(7).textContent()).toBe("2");
    expect(await rows(page).nth(3).getByRole("button").count()).toBe(0);
    await rows(page).nth(3).getByText("has a secret").waitFor();
  });

  it("tell while they are looked for, where there are none, and what went wrong", async () => {
    const admin = await anAdmin({ "/entries": aPage() });
    const { page } = await open(admin.url);
    await told(page, "Nothing is stored in memory yet.");
    await look(page, "<b>x</b>");
    await told(page, "No entry in memory has “<b>x</b>” in its URL.");
    admin.says["/entries"] = aPage({ looked_at: 80_000, cursor: "80000" });
    await look(page, "y");
    await told(page, "No entry in memory has “y” in its URL, of 80,000 looked at so far.");
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route("**/entries?*", async (route) => {
      await held;
      await route.continue();
    });
    await look(page, "z");
    await told(page, "Looking …");
    expect(await page.locator("#entries-table").getAttribute("aria-busy")).toBe("true");
    admin.says["/entries"] = 503;
    answer();
    await told(page, "No answer: the admin API answered 503.");
    expect(await page.locator("#entries-table").getAttribute("data-state")).toBe("failed");
    admin.says["/entries"] = 404;
    await look(page, "");
    await told(page, "Not available from this admin API.");
  });
});

describeInChromium("the dashboard's instances", () => {
  it("are told with what they are, and how far each has heard", async () => {
    const admin = await anAdmin(fullRoutes(Date.now()));
    const { page } = await open(admin.url);
    const cells = async (row: number) =>
      page.locator("#instances-table tbody tr").nth(row).locator("td").allTextContents();
    await page.locator("#instances-table table").waitFor();
    expect(await cells(0)).toEqual(["a-1-0this one", "0.1.0", "2 h 5 min", "12", "0", "0 s"]);
    expect(await cells(1)).toEqual(["b-2-0", "0.1.0", expect.stringMatching(/^1 min/), "9", "3", "2.5 s"]);
    expect(await cells(2)).toEqual(["c-3-0", "✕ no answer", "–", "–", "–", "–"]);
    const fact = (name: string) => page.locator("#store-facts dt", { hasText: name }).locator("+ dd");
    expect(await fact("All that Redis holds").textContent()).toBe("1,234 keys; 5 MiB of 1 GiB");
  });

  it("are those that share a Redis, this one first", async () => {
    const settings = { CACHE_NAMESPACE: "instances" };
    const site = await startSite({ redisUrl: redis.url, settings });
    await startSite({ redisUrl: redis.url, settings, beside: site });
    const { page, complaints } = await open(`http://127.0.0.1:${site.proxy.adminPort}/`);
    const instances = page.locator("#instances-table tbody tr");
    await instances.nth(1).waitFor();
    expect(await instances.getByText("this one").count()).toBe(1);
    expect(await instances.first().getByText("this one").count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  it("is one where no Redis is set, which is no failure", async () => {
    const site = await startSite();
    const { page } = await open(`http://127.0.0.1:${site.proxy.adminPort}/`);
    await page.locator("#store-facts").getByText("none is set: memory is all there is").waitFor();
    expect(await page.locator("#store-facts").getByText("All that Redis holds").count()).toBe(0);
    expect(await page.locator("#instances-table tbody tr").count()).toBe(1);
  });
});
