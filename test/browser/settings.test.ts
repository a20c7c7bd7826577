import { expect, it } from "vitest";
import { type SettingInForce, settingsInForce } from "../../src/config/in-force.ts";
import { SETTING_NAMES, SETTINGS, type SettingName } from "../../src/config/settings.ts";
import { aSteering } from "../admin/an-api.ts";
import { anAdmin, fullRoutes } from "./an-admin.ts";
import { describeInChromium, open } from "./chromium.ts";

/** All of them with these texts, as a proxy has them in force. */
function inForce(texts: Partial<Record<SettingName, string>>): SettingInForce[] {
  const all = SETTING_NAMES.map((name) => [name, texts[name] ?? SETTINGS[name].default]);
  const sources = SETTING_NAMES.map((name) => [name, texts[name] === undefined ? "default" : "environment"]);
  return settingsInForce(Object.fromEntries(all), Object.fromEntries(sources));
}

describeInChromium("the dashboard's settings in force", () => {
  it("are all there, with where each was written and what a change needs, and no secret", async () => {
    const settings = inForce({ ADMIN_TOKEN: "hunter2", REDIS_URL: "redis://u:hunter2@cache", PORT: "8080" });
    const admin = await anAdmin(
      { ...fullRoutes(Date.now()), "/settings": undefined },
      { steering: aSteering({ settings: () => settings }) },
    );
    const { page, complaints } = await open(admin.url);
    const rows = page.locator("#settings-table tbody tr");
    await rows.first().waitFor();
    expect(await rows.count()).toBe(SETTING_NAMES.length);
    const row = (name: string) => rows.filter({ has: page.getByText(name, { exact: true }) });
    expect(await row("PORT").locator("td").allTextContents()).toEqual([
      "PORT",
      "8080",
      "environment",
      "The port that clients ask.",
      "a restart",
    ]);
    expect(await row("CACHE_KEEP").locator("td").nth(4).textContent()).toBe("a reload");
    expect(await row("ADMIN_TOKEN").locator("td").nth(1).textContent()).toBe("***");
    expect(await row("REDIS_URL").locator("td").nth(1).textContent()).toBe("redis://***@cache");
    expect(await page.content()).not.toContain("hunter2");
    await page.getByLabel("Show only names with").fill("origin_eject");
    expect(await rows.filter({ visible: true }).count()).toBe(2);
    expect(complaints).toEqual([]);
  });
});
