// Makes the dashboard's pictures in assets/ anew: what `make run` starts, a few minutes of requests in which the
// origins fail for a while, and the page in Chromium. By hand: node scripts/record-dashboard.ts [seconds, 240]
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Browser, chromium } from "playwright-core";
import { withPalette } from "./palette-png.ts";

const root = join(import.meta.dirname, "..");
const PORT = 3000;
const SITE = `http://localhost:${PORT}`;
const ADMIN = `http://127.0.0.1:${PORT + 1}`;
const START_MS = 60_000;
const STOP_MS = 15_000;
const OPEN_MS = 8_000;
const PER_SECOND = 120;
const PICTURES_SECONDS = 600;
const MAX_BYTES = 300 * 1024;

async function record(seconds: number): Promise<void> {
  const run = spawn(process.execPath, ["scripts/run.ts"], {
    cwd: root,
    env: { ...process.env, PORT: String(PORT), LOG_LEVEL: "warn" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    await untilReady();
    await sendRequests(seconds);
    // The pictures are of a proxy that is asked while they are taken.
    const enough = new AbortController();
    const goingOn = sendRequests(PICTURES_SECONDS, enough.signal);
    await takePictures().finally(() => enough.abort());
    await goingOn;
  } finally {
    await stop(run);
  }
}

async function untilReady(): Promise<void> {
  for (const end = performance.now() + START_MS; performance.now() < end; await delay(200)) {
    const ready = await fetch(`${ADMIN}/health/ready`).catch(() => undefined);
    if (ready?.ok === true) return;
  }
  throw new Error(`nothing is ready on ${ADMIN}; are the ports free?`);
}

/** Mostly what is asked for often; some of it may not be stored. A fifth of the time the origins fail. */
async function sendRequests(seconds: number, signal?: AbortSignal): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 20 });
  const mood = (name: string) =>
    fetch(`${ADMIN}/playground/mood`, { method: "POST", body: JSON.stringify({ mood: name }) });
  const changes = new Map([
    [Math.floor(seconds * 0.5), "fail"],
    [Math.floor(seconds * 0.7), "recover"],
  ]);
  for (let second = 0; second < seconds && signal?.aborted !== true; second++) {
    const change = changes.get(second);
    if (change !== undefined) await mood(change);
    const many = PER_SECOND * (1 + 0.4 * Math.sin(second / 15));
    for (let i = 0; i < 10; i++) {
      for (let n = 0; n < many / 10; n++) send(agent, pathOf(Math.random(), second));
      await delay(100);
    }
  }
}

function pathOf(chance: number, second: number): string {
  const id = 10 + Math.floor(Math.random() ** 3 * 40);
  if (chance < 0.02) return "/headers?set-cookie=session%3D1&cache-control=max-age%3D60";
  if (chance < 0.06) return "/echo";
  if (chance < 0.08) return `/data?id=${1000 + second}&cache-control=no-store`;
  if (chance < 0.3) return `/data?id=${id}&cache-control=must-revalidate,max-age=10`;
  if (chance < 0.4) return `/bytes?n=20000&seed=${id}&cache-control=max-age=600`;
  if (chance < 0.7) return `/data?id=${id}&cache-control=stale-if-error=120,max-age=20`;
  return `/data?id=${id}&cache-control=stale-while-revalidate=15,max-age=5`;
}

function send(agent: Agent, path: string): void {
  const asked = request(`${SITE}${path}`, { agent }, (response) => response.resume());
  asked.on("error", () => {});
  asked.end();
}

async function takePictures(): Promise<void> {
  const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    await picture(
      browser,
      "dashboard-light",
      { colorScheme: "light", width: 1280, height: 1000 },
      "overview",
    );
    await picture(browser, "dashboard-dark", { colorScheme: "dark", width: 1280, height: 1000 }, "latency");
    await picture(browser, "dashboard-phone", { colorScheme: "light", width: 390, height: 844 });
  } finally {
    await browser.close();
  }
}

interface Look {
  readonly colorScheme: "light" | "dark";
  readonly width: number;
  readonly height: number;
}

async function picture(browser: Browser, name: string, look: Look, section?: string): Promise<void> {
  const { colorScheme, width, height } = look;
  const context = await browser.newContext({
    colorScheme,
    viewport: { width, height },
    deviceScaleFactor: 2,
  });
  const page = await context.newPage();
  await page.goto(ADMIN);
  await page.locator("#playground .timeline, #playground .windows-of").first().waitFor();
  for (const id of [1, 2, 3, 4]) await page.getByRole("button", { name: `Ask for data ${id}` }).click();
  await page.locator("#latency-table table").waitFor();
  // What has just been asked for is on its way through its windows.
  await delay(OPEN_MS);
  await page.evaluate(
    section === undefined ? "scrollTo(0, 0)" : `location.hash = ${JSON.stringify(section)}`,
  );
  await delay(500);
  const png = withPalette(await page.screenshot());
  if (png.length > MAX_BYTES) throw new Error(`${name}.png would be ${png.length} bytes`);
  await writeFile(join(root, "assets", `${name}.png`), png);
  process.stderr.write(`assets/${name}.png: ${png.length} bytes\n`);
  await context.close();
}

async function stop(run: ChildProcess): Promise<void> {
  if (run.exitCode !== null) return;
  const gone = once(run, "exit");
  run.kill("SIGINT");
  if ((await Promise.race([gone, delay(STOP_MS)])) === undefined) run.kill("SIGKILL");
}

await record(Number(process.argv[2] ?? 240));
