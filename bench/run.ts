/**
 * `make bench`: asks Freshline and whoever of its peers is here the same, in turns, prints what it cost them,
 * and writes bench/results/<date>.md. `node bench/run.ts [rows=hit-1k,304] [rounds=5] [seconds=2] [entries=1000000]`
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pinPid } from "./cores.ts";
import { machine } from "./machine.ts";
import type { Row } from "./row.ts";
import { ROWS } from "./rows.ts";
import { type Extent, openStage, type Stage } from "./stage.ts";
import { markdown, type Ran, terminalTable } from "./table.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const DEFAULTS: Extent = { rounds: 5, seconds: 2, entries: 1_000_000 };

interface Order {
  readonly rows: readonly Row[];
  readonly extent: Extent;
}

/** Words as make passes them on; empty ones were not given. */
function readOrder(words: readonly string[]): Order | string {
  const given = new Map(words.map((word) => [word.split("=")[0], word.slice(word.indexOf("=") + 1)]));
  const names = (given.get("rows") || ROWS.map(({ name }) => name).join(",")).split(",");
  const rows = ROWS.filter(({ name }) => names.includes(name));
  const unknown = names.filter((name) => !ROWS.some((row) => row.name === name));
  if (unknown.length > 0)
    return `there is no row ${unknown.join(", ")}; there are ${ROWS.map(({ name }) => name).join(", ")}`;
  const numberOf = (name: keyof Extent) => Number(given.get(name) || DEFAULTS[name]);
  const extent = { rounds: numberOf("rounds"), seconds: numberOf("seconds"), entries: numberOf("entries") };
  if (Object.values(extent).some((each) => !Number.isInteger(each) || each < 1))
    return "rounds, seconds and entries are whole numbers from 1 on";
  return { rows, extent };
}

async function runRow(stage: Stage, row: Row): Promise<Ran> {
  try {
    return { row, answer: await row.run(stage) };
  } catch (error) {
    return { row, answer: { failed: error instanceof Error ? error.message : String(error) } };
  }
}

/** Paths of this machine are nobody's business. */
const withoutPaths = (text: string, { directory, memoryDirectory }: Stage): string =>
  text
    .replaceAll(process.execPath, "node")
    .replaceAll(memoryDirectory, "$MEMORY")
    .replaceAll(directory, "$FOLDER")
    .replaceAll(ROOT, "");

async function bench({ rows, extent }: Order, words: readonly string[]): Promise<number> {
  const stage = await openStage(extent);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
    process.once(signal, () => void stage.close().then(() => process.exit(130)));
  try {
    pinPid(stage.cores.load, process.pid);
    const date = new Date().toISOString().slice(0, 16).replace("T", " ");
    const command = ["make bench", ...words.filter((word) => !word.endsWith("="))].join(" ");
    const file = join("bench/results", `${date.replaceAll(/[ :]/g, "-")}.md`);
    mkdirSync(join(ROOT, "bench/results"), { recursive: true });
    const ran: Ran[] = [];
    for (const row of rows) {
      const result = await runRow(stage, row);
      ran.push(result);
      console.log(withoutPaths(terminalTable(result), stage));
      // After each, for who stops it before its end.
      const text = markdown(`${date} UTC`, machine(stage), command, ran);
      writeFileSync(join(ROOT, file), withoutPaths(text, stage));
    }
    console.log([...machine(stage), `written: ${file}`].join("\n"));
    return 0;
  } finally {
    await stage.close();
  }
}

const words = process.argv.slice(2);
const order = readOrder(words);
if (typeof order === "string") {
  console.error(`bench: ${order}`);
  process.exitCode = 2;
} else if (!existsSync("/proc/self/stat")) {
  console.error("bench: it measures CPU by /proc, which only Linux has");
  process.exitCode = 1;
} else process.exitCode = await bench(order, words);
