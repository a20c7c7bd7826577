// What `make run` and `make dev` do: find a Redis, start mock origins and the proxy, stop what was started.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { announce } from "./announce.ts";
import { type Child, Crew } from "./children.ts";
import { findRedis, noRedis } from "./find-redis.ts";
import { rebuildOnChange } from "./rebuild.ts";
import type { FoundRedis } from "./running-redis.ts";
import { type MockOrigins, startOrigins } from "./start-origins.ts";
import { checkPorts, startProxy } from "./start-proxy.ts";
import { untilSays } from "./until-says.ts";
import { listenForStop } from "./until-stopped.ts";
import { RunError, readWanted, type Wanted } from "./wanted.ts";

const compiled = import.meta.url.endsWith(".js");
const root = fileURLToPath(new URL(compiled ? "../../" : "../", import.meta.url));
const program = (name: string) =>
  fileURLToPath(new URL(`../${name}${compiled ? ".js" : ".ts"}`, import.meta.url));

const PROXY_START_MS = 30_000;
/** Under `make dev` a change may mend what keeps the proxy from starting. */
const DEV_START_MS = 2 ** 31 - 1;
const MOCKS_PATIENCE_MS = 3_000;
const INTERRUPTED = 130;

/** What has been started so far, in the order in which it ends. */
interface Started {
  proxy?: Child;
  mocks?: MockOrigins;
  redis?: FoundRedis;
}

const say = (sentence: string): void => {
  process.stderr.write(`${sentence}\n`);
};

/** Answers the exit code. */
async function run(watch: boolean): Promise<number> {
  const wanted = readWanted(process.env, await readFile(join(root, ".env"), "utf8").catch(() => ""));
  await checkPorts(wanted);
  const crew = new Crew();
  const signal = untilStopped(crew);
  const started: Started = {};
  try {
    const proxy = await start(wanted, crew, started, watch, signal);
    if (proxy !== undefined) await Promise.race([proxy.ended, aborted(signal)]);
    if (!signal.aborted && proxy !== undefined) throw new RunError(`${proxy.name} ${proxy.ending}.`);
  } catch (cause) {
    // What goes wrong because everything is being stopped is not worth a word.
    if (!signal.aborted) throw cause;
  } finally {
    await stop(wanted, crew, started);
  }
  return crew.isHurried ? INTERRUPTED : 0;
}

/** Resolves to undefined when it was interrupted. */
async function start(
  wanted: Wanted,
  crew: Crew,
  started: Started,
  watch: boolean,
  signal: AbortSignal,
): Promise<Child | undefined> {
  const nodeArgs = watch ? ["--watch", "--watch-preserve-output"] : [];
  const spokenFor = [wanted.port, wanted.adminPort];
  const { redisUrl: url, redisNamed: named } = wanted;
  const redis =
    url === undefined ? noRedis : await findRedis({ url, named, root, crew, spokenFor, say, signal });
  started.redis = redis;
  if (signal.aborted) return undefined;

  const origins = wanted.origins ?? (await startMocks(crew, started, nodeArgs, spokenFor, signal));
  if (origins === undefined) return undefined;

  if (watch) rebuildOnChange(root, crew, signal);
  const proxy = startProxy(crew, root, nodeArgs, program("src/cli"), wanted, origins, redis.url);
  started.proxy = proxy;
  const patience = watch ? DEV_START_MS : PROXY_START_MS;
  const show = await untilSays(proxy, /^Freshline on /, patience, signal);
  if (signal.aborted) return undefined;
  if (show === undefined) {
    throw new RunError(
      `${proxy.name} ${proxy.ending ?? `took more than ${patience / 1000} s`} before it listened.`,
    );
  }

  process.stdout.write(announce(wanted, origins, redis));
  started.mocks?.show();
  show();
  tellDeath(redis.child, "The proxy goes on with its memory tier.", signal);
  tellDeath(started.mocks?.child, "The proxy goes on without them.", signal);
  return proxy;
}

async function startMocks(
  crew: Crew,
  started: Started,
  nodeArgs: readonly string[],
  spokenFor: readonly number[],
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const mocks = await startOrigins(crew, nodeArgs, program("mock-origin/main"), spokenFor, signal);
  if (mocks !== undefined) started.mocks = mocks;
  return mocks?.urls;
}

/** Without Redis or origins the proxy has answers still; seeing which is what some stop them for. */
function tellDeath(child: Child | undefined, consequence: string, signal: AbortSignal): void {
  void child?.ended.then((ending) => {
    if (!signal.aborted) say(`${child.name}: ${ending}. ${consequence}`);
  });
}

/** The proxy first, so that it finishes its requests with all that it needs. */
async function stop(wanted: Wanted, crew: Crew, { proxy, mocks, redis }: Started): Promise<void> {
  await proxy?.stop(wanted.patience);
  await mocks?.child.stop(MOCKS_PATIENCE_MS);
  const note = await redis?.leave();
  await crew.stopAll(MOCKS_PATIENCE_MS);
  if (note !== undefined) say(note);
}

/** Aborted when the run is to stop. A second Ctrl-C takes the patience away, and changes nothing in the order. */
function untilStopped(crew: Crew): AbortSignal {
  const stopping = new AbortController();
  listenForStop({
    stop: () => {
      say("\nStopping; once more stops at once.");
      stopping.abort();
    },
    hurry: () => crew.hurry(),
  });
  return stopping.signal;
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

// A terminal that was closed takes no more lines; stopping goes on without it.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

try {
  process.exit(await run(process.argv.includes("--watch")));
} catch (cause) {
  if (cause instanceof RunError) say(cause.message);
  else say(`make run failed: ${cause instanceof Error ? cause.stack : String(cause)}`);
  process.exit(1);
}
