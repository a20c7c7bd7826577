import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { patternOf } from "./defence.ts";

/** A test that ran, by its full name. */
interface Ran {
  readonly fullName: string;
  readonly status: string;
}

/** What vitest's JSON says, as far as it is read here. */
interface Report {
  readonly testResults?: readonly { readonly assertionResults: readonly Ran[]; readonly message?: string }[];
}

/** How a run of tests ended: they ran, each with what became of it, or they did not. */
export type Result =
  | { readonly type: "ran"; readonly tests: readonly Ran[] }
  | { readonly type: "broken"; readonly why: string };

/** Runs the tests of a file in a copy whose names match one of these. Never rejects. */
export async function runTests(
  copy: string,
  file: string,
  names: readonly string[],
  timeLimitMs: number,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "freshline-defence-"));
  const output = join(folder, "report.json");
  const pattern = names.map((name) => `(?:${patternOf(name)})`).join("|");
  const words = ["run", file, "-t", pattern, "--reporter=json", `--outputFile=${output}`, "--retry=0"];
  // In a group of its own, so that what the tests have started ends with them.
  const child = spawn("vitest", words, { cwd: copy, stdio: ["ignore", "ignore", "pipe"], detached: true });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-2000);
  });
  let late = false;
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  };
  const timer = setTimeout(() => {
    late = true;
    end();
  }, timeLimitMs);
  process.once("exit", end);
  await new Promise((resolve) => child.once("error", resolve).once("exit", resolve));
  clearTimeout(timer);
  process.off("exit", end);
  // What a broken proxy has left behind.
  end();
  try {
    if (late) return { type: "broken", why: `took longer than ${timeLimitMs / 1000} s` };
    return resultOf(JSON.parse(await readFile(output, "utf8")) as Report);
  } catch {
    return { type: "broken", why: `said nothing: ${said.trim()}` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Tests whose names do not match are in the report as well, as skipped. */
function resultOf({ testResults = [] }: Report): Result {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const ran = tests.filter(({ status }) => status === "passed" || status === "failed");
  if (ran.length > 0) return { type: "ran", tests: ran };
  const why = testResults.map(({ message = "" }) => message.trim()).find((message) => message !== "");
  return { type: "broken", why: why?.split("\n", 1)[0] ?? "no test has that name" };
}
