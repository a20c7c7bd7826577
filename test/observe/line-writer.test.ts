import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { until } from "../until.ts";

const MODULE = new URL("../../src/observe/line-writer.ts", import.meta.url).href;
const DEADLINE_MS = 15_000;

let child: ChildProcessByStdio<null, Readable, Readable> | undefined;
afterEach(() => {
  child?.kill("SIGKILL");
});

/** Runs `script` in a process of its own, whose standard output is a pipe that we hold. */
function run(script: string) {
  const source = `import { createLineWriter } from ${JSON.stringify(MODULE)};\n${script}`;
  child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: DEADLINE_MS,
    killSignal: "SIGKILL",
  });
  return { child, exit: once(child, "exit") as Promise<[number | null, string | null]> };
}

const numbers = (output: string): number[] =>
  output
    .split("\n")
    .slice(0, -1)
    .map((line) => Number(line.slice(0, line.indexOf(" "))))
    .sort((a, b) => a - b);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test("no line is lost when the process exits at once", async () => {
  const { child, exit } = run(`
    const writer = createLineWriter(1, () => {});
    for (let i = 0; i < 5000; i++) writer.write(i + " " + "x".repeat(100) + "\\n");
    process.exit(0);`);
  const output = await text(child.stdout);
  expect(await exit).toEqual([0, null]);
  expect(numbers(output)).toEqual(upTo(5000));
});

test("no line is lost when an error ends the process", async () => {
  const { child, exit } = run(`
    const writer = createLineWriter(1, () => {});
    for (let i = 0; i < 100; i++) writer.write(i + " x\\n");
    throw new Error("the end");`);
  const [output] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect(await exit).toEqual([1, null]);
  expect(numbers(output)).toEqual(upTo(100));
});

test("close waits until everything is written, in order", async () => {
  const { child, exit } = run(`
    const writer = createLineWriter(1, () => {});
    for (let i = 0; i < 5000; i++) writer.write(i + " " + "é".repeat(100) + "\\n");
    await writer.close();
    writer.write("after\\n");
    process.reallyExit(0);`);
  const output = await text(child.stdout);
  expect(await exit).toEqual([0, null]);
  expect(output.split("\n").slice(0, -1)).toEqual(upTo(5000).map((i) => `${i} ${"é".repeat(100)}`));
});

/** Makes the pipe non-blocking, as a parent process may have done, and fills it. */
const FILL = `
    const { Socket } = await import("node:net");
    new Socket({ fd: 1 });
    const writer = createLineWriter(1, () => {});
    for (let i = 0; i < 1000; i++) writer.write(i + " " + "x".repeat(1000) + "\\n");
    await new Promise((resolve) => setTimeout(resolve, 50));
    process.stderr.write("paused");`;

test.each([
  ["close", "await writer.close();"],
  ["exit", ""],
])("at %s a pipe that takes lines in pieces, or not now, gets them whole", async (_, ending) => {
  const { child, exit } = run(`${FILL} ${ending} process.exit(0);`);
  await once(child.stderr, "data");
  const output = await text(child.stdout);
  expect(await exit).toEqual([0, null]);
  expect(output.split("\n").slice(0, -1)).toEqual(upTo(1000).map((i) => `${i} ${"x".repeat(1000)}`));
});

test("a pipe that is full and says so gets all, also when the process exits in the moment in which it is tried again", async () => {
  const { child, exit } = run(`
    const later = globalThis.setTimeout;
    let isFull = false;
    globalThis.setTimeout = (callback, ms) => later(() => {
      callback();
      if (!isFull) return;
      // For another thread to write in.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      process.stderr.write("tried");
      process.exit(0);
    }, ms);
    const { Socket } = await import("node:net");
    new Socket({ fd: 1 });
    const writer = createLineWriter(1, () => {});
    for (let i = 0; i < 1000; i++) writer.write(i + " " + "x".repeat(1000) + "\\n");
    later(() => { isFull = true; }, 50);`);
  await once(child.stderr, "data");
  const output = await text(child.stdout);
  expect(await exit).toEqual([0, null]);
  expect(numbers(output)).toEqual(upTo(1000));
});

