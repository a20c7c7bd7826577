// Makes the pictures of the README anew: runs `make run port=3000` and the commands of the tour, and
// draws what they print. By hand, with ports 3000, 4001 to 4003 free: node scripts/record-tour.ts
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { drawAnimation, type Scene } from "./tour-animation.ts";
import { readTours } from "./tour-script.ts";
import { type Take, take } from "./tour-shell.ts";
import { commandRows, drawBarText, drawRow, drawWindow, outputRows } from "./tour-terminal.ts";

const root = join(import.meta.dirname, "..");
const START = "make run port=3000";
const STILL = "curl -si 'http://localhost:3000/data?id=123&cache-control=must-revalidate,max-age=10'";
const START_MS = 120_000;
const STOP_MS = 15_000;

async function record(): Promise<void> {
  const tours = readTours(await readFile(join(root, "README.md"), "utf8"));
  const site = spawn("bash", ["-c", `exec ${START}`], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  try {
    const started = await untilAnnounced(site);
    const miss = await take(STILL);
    await delay(3_000);
    const hit = await take(STILL);
    const scenes: Scene[] = [{ title: "make run", takes: [started], goesOn: true }];
    for (const { name, about, steps } of tours) {
      const takes: Take[] = [];
      for (const { command } of steps) takes.push(await take(command));
      scenes.push({ title: name, remark: about, takes });
      process.stderr.write(`${name}: ${takes.flatMap(({ printed }) => printed).join(" | ")}\n`);
    }
    const title = `A terminal: ${START}, then the commands of the tour and what they print.`;
    await writePicture("tour", drawAnimation(scenes, title));
    await writePicture("cache-miss", drawStill(miss, "not stored yet"));
    await writePicture("cache-hit", drawStill(hit, "three seconds later"));
  } finally {
    await stop(site);
  }
}

/** What `make run` says before its log begins. */
async function untilAnnounced(site: ChildProcess): Promise<Take> {
  const began = performance.now();
  const printed: string[] = [];
  const signal = AbortSignal.timeout(START_MS);
  if (site.stdout === null) throw new Error("no output to read");
  for await (const line of createInterface({ input: site.stdout, signal })) {
    // Its log has lines of its own form; the announcement is indented.
    if (line === "" ? printed.length > 0 : line.startsWith("  ")) printed.push(line);
    if (line.includes("Ctrl-C")) return { command: START, printed, ms: performance.now() - began };
  }
  throw new Error(`${START} did not say that it runs; are the ports free?`);
}

function drawStill({ command, printed }: Take, title: string): string {
  const rows = [...commandRows(command), ...outputRows(printed, true)];
  const content = rows.map(drawRow).join("\n");
  return drawWindow(
    rows.length,
    [`$ ${command}`, ...printed].join("\n"),
    drawBarText(title, "middle") + content,
  );
}

async function writePicture(name: string, svg: string): Promise<void> {
  await writeFile(join(root, "assets", `${name}.svg`), svg);
  process.stderr.write(`assets/${name}.svg: ${svg.length} bytes\n`);
}

/** As Ctrl-C in its terminal does. */
async function stop(site: ChildProcess): Promise<void> {
  const ended = once(site, "exit");
  site.stdout?.resume();
  if (site.exitCode !== null || !kill(site, "SIGINT")) return;
  const late = setTimeout(() => kill(site, "SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(late);
}

/** False when its group is gone already. */
function kill({ pid }: ChildProcess, signal: NodeJS.Signals): boolean {
  try {
    return pid !== undefined && process.kill(-pid, signal);
  } catch {
    return false;
  }
}

await record();
process.exit(0);
