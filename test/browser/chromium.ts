import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, describe, onTestFinished } from "vitest";

/** CHROMIUM names one; Debian's has its own place. */
const EXECUTABLE = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const START_MS = 60_000;
/** A real browser on a machine that is busy with other tests. */
const PATIENCE_MS = 15_000;

/** Where there is no Chromium these tests do not run, and say what would make them. */
export const describeInChromium = (what: string, tests: () => void): void => {
  const there = existsSync(EXECUTABLE);
  const note = there
    ? ""
    : ` (not run: no Chromium at ${EXECUTABLE}; apt-get install chromium, or set CHROMIUM)`;
  if (!there) console.warn(what + note);
  describe.skipIf(!there)(what + note, () => {
    afterAll(async () => {
      await (await running)?.close();
      running = undefined;
    });
    tests();
  });
};

let running: Promise<Browser> | undefined;

export interface Opened {
  readonly page: Page;
  /** What the page's scripts threw, or the browser refused (Content-Security-Policy among it). */
  readonly complaints: readonly string[];
  /** Every URL that was asked for. */
  readonly asked: readonly string[];
}

/** A page in a browser without history; closed when the test has finished. */
export async function open(url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  running ??= chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox"], timeout: START_MS });
  const browser = await running;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  onTestFinished(() => context.close());
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  const asked: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // A route that is not there, or an API that is away, is told by the page itself.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      complaints.push(message.text());
  });
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(url);
  return { page, complaints, asked };
}
