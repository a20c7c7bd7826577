import type { CacheEvent, Emit } from "./cache/events.ts";
import type { Config } from "./config.ts";
import { createLogger, type Log } from "./observe/log.ts";
import type { Reading } from "./observe/together.ts";
import type { Operations } from "./start/admin.ts";
import { WatchesForPrimary } from "./start/live-of-workers.ts";
import { collectPassingBuffers } from "./start/passing-buffers.ts";
import { surviveDefects, warmUp } from "./start/process.ts";
import { keepHeapSmall } from "./start/small-heap.ts";
import { TicketSecrets } from "./start/ticket-secrets.ts";
import type { AskedOfPrimary, AskedOfWorker, Beginning, Begun } from "./start/worker-contract.ts";
import { type Running, start } from "./start.ts";
import { HeardChecks } from "./workers/heard-checks.ts";
import { WorkerPurgeLog } from "./workers/purge-log.ts";
import { Wire } from "./workers/wire.ts";

/* The program of a worker: src/start/primary.ts starts it, tells it its settings, and ends it. */

/** What happens in all workers alike. */
const FOR_ALL: ReadonlySet<CacheEvent["type"]> = new Set<CacheEvent["type"]>(["purged", "certificates"]);
/** Another process that does not answer so long hangs; a purge, the only thing that waits for it, is told so. */
const PATIENCE_MS = 1000;
const FAREWELL_MS = 5000;

interface Self {
  readonly log: Log;
  readonly running: Running;
  readonly operations: Operations;
  readonly watches: WatchesForPrimary;
}

let checks: HeardChecks | undefined;
let tickets: TicketSecrets | undefined;
let purgeLog: WorkerPurgeLog | undefined;
let self: Self | undefined;

const wire = new Wire<AskedOfPrimary, AskedOfWorker>((message) => process.send?.(message), {
  begin,
  alive: () => {},
  checked: (checked) => checks?.hear(checked),
  removed: (origins) => {
    for (const origin of origins) checks?.remove(origin);
  },
  ticketSecret: (secret) => tickets?.renew(secret),
  apply: ({ config, draining }) => begun().operations.apply(config, draining),
  purged: (record) => purgeLog?.receive(record),
  reading: () => reading(begun().operations),
  origins: () => begun().operations.origins(),
  live: () => begun().operations.liveReading(),
  watch: (watch) => begun().watches.watch(watch),
  unwatch: (id) => self?.watches.unwatch(id),
  explain: (asked) => begun().operations.explain(asked),
  entries: (asked) => begun().operations.entries(asked),
  storeState: () => begun().operations.storeState(),
  ready: () => begun().operations.ready(),
  purge: ({ targets, mode }) => begun().operations.purge(targets, mode),
  refetch: (keys) => begun().operations.refetch(keys),
  warm: ({ urls, concurrency }) => begun().operations.warm(urls, concurrency),
  stop: () => end(begun()),
});

function begun(): Self {
  if (self === undefined) throw new Error("this worker has not begun");
  return self;
}

async function begin({
  place,
  config,
  draining,
  epoch,
  checked,
  ticketSecret,
  warmList,
}: Beginning): Promise<Begun> {
  const log = createLogger({
    level: config.LOG_LEVEL,
    format: config.LOG_FORMAT,
    sample: config.LOG_SAMPLE,
    worker: place,
  });
  surviveDefects(log);
  keepHeapSmall();
  collectPassingBuffers();
  const heard = new HeardChecks(checked);
  checks = heard;
  tickets = new TicketSecrets(ticketSecret);
  purgeLog = new WorkerPurgeLog({
    epoch,
    append: (targets, mode) => wire.ask("append", { targets, mode }, PATIENCE_MS),
    acknowledged: (upTo) => wire.ask("acknowledged", upTo, config.PURGE_ACK_TIMEOUT + PATIENCE_MS),
    heard: (upTo) => wire.tell("heard", upTo),
  });
  /** What all workers hear of at once, one of them tells. */
  const listen: Emit = (event) => {
    if (place === 1 || !(FOR_ALL.has(event.type) || heard.hearing)) log.listen(event);
  };
  let operations: Operations | undefined;
  const openAdmin = async (opened: Operations) => {
    operations = opened;
    return { host: "", port: 0, close: async () => {} };
  };
  const worker = { purgeLog, healthChecks: heard.create, tickets, openAdmin };
  const applied = ({ LOG_LEVEL: level, LOG_SAMPLE: sample }: Config) => log.apply({ level, sample });
  const running = await start(config, { observers: [listen], applied, worker });
  if (operations === undefined) throw new Error("a worker without operations");
  if (draining.length > 0) await operations.apply(config, draining);
  const watches = new WatchesForPrimary(operations.tail, place, (watched) =>
    wire.ask("watched", watched, PATIENCE_MS),
  );
  self = { log, running, operations, watches };
  void warmUp(running.warm, warmList, log);
  const { port, maxObjectBytes } = running;
  return { port, maxObjectBytes, redisAttached: running.redisAttached() };
}

const reading = async (operations: Operations): Promise<Reading> => ({
  stats: operations.stats(),
  metrics: await operations.metrics(),
});

/** A connection that was handed over at the last moment goes back before the farewell is answered. */
async function end({ running, operations, log }: Self): Promise<void> {
  await running.stop().catch((error: unknown) => log.logger.error({ err: error }, "a stop that went wrong"));
  const counted = await reading(operations).catch(() => undefined);
  await wire.ask("farewell", counted, FAREWELL_MS).catch(() => {});
  await log.close();
  // node:cluster ends the process then, when all that was said has been sent.
  process.disconnect?.();
}

process.on("message", wire.receive);
// Ctrl-C and service managers signal every process; who started this one says when it ends.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"] as const) process.on(signal, () => {});