test("what is written in many batches is whole, however many bytes its characters take", async () => {
  const { child, exit } = run(`
    const writer = createLineWriter(1, () => {});
    for (const [from, to] of [[0, 10], [10, 600], [600, 5000], [5000, 5010]]) {
      for (let i = from; i < to; i++) writer.write(i + " " + "€".repeat(i % 300) + "\\n");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await writer.close();`);
  const output = await text(child.stdout);
  expect(await exit).toEqual([0, null]);
  expect(output).toBe(
    upTo(5010)
      .map((i) => `${i} ${"€".repeat(i % 300)}\n`)
      .join(""),
  );
});

/** The same behind a real pipe, where Node's own are sockets; its reader begins when `go` is called. */
function runBehindPipe(script: string) {
  const source = `import { createLineWriter } from ${JSON.stringify(MODULE)};\n${script}`;
  const line = `"$0" --no-warnings --input-type=module -e "$1" 3<&- | { head -c 1 <&3 >/dev/null; exec cat; }`;
  const piped = spawn("sh", ["-c", line, process.execPath, source], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    timeout: DEADLINE_MS,
    killSignal: "SIGKILL",
  });
  const [, stdout, stderr, gate] = piped.stdio;
  onTestFinished(() => void piped.kill("SIGKILL"));
  return { stdout: stdout as Readable, stderr: stderr as Readable, go: () => (gate as Writable).end("x") };
}

const LINES = `
    const writer = createLineWriter(1, () => {});
    const write = (from, to) => {
      for (let i = from; i < to; i++) writer.write(i + " " + "€".repeat(i % 100) + "\\n");
    };`;
const linesTo = (end: number) =>
  upTo(end)
    .map((i) => `${i} ${"€".repeat(i % 100)}\n`)
    .join("");

test.each([
  ["close", "await writer.close();"],
  ["exit", "process.exit(0);"],
])("a pipe whose reader pauses stops nothing, and has it all in order at %s", async (_, ending) => {
  const { stdout, stderr, go } = runBehindPipe(`${LINES}
    write(0, 3000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    write(3000, 6000);
    process.stderr.write("still here");
    ${ending}`);
  const said = await once(stderr, "data");
  expect(String(said)).toBe("still here");
  go();
  expect(await text(stdout)).toBe(linesTo(6000));
});

test("once it is closed, what a pipe has not taken goes nowhere else, not to who has its descriptor then, either", async () => {
  const { stderr, go } = runBehindPipe(`${LINES}
    const { fstatSync, mkdtempSync, openSync, rmSync } = await import("node:fs");
    const folder = mkdtempSync("${join(tmpdir(), "freshline-lines-")}");
    write(0, 3000);
    await writer.close();
    const others = Array.from({ length: 20 }, (_, i) => openSync(folder + "/" + i, "w"));
    rmSync(folder, { recursive: true });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await writer.close();
    writer.flush();
    // Before standard error is opened, which takes what is free.
    const bytes = others.reduce((sum, other) => sum + fstatSync(other).size, 0);
    process.stderr.write(String(bytes));
    process.exit(0);`);
  const said = await once(stderr, "data");
  go();
  expect(String(said)).toBe("0");
});

test("a long line leaves alone the memory that others of Node's pool have beside it", async () => {
  // As long as a batch, whatever Node adds to it.
  const { child, exit } = run(`
    Buffer.poolSize = 65_536;
    const poolBytes = () => { Buffer.allocUnsafe(32_000); Buffer.allocUnsafe(32_000); return Buffer.allocUnsafe(32_000).buffer.byteLength; };
    Buffer.poolSize -= poolBytes() - 65_536;
    if (poolBytes() !== 65_536) throw new Error("no pool is as long as a batch");
    const beside = () => Array.from({ length: 10 }, () => Buffer.from("mine"));
    const writer = createLineWriter(1, () => {});
    const mine = beside();
    writer.write("x".repeat(22_000) + "\\n");
    mine.push(...beside());
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let i = 0; i < 40; i++) writer.write("y".repeat(5000) + "\\n");
    await writer.close();
    process.stderr.write(mine.filter((bytes) => String(bytes) !== "mine").length + " are other bytes");
    process.exit(0);`);
  const [, said] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect(said).toBe("0 are other bytes");
  expect(await exit).toEqual([0, null]);
});

