import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { startMockOrigins } from "../../mock-origin/start.ts";
import { start } from "../../src/start.ts";
import { settledFor } from "../config-for.ts";
import { freePort } from "../free-port.ts";
import { ask } from "../scenario/site.ts";
import { describeInChromium, open } from "./chromium.ts";
import { decode, withPalette } from "./palette-png.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** Where the pictures go: `make pictures` says assets. They are thrown away where nobody does. */
const WANTED = process.env["PICTURES"];
/** Of the proxy's clock, and so of the charts. They pass in a few seconds, or in more where the pictures are kept. */
const SECONDS = WANTED === undefined ? 60 : 240;
const PER_SECOND = WANTED === undefined ? 15 : 60;
const AT_ONCE = 4;
const MAX_BYTES = 300 * 1024;

/** Mostly what is asked for often; some of it may not be stored. The same every time. */
function pathOf(number: number, second: number): string {
  const chance = ((number * 61 + second * 17) % 100) / 100;
  const id = 10 + Math.floor((((number * 37 + second * 11) % 101) / 101) ** 3 * 40);
  if (chance < 0.02) return "/headers?set-cookie=session%3D1&cache-control=max-age%3D60";
  if (chance < 0.06) return "/echo";
  if (chance < 0.08) return `/data?id=${1000 + second}&cache-control=no-store`;
  if (chance < 0.3) return `/data?id=${id}&cache-control=must-revalidate,max-age=10`;
  if (chance < 0.4) return `/bytes?n=20000&seed=${id}&cache-control=max-age=600`;
  if (chance < 0.7) return `/data?id=${id}&cache-control=stale-if-error=120,max-age=20`;
  return `/data?id=${id}&cache-control=stale-while-revalidate=15,max-age=5`;
}

/** The README's URLs, and how many seconds before the pictures each is asked for, to be in another window in them. */
const SCENES = [
  [1, "must-revalidate,max-age=10", 3],
  [2, "stale-while-revalidate=15,max-age=5", 8],
  [3, "stale-if-error=10,max-age=5", 7],
  [4, "max-age=60", 20],
] as const;

/** What `make run` starts, which has been asked for minutes by its clock, while the origins failed for a fifth of them. */
async function startBusy() {
  // Each second of the charts ends when the traffic of it has been answered.
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  let addedMs = -SECONDS * 1000;
  const now = () => Date.now() + addedMs;
  const mock = await startMockOrigins({ ports: [0, 0, 0], now });
  onTestFinished(() => mock.close());
  const port = await freePort();
  const { config, settings } = settledFor({
    ORIGINS: mock.urls.join(","),
    HEALTH_CHECK_INTERVAL: "1h",
    // For how long that is goes by another clock, by which all of this is over in seconds.
    ORIGIN_EJECT_AFTER: "0",
  });
  vi.stubEnv("FRESHLINE_PLAYGROUND", mock.urls[0]);
  onTestFinished(() => void vi.unstubAllEnvs());
  const proxy = await start({ ...config, PORT: port }, { settings, now });
  onTestFinished(() => proxy.stop());

  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  onTestFinished(() => agent.destroy());
  const request = (path: string) =>
    new Promise<void>((done, fail) => {
      const headers = { Host: `localhost:${port}` };
      get({ host: "127.0.0.1", port, path, headers, agent }, (response) => {
        response.resume().on("error", fail).on("end", done);
      }).on("error", fail);
    });
  const behave = (behavior: object) =>
    ask(`${mock.urls[0]}/behavior?all=1`, { method: "PUT", body: JSON.stringify(behavior) });
  for (let second = 0; second < SECONDS; second++) {
    if (second === Math.floor(SECONDS * 0.4)) await behave({ status: 503 });
    if (second === Math.floor(SECONDS * 0.6)) await behave({ status: null });
    for (const [id, directives, before] of SCENES)
      if (second === SECONDS - before) await request(`/data?id=${id}&cache-control=${directives}`);
    const many = Math.round(PER_SECOND * (1 + 0.4 * Math.sin(second / 15)));
    await Promise.all(Array.from({ length: many }, (_, number) => request(pathOf(number, second))));
    addedMs += 1000;
    vi.advanceTimersByTime(1000);
  }
  vi.useRealTimers();
  return { proxy, ports: [port, ...mock.ports] };
}

const LOOKS = [
  { name: "dashboard-light", colorScheme: "light", width: 1280, height: 1000, section: "overview" },
  { name: "dashboard-dark", colorScheme: "dark", width: 1280, height: 1000, section: "latency" },
  { name: "dashboard-phone", colorScheme: "light", width: 390, height: 844, section: undefined },
] as const;

describeInChromium("the dashboard's pictures", () => {
  it("are taken of a proxy that is asked, and show something", { timeout: 180_000 }, async () => {
    const { proxy, ports } = await startBusy();
    const folder = WANTED === undefined ? mkdtempSync(join(tmpdir(), "freshline-")) : resolve(ROOT, WANTED);
    if (WANTED === undefined) onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(folder, { recursive: true });
    for (const { name, colorScheme, width, height, section } of LOOKS) {
      const viewport = { width, height };
      const { page, complaints } = await open(`http://127.0.0.1:${proxy.adminPort}/`, {
        ...{ colorScheme, viewport, deviceScaleFactor: 2 },
      });
      await page.locator("#playground .timeline").nth(3).waitFor();
      await page.locator("#requests-chart canvas").waitFor();
      await page.locator("#latency-table table").waitFor();
      await page.locator("#origins-table table").waitFor();
      await page.locator("#reasons-table td:nth-child(4):not(:text-is('–'))").first().waitFor();
      await page.locator("#readiness", { hasText: "✓ Ready" }).waitFor();
      if (section === "overview") {
        for (const id of [1, 2]) await page.getByRole("button", { name: `Ask for data ${id}` }).click();
        await page
          .locator("#playground .told", { hasText: /^200 · / })
          .nth(1)
          .waitFor();
      }
      await page.evaluate(section === undefined ? "scrollTo(0, 0)" : `location.hash = "${section}"`);
      // As `make run` has them, and the README.
      await page.evaluate(renumber(ports, [3000, 4001, 4002, 4003]));
      const png = await page.screenshot();
      const { width: wide, height: high, pixels } = decode(png);
      expect([name, wide, high]).toEqual([name, 2 * width, 2 * height]);
      expect(commonestShare(pixels), name).toBeLessThan(0.9);
      const picture = withPalette(png);
      expect(picture.length, name).toBeLessThan(MAX_BYTES);
      writeFileSync(join(folder, `${name}.png`), picture);
      expect(
        readFileSync(join(folder, `${name}.png`))
          .subarray(1, 4)
          .toString(),
      ).toBe("PNG");
      expect(complaints).toEqual([]);
    }
  });
});

/** What part of a picture has its commonest colour? All of one that shows nothing. */
function commonestShare(pixels: Uint8Array): number {
  const counts = new Map<number, number>();
  for (let at = 0; at < pixels.length; at += 3) {
    const color = ((pixels[at] ?? 0) << 16) | ((pixels[at + 1] ?? 0) << 8) | (pixels[at + 2] ?? 0);
    counts.set(color, (counts.get(color) ?? 0) + 1);
  }
  return (3 * Math.max(...counts.values())) / pixels.length;
}

const renumber = (from: readonly number[], to: readonly number[]): string => `(() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const ports = new Map(${JSON.stringify(from.map((port, i) => [`:${port}`, `:${to[i]}`]))});
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode())
    for (const [port, other] of ports) if (node.data.includes(port)) node.data = node.data.replaceAll(port, other);
})()`;
