import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { type Site, startSite } from "../scenario/site.ts";
import { anAdmin, fullRoutes } from "./an-admin.ts";
import { describeInChromium, open } from "./chromium.ts";

const PATH = "/data?id=1&cache-control=max-age=60";

const adminOf = (site: Site): string => `http://127.0.0.1:${site.proxy.adminPort}/`;
const confirm = (page: Page) => page.getByRole("dialog").getByRole("button", { name: "Purge", exact: true });

async function askForPurge(page: Page, what: string, value?: string): Promise<void> {
  await page.getByRole("combobox", { name: "What", exact: true }).selectOption(what);
  if (value !== undefined) await page.locator("#purge-form [name=value]").fill(value);
  await page.getByRole("button", { name: "Purge …", exact: true }).click();
  await page.getByRole("dialog").waitFor();
}

describeInChromium("the dashboard's purges", () => {
  it("purges a URL once it is confirmed", async () => {
    const site = await startSite();
    await site.get(PATH);
    const { page, complaints } = await open(adminOf(site));
    await askForPurge(page, "url", `http://127.0.0.1:${site.proxy.port}${PATH}`);
    expect((await site.get(PATH)).cache).toBe("HIT/HIT");
    await confirm(page).click();
    await page.locator("#purge-result", { hasText: /number \d+ in the purge log/ }).waitFor();
    expect((await site.get(PATH)).cache).toBe("MISS/MISS");
    expect(complaints).toEqual([]);
  });

  it.each(["Cancel", "Escape"])("purges nothing after %s", async (no) => {
    const site = await startSite();
    await site.get(PATH);
    const { page } = await open(adminOf(site));
    await askForPurge(page, "everything");
    if (no === "Escape") await page.keyboard.press("Escape");
    else await page.getByRole("button", { name: no }).click();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect((await site.get(PATH)).cache).toBe("HIT/HIT");
  });

  it("asks for each kind of target, and for stale instead of deleted", async () => {
    const admin = await anAdmin();
    const { page } = await open(admin.url);
    await page.getByRole("combobox", { name: "How", exact: true }).selectOption("invalidate");
    for (const [what, value] of [["prefix", "/a"], ["tag", "t"], ["everything"]] as const) {
      await askForPurge(page, what, value);
      await confirm(page).click();
      await page
        .locator("#purge-result", { hasText: `Purged ${what === "everything" ? what : `${what} ${value}`}` })
        .waitFor();
    }
    expect(admin.purged).toEqual([
      [{ type: "prefix", path: "/a" }],
      [{ type: "tag", tag: "t" }],
      [{ type: "everything" }],
    ]);
    expect(admin.modes).toEqual(["invalidate", "invalidate", "invalidate"]);
  });

  it("tells that a purge was refused, and why", async () => {
    const admin = await anAdmin();
    const { page } = await open(admin.url);
    await askForPurge(page, "url", "ftp://x/");
    await confirm(page).click();
    await page.locator("#purge-result", { hasText: "Not purged: not an http URL" }).waitFor();
  });

  it.each([["http://localhost:3000/data?id=1&token=s3cret"], ["/data?id=1&token=s3cret"]])(
    "purges what was asked for, where it is explained without its secret: %s",
    async (typed) => {
      const admin = await anAdmin(fullRoutes(Date.now()));
      const { page } = await open(admin.url);
      await page.getByLabel("URL, as clients ask for it").fill(typed);
      await page.getByRole("button", { name: "Explain", exact: true }).click();
      await page.getByRole("button", { name: "Purge this URL …" }).click();
      await confirm(page).click();
      const url = "http://localhost:3000/data?id=1&token=s3cret";
      await page.locator("#purge-result", { hasText: `Purged url ${url}` }).waitFor();
      expect(admin.purged).toHaveLength(1);
    },
  );
});

describeInChromium("a dashboard whose admin API has a token", () => {
  it("asks for it, says when it was wrong, and keeps it in this tab alone", async () => {
    const site = await startSite({ settings: { ADMIN_TOKEN: "open-sesame-please" } });
    const { page, complaints, asked } = await open(adminOf(site));
    await page.getByRole("dialog").waitFor();
    // Each request without the token, or with a wrong one, counts as a guess, of which there are few.
    expect(asked.filter((url) => !/\/$|\/dashboard\//.test(url))).toEqual([`${adminOf(site)}stats`]);
    await page.getByLabel("Token", { exact: true }).fill("wrong");
    await page.getByRole("button", { name: "Use it" }).click();
    await page.getByText("That was not the token.").waitFor();
    await page.getByLabel("Token", { exact: true }).fill("open-sesame-please");
    await page.getByRole("button", { name: "Use it" }).click();
    await page
      .locator("#origins-table")
      .getByText(site.mock.urls[0] as string)
      .waitFor();
    expect(await page.getByRole("dialog").isVisible()).toBe(false);
    expect(await page.evaluate("JSON.stringify(localStorage)")).not.toContain("sesame");
    expect(page.url()).not.toContain("sesame");
    expect(complaints).toEqual([]);
  });

  it("purges with it", async () => {
    const site = await startSite({ settings: { ADMIN_TOKEN: "open-sesame-please" } });
    await site.get(PATH);
    const { page } = await open(adminOf(site));
    await page.getByLabel("Token", { exact: true }).fill("open-sesame-please");
    await page.getByRole("button", { name: "Use it" }).click();
    await page.locator("#origins-table table").waitFor();
    await askForPurge(page, "everything");
    await confirm(page).click();
    await page.locator("#purge-result", { hasText: "Purged everything" }).waitFor();
    expect((await site.get(PATH)).cache).toBe("MISS/MISS");
  });
});
