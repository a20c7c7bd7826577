import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { anAdmin, fullRoutes } from "./an-admin.ts";
import { describeInChromium, open } from "./chromium.ts";

const SCENES = [
  { scheme: "light", width: 1280 },
  { scheme: "dark", width: 1280 },
  { scheme: "light", width: 390 },
  { scheme: "dark", width: 390 },
] as const;

/** A page whose every section shows something. */
async function full(scheme: "light" | "dark", width: number): Promise<Page> {
  const admin = await anAdmin({
    ...fullRoutes(Date.now()),
    "/playground": {
      scenes: [
        {
          id: 1,
          url: "http://localhost:3000/data?id=1&cache-control=max-age=10",
          about: "Fresh for ten seconds",
        },
      ],
      behavior: {},
    },
  });
  const { page } = await open(admin.url, { colorScheme: scheme, viewport: { width, height: 900 } });
  await page.locator("#hot-table").getByRole("button", { name: "Explain" }).click();
  await page.getByRole("button", { name: "Start" }).click();
  await page.locator("#tail-table tbody tr").first().waitFor();
  await page.locator("#explain-result .timeline").waitFor();
  await page.locator("#playground .timeline").waitFor();
  await page.locator("#settings-table table").waitFor();
  await page.locator("#entries-table table").waitFor();
  await page.locator("#instances-table table").waitFor();
  return page;
}

describeInChromium("the dashboard for everybody", () => {
  it.each(SCENES)("has enough contrast, and fits: $scheme, $width px", async ({ scheme, width }) => {
    const page = await full(scheme, width);
    expect(await page.evaluate(lowContrast)).toEqual([]);
    expect(await page.evaluate(outside)).toEqual([]);
  });

  it("names every control, picture, table and region", async () => {
    const page = await full("light", 1280);
    expect(await page.evaluate(unnamed)).toEqual([]);
    expect(await page.getByRole("banner").count()).toBe(1);
    expect(await page.getByRole("main").count()).toBe(1);
    expect(await page.getByRole("navigation", { name: "Sections" }).count()).toBe(1);
    expect(await page.getByRole("contentinfo").count()).toBe(1);
  });

  it("has headings without a gap, and no id twice", async () => {
    const page = await full("light", 1280);
    expect(await page.evaluate(headingGaps)).toEqual([]);
    expect(await page.evaluate(doubleIds)).toEqual([]);
  });

  it("is worked by keyboard alone: everything is reached, shows that it is, and the dialog holds and returns focus", async () => {
    const page = await full("light", 1280);
    // Rows that come meanwhile would be reached by nobody.
    await page.getByRole("button", { name: "Stop" }).click();
    await page.evaluate("document.activeElement.blur()");
    const many = Number(await page.evaluate(`document.querySelectorAll(${JSON.stringify(CONTROLS)}).length`));
    const unseen: unknown[] = [];
    for (let i = 0; i < many + 20; i++) {
      await page.keyboard.press("Tab");
      const invisible = await page.evaluate(reach);
      if (invisible !== null) unseen.push(invisible);
    }
    expect(many).toBeGreaterThan(30);
    expect(unseen).toEqual([]);
    expect(await page.evaluate(unreached)).toEqual([]);

    await page.getByRole("combobox", { name: "What", exact: true }).selectOption("everything");
    const button = page.getByRole("button", { name: "Purge …", exact: true });
    await button.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Purge?" }).waitFor();
    expect(await page.evaluate("document.activeElement.closest('dialog') !== null")).toBe(true);
    await page.keyboard.press("Escape");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Purge …");
  });

  it("leaves focus where it was when a table is drawn anew", async () => {
    const admin = await anAdmin(fullRoutes(Date.now()));
    const { page } = await open(admin.url);
    const button = page.locator("#hot-table").getByRole("button", { name: "Explain" });
    await button.focus();
    const top = admin.says["/top"] as { hot: { url: string; count: number }[] };
    admin.says["/top"] = { ...top, hot: top.hot.map((row) => ({ ...row, count: 701 })) };
    await page.locator("#hot-table").getByText("701").waitFor();
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Explain");
  });
});

/** WCAG 2.2 §1.4.3: text against what is behind it, 4.5 to 1, or 3 where it is large. */
const lowContrast = `(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.data.trim() === "" || !element.checkVisibility() || element.closest("noscript, script, .hidden, option") !== null) continue;
    const style = getComputedStyle(element);
    const [one, two] = [luminance(rgba(style.color)), luminance(behind(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    seen++;
    if (ratio < (large ? 3 : 4.5)) low.push(node.data.trim().slice(0, 40) + " " + ratio.toFixed(2));
  }
  return seen > 100 ? low : ["only " + seen + " texts"];
})()`;

/** What reaches beyond the window, and is not in something that scrolls by itself. */
const outside = `[...document.body.querySelectorAll("*")]
  .filter((element) => element.checkVisibility() && element.closest(".scroll, nav, .hidden, .skip, .u-wrap") === null)
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
  .map((element) => element.tagName + "." + element.className + " " + element.textContent.slice(0, 30))
  .concat(document.documentElement.scrollWidth > innerWidth ? ["the page"] : [])`;

const unnamed = `[...document.querySelectorAll("button, input, select, textarea, a, [role=img], [role=region], [role=group], dialog, table, section")]
  .filter((element) => {
    const labelled = element.getAttribute("aria-labelledby");
    const name = element.getAttribute("aria-label")
      || (labelled === null ? "" : document.getElementById(labelled)?.textContent)
      || [...(element.labels ?? [])].map((label) => label.textContent.trim()).join("")
      || (element.matches("button, a") ? element.textContent.trim() : "")
      || element.caption?.textContent;
    return !name && !element.matches(".u-legend, .tail table");
  })
  .map((element) => element.outerHTML.slice(0, 80))`;

const headingGaps = `[...document.querySelectorAll("main h1, main h2, main h3, main h4, header h1")]
  .filter((heading) => heading.checkVisibility())
  .map((heading) => [Number(heading.tagName[1]), heading.textContent])
  .filter(([level], i, all) => level > (all[i - 1]?.[0] ?? 0) + 1)`;

const doubleIds = `[...document.querySelectorAll("[id]")].map(({ id }) => id).filter((id, i, all) => all.indexOf(id) !== i)`;

const CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex='0']";

/** Where a control is, which it is still when its table has been drawn anew. */
const placeOf = `(element) => {
  const around = element.closest("[id]") ?? document.body;
  return around.id + " " + [...around.querySelectorAll(${JSON.stringify(CONTROLS)})].indexOf(element);
}`;

/** Remembers what has the focus; answers what it is when nobody can see that it has. */
const reach = `(() => {
  const element = document.activeElement;
  if (element === document.body) return null;
  (window.reached ??= new Set()).add((${placeOf})(element));
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 ? null : element.outerHTML.slice(0, 80);
})()`;

const unreached = `[...document.querySelectorAll(${JSON.stringify(CONTROLS)})]
  .filter((element) => element.checkVisibility() && !window.reached.has((${placeOf})(element)))
  .map((element) => element.outerHTML.slice(0, 80))`;