test("a file has it all in order, whenever the process exits", async () => {
  const folder = await mkdtemp(join(tmpdir(), "freshline-lines-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = await open(join(folder, "log"), "w");
  await file.write("before\n");
  const source = `import { createLineWriter } from ${JSON.stringify(MODULE)};${LINES}
    write(0, 3000);
    await new Promise(setImmediate);
    write(3000, 6000);
    process.exit(0);`;
  const args = ["--no-warnings", "--input-type=module", "-e", source];
  const writing = spawn(process.execPath, args, {
    stdio: ["ignore", file.fd, "inherit"],
    timeout: DEADLINE_MS,
  });
  expect(await once(writing, "exit")).toEqual([0, null]);
  await file.close();
  expect(await readFile(join(folder, "log"), "utf8")).toBe(`before\n${linesTo(6000)}`);
});

test("a file that has no room gets further lines when it has some again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "freshline-log-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "log");
  const source = `import { createLineWriter } from ${JSON.stringify(MODULE)};
    const writer = createLineWriter(1, (lines) => console.error("dropped", lines), 2000);
    let i = 0;
    setInterval(() => writer.write(i++ + " " + "x".repeat(98) + "\\n"), 1);`;
  // 8 KiB, and no more, until somebody shortens it.
  child = spawn(
    "bash",
    [
      "-c",
      'ulimit -f 8; exec "$0" "$@" >> "$LOG"',
      process.execPath,
      "--no-warnings",
      "--input-type=module",
      "-e",
      source,
    ],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, LOG: path },
      timeout: DEADLINE_MS,
      killSignal: "SIGKILL",
    },
  );
  let said = "";
  child.stderr.on("data", (text) => {
    said += text;
  });
  const size = async () => (await stat(path).catch(() => ({ size: 0 }))).size;
  await until("it has told of lines that were dropped while it was full", async () => {
    if ((await size()) === 8192) await truncate(path, 0);
    return said !== "";
  });
  expect(said).toMatch(/^dropped \d+/);
  await until("there are further lines", async () => numbers(await readFile(path, "latin1")).length > 0);
});

test("a reader that is gone ends the log, not the process", async () => {
  const { child, exit } = run(`
    const writer = createLineWriter(1, () => {});
    process.once("SIGUSR2", async () => {
      for (let i = 0; i < 10; i++) {
        writer.write("x".repeat(1000) + "\\n");
        await new Promise(setImmediate);
      }
      await writer.close();
      process.exit(3);
    });
    setInterval(() => {}, 1000);
    process.stderr.write("ready");`);
  await once(child.stderr, "data");
  child.stdout.destroy();
  await once(child.stdout, "close");
  child.kill("SIGUSR2");
  expect(await exit).toEqual([3, null]);
});

test("exit does not hang when the reader left with lines pending", async () => {
  const { child, exit } = run(`
    const writer = createLineWriter(1, () => {});
    process.once("SIGUSR2", () => {
      for (let i = 0; i < 100; i++) writer.write("x".repeat(1000) + "\\n");
      process.exit(3);
    });
    setInterval(() => {}, 1000);
    process.stderr.write("ready");`);
  await once(child.stderr, "data");
  child.stdout.destroy();
  await once(child.stdout, "close");
  child.kill("SIGUSR2");
  expect(await exit).toEqual([3, null]);
});

test("a reader that pauses costs lines beyond the bound, not memory; they are counted", async () => {
  const { child, exit } = run(`
    let dropped = 0;
    const writer = createLineWriter(1, (lines) => { dropped += lines; }, 100_000);
    for (let i = 0; i < 3000; i++) {
      writer.write(i + " " + "x".repeat(1000) + "\\n");
      if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    process.stderr.write("paused");
    while (dropped === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await writer.close();
    process.stderr.write(" " + dropped);`);
  const errors: string[] = [];
  child.stderr.on("data", (chunk) => errors.push(String(chunk)));
  await once(child.stderr, "data");
  const output = await text(child.stdout);
  expect(await exit).toEqual([0, null]);
  const written = numbers(output);
  const dropped = Number(errors.join("").split(" ")[1]);
  expect(dropped).toBeGreaterThan(2000);
  expect(written.length + dropped).toBe(3000);
  expect(new Set(written).size).toBe(written.length);
});
