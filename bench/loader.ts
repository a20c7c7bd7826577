import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pinned } from "./cores.ts";
import type { Order, Result } from "./load.ts";
import { bytesOf, type Request } from "./request.ts";
import type { Stage } from "./stage.ts";

/** What is asked for, by how many connections, and for how long. */
export interface Load extends Omit<Order, "port" | "request"> {
  readonly request: Request;
  /** By our own loader, as what this is compared with: how fast one asks is part of what an answer costs. */
  readonly byOurs?: boolean;
}

const run = promisify(execFile);
/** A load without an end of its own, by requests, is given this long. */
const LONGEST_MS = 20 * 60_000;

/** Asks a server for so long, by wrk where it is and can, else by a loader of our own. */
export async function load(stage: Stage, port: number, what: Load): Promise<Result> {
  const { until } = what;
  // wrk waits for the body of a 304 that says how long it would have been.
  if (stage.wrk !== undefined && "seconds" in until && what.status !== 304 && what.byOurs !== true)
    return withWrk(stage, stage.wrk, port, what, until.seconds);
  const order: Order = { ...what, port, request: bytesOf(what.request) };
  const script = fileURLToPath(new URL("load.ts", import.meta.url));
  return parsed(stage, process.execPath, [script, JSON.stringify(order)]);
}

async function parsed(stage: Stage, command: string, args: readonly string[]): Promise<Result> {
  const [program, ...words] = pinned(stage.cores.load, command, args);
  const env = { ...process.env, NODE_NO_WARNINGS: "1" };
  const { stdout } = await run(program, words, { timeout: LONGEST_MS, env });
  return JSON.parse(stdout.slice(stdout.lastIndexOf("\n{") + 1)) as Result;
}

async function withWrk(
  stage: Stage,
  wrk: string,
  port: number,
  { request, connections, spread, status }: Load,
  seconds: number,
): Promise<Result> {
  const script = join(stage.directory, "request.lua");
  writeFileSync(script, luaOf(request, spread));
  const url = `http://127.0.0.1:${port}${request.path.replace("{n}", "0")}`;
  const words = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "-s", script, url];
  const result = await parsed(stage, wrk, words);
  // wrk knows no more of a status than that it is an error; that others are right, the row has asked before.
  return status < 400 ? result : { ...result, bad: 0 };
}

/** What wrk prints by itself is for people; the last line is for us. */
function luaOf({ path, fields }: Request, spread: number | undefined): string {
  const lines = fields.map(([name, value]) => `wrk.headers[${lua(name)}] = ${lua(value)}`);
  const [before = "", after = ""] = path.split("{n}");
  if (spread !== undefined) {
    lines.push(
      "request = function()",
      `  return wrk.format("GET", ${lua(before)} .. math.random(0, ${spread - 1}) .. ${lua(after)})`,
      "end",
    );
  }
  lines.push(
    "done = function(summary)",
    "  local e = summary.errors",
    "  local bad = e.status + e.connect + e.read + e.write + e.timeout",
    "  local good = summary.requests - e.status",
    `  io.write(string.format('\\n{"requests":%d,"bad":%d,"seconds":%f}\\n', good, bad, summary.duration / 1e6))`,
    "end",
    "",
  );
  return lines.join("\n");
}

/** Field values and paths of ours have no control characters. */
const lua = (text: string): string => JSON.stringify(text);
