import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isLoopback } from "../src/config/addresses.ts";
import { maskCredentials } from "../src/config/kinds.ts";
import { ask } from "./ask-command.ts";
import type { Child, Crew } from "./children.ts";
import { anyFreePort, portState } from "./ports.ts";
import { addressOf, untilAnswers } from "./redis-line.ts";
import { type FindRedis, type FoundRedis, isOfAnotherRun, whatAnswers } from "./running-redis.ts";

const START_MS = 10_000;
const STOP_MS = 5_000;
/** An archive is fetched on a slow line at most this long. */
const BRING_MS = 400_000;
const ATTEMPTS = 3;
/** A younger folder may belong to a server that is about to start. */
const SWEEP_AGE_MS = 60_000;

/** A server that this run starts, by the binary that scripts/redis.sh finds or brings. */
export async function ownRedis(find: FindRedis): Promise<FoundRedis | undefined> {
  const { root, crew, signal, say } = find;
  const script = join(root, "scripts", "redis.sh");
  const binary = await ask(script, ["--binary"], { crew, cwd: root, timeout: BRING_MS, loud: true, signal });
  if (binary === undefined) return undefined;

  await sweep(join(root, ".redis"));
  for (let attempt = 0; attempt < ATTEMPTS && !signal.aborted; attempt += 1) {
    const port = await choosePort(find, attempt);
    const dir = join(root, ".redis", `run-${port}`);
    await mkdir(dir, { recursive: true });
    const child = startServer(crew, binary.trim(), port, dir);
    const url = `redis://127.0.0.1:${port}${new URL(find.url).pathname}`;
    if (await untilAnswers(url, START_MS, () => child.ending !== undefined || signal.aborted)) {
      return owned(url, child, dir, `started here${await whyNotThere(find, port)}`);
    }
    await child.stop(STOP_MS);
    // Somebody else's may have taken the port since it was found free.
    const other = attempt === 0 ? await whatAnswers(find) : undefined;
    if (other !== undefined || signal.aborted) return other;
    say(`Redis on port ${port} ${child.ending}: ${await lastLine(join(dir, "redis.log"))}`);
  }
  return undefined;
}

/** The port of the URL when it is one of this machine and free, else any. */
async function choosePort({ url, spokenFor }: FindRedis, attempt: number): Promise<number> {
  const { host, port } = addressOf(url);
  if (attempt === 0 && isLoopback(host) && !spokenFor.includes(port) && (await portState(port)) === "free") {
    return port;
  }
  let free = await anyFreePort();
  while (spokenFor.includes(free)) free = await anyFreePort();
  return free;
}

function startServer(crew: Crew, binary: string, port: number, dir: string): Child {
  const settings = {
    port: String(port),
    bind: "127.0.0.1",
    dir,
    logfile: join(dir, "redis.log"),
    save: "",
    appendonly: "no",
    maxmemory: "256mb",
    "maxmemory-policy": "allkeys-lfu",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  return crew.start("Redis", binary, args, { stdio: "ignore" });
}

async function whyNotThere({ url }: FindRedis, port: number): Promise<string> {
  if (port === addressOf(url).port) return "";
  const there = maskCredentials(url);
  return (await isOfAnotherRun(url))
    ? `: the one at ${there} is another make run's`
    : `, since none answers at ${there}`;
}

function owned(url: string, child: Child, dir: string, origin: string): FoundRedis {
  return {
    url,
    origin,
    child,
    leave: async () => {
      await child.stop(STOP_MS);
      await rm(dir, { recursive: true, force: true }).catch(() => undefined);
      return undefined;
    },
  };
}

/** Removes the folders of servers that were killed, once their ports are free again. */
async function sweep(home: string): Promise<void> {
  for (const name of await readdir(home).catch(() => [])) {
    const port = Number(/^run-(\d{1,5})$/.exec(name)?.[1] ?? Number.NaN);
    const dir = join(home, name);
    if (Number.isNaN(port) || Date.now() - (await changedAt(dir)) < SWEEP_AGE_MS) continue;
    if ((await portState(port)) === "free")
      await rm(dir, { recursive: true, force: true }).catch(() => undefined);
  }
}

const changedAt = (path: string): Promise<number> =>
  stat(path).then(
    (found) => found.mtimeMs,
    () => Date.now(),
  );

async function lastLine(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trimEnd().split("\n").at(-1) ?? "";
}
