import { isatty } from "node:tty";
import type { PurgeRecord } from "../cache/ports/purge-log.ts";
import type { Settled } from "../config/changes.ts";
import { readWarmList } from "../config/warm-list.ts";
import type { Config, Loaded } from "../config.ts";
import { createLineWriter } from "../observe/line-writer.ts";
import { createLogger, type Log } from "../observe/log.ts";
import { Together } from "../observe/together.ts";
import { originOf } from "../origin/address.ts";
import { createHealthChecks } from "../origin/health.ts";
import { Crew, type CrewNews } from "../workers/crew.ts";
import type { Checked } from "../workers/heard-checks.ts";
import { watchForHanging } from "../workers/hung.ts";
import { PurgeOrder } from "../workers/purge-order.ts";
import { WireError } from "../workers/wire.ts";
import { openAdmin } from "./admin.ts";
import { type Hired, hire } from "./hire.ts";
import { type Watch, WatchesOfWorkers } from "./live-of-workers.ts";
import { operationsOf } from "./operations-of-workers.ts";
import { healthOptions } from "./origin-options.ts";
import { announce, stopOnSignals, surviveDefects, warmUp } from "./process.ts";
import { reloadOnHangup, tellSteering } from "./reload.ts";
import { createSteering } from "./steering.ts";
import { TicketSecrets } from "./ticket-secrets.ts";
import type { Beginning } from "./worker-contract.ts";
import { shareOf } from "./worker-share.ts";

const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;
/** What a worker may take to begin, besides its first health checks; and to end, besides its requests. */
const BEGIN_MS = 30_000;
const END_MS = 8_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Several processes that serve one port, and this one, which serves nobody: it starts and replaces
 * them, checks origins for them, and answers the operator for all.
 */
export async function primary({ config, settings }: Settled, reread: () => Loaded): Promise<void> {
  const { log, write } = openLog(config);
  const warmList = await readWarmList(config.WARM_URLS, process.cwd());
  surviveDefects(log);

  const hired = new Set<Hired>();
  const known = new Map<string, Checked>();
  const origins = config.ORIGINS.map(originOf);
  const health = createHealthChecks(origins, healthOptions(config), (origin, healthy, detail, failure) => {
    const checked = { origin, healthy, detail, ...(failure === undefined ? {} : { failure }) };
    known.set(origin, checked);
    for (const { wire } of hired) wire.tell("checked", checked);
  });
  const tickets = new TicketSecrets();
  tickets.follow((secret) => {
    for (const { wire } of hired) wire.tell("ticketSecret", secret);
  });
  tickets.renewDaily();
  const order = new PurgeOrder(Date.now);
  const together = new Together<Hired>(() => crew.serving.map(({ pid }) => pid ?? 0), Date.now);
  const watches = new WatchesOfWorkers();
  const shareIn = (all: Config): Config => ({ ...shareOf(all), LOG_FORMAT: log.format });
  /** What workers go by, those that are still to come among them. */
  let inForce: InForce = { config: shareIn(config), draining: [] };
  const shared = config.REDIS_URL !== undefined;
  const beginWithinMs = Math.min(BEGIN_MS + config.HEALTH_CHECK_TIMEOUT, LONGEST_TIMER_MS);

  const crew = new Crew<Hired>({
    size: config.WORKERS,
    beginWithinMs,
    stopWithinMs: Math.min(END_MS + 2 * config.SHUTDOWN_TIMEOUT, LONGEST_TIMER_MS),
    tell: (news) => tellNews(log, news),
    hire: (place) => {
      const hearer = {
        get name() {
          return worker.name;
        },
        hear: (record: PurgeRecord) => worker.wire.tell("purged", record),
        giveUp: () => worker.kill(),
      };
      const worker = hire({
        beginning: {
          place,
          ...inForce,
          epoch: order.join(hearer),
          checked: [...known.values()],
          ticketSecret: tickets.secret,
          // What Redis keeps need be fetched once.
          warmList: shared ? [] : warmList,
        },
        env: log.colour ? { FORCE_COLOR: "1" } : {},
        answers: {
          append: ({ targets, mode }) => order.append(targets, mode),
          acknowledged: (epoch) => order.acknowledged(epoch, config.PURGE_ACK_TIMEOUT),
          heard: (epoch) => order.heard(hearer, epoch),
          watched: (watched) => watches.hear(watched),
          farewell: (reading) => reading && together.read(worker, reading),
        },
        write,
        beginWithinMs,
      });
      hired.add(worker);
      const watcher = {
        watch: (watch: Watch) => worker.wire.tell("watch", watch),
        unwatch: (id: Watch["id"]) => worker.wire.tell("unwatch", id),
      };
      worker.begun.then(
        () => {
          watches.join(watcher);
          endIfHanging(worker, config.WORKER_TIMEOUT, log);
        },
        () => {},
      );
      void worker.ended.then(() => {
        hired.delete(worker);
        order.leave(hearer);
        watches.leave(watcher);
        together.gone(worker, !worker.isLeaving());
      });
      return worker;
    },
  });

  let draining = false;
  const operations = operationsOf({ crew, hired, together, watches, shared, isDraining: () => draining });
  const restart = async () => {
    log.logger.info("restarting the workers");
    const restarted = await crew.restart();
    log.logger.info({ workers: restarted }, "restarted");
    return restarted;
  };
  const steering = createSteering({
    settled: { config, settings },
    reread,
    async apply(changed, drained) {
      const these = changed.ORIGINS.map(originOf);
      const removed = inForce.config.ORIGINS.map(originOf).filter((origin) => !these.includes(origin));
      // Before they are asked to take over the rest: who has not begun waits for what is checked.
      if (removed.length > 0) for (const { wire } of hired) wire.tell("removed", removed);
      inForce = { config: shareIn(changed), draining: drained };
      log.logger.level = changed.LOG_LEVEL;
      await applyToAll(crew.serving, hired, () => inForce);
      for (const origin of known.keys()) if (!these.includes(origin)) known.delete(origin);
      await health.apply(these, healthOptions(changed));
    },
    empty: () => operations.purge([{ type: "everything" }], "delete"),
    tell: (news) => tellSteering(news, log),
  });
  const admin = await openAdmin(config, steering, { ...operations, restart }).catch(
    async (error: unknown) => {
      await health.close();
      throw error;
    },
  );
  try {
    await crew.start();
  } catch (error) {
    await Promise.all([admin.close(0), health.close()]);
    throw error;
  }
  stopOnSignals(async () => {
    draining = true;
    await crew.stop();
    watches.close();
    await Promise.all([admin.close(), health.close()]);
  }, log);
  reloadOnHangup(steering.reload, log);
  process.on("SIGUSR2", () => {
    restart().catch((error: unknown) => log.logger.error({ err: error }, "a restart that went wrong"));
  });
  const served = await Promise.all(crew.serving.map((worker) => worker.served));
  const { port = config.PORT, maxObjectBytes = config.CACHE_MAX_OBJECT_BYTES } = served[0] ?? {};
  const redisAttached = served.every((one) => one.redisAttached);
  announce(config, { port, maxObjectBytes, redisAttached }, log);
  if (shared) void warmUp(operations.warm, warmList, log);
}

/** A worker that hangs serves nobody, and what it was to hear piles up. */
function endIfHanging({ place, pid, wire, ended, kill }: Hired, patienceMs: number, { logger }: Log): void {
  if (patienceMs === 0) return;
  const watch = watchForHanging({
    ask: (withinMs) => wire.ask("alive", undefined, withinMs),
    patienceMs,
    hangs: (silentMs) => {
      logger.error({ worker: place, pid, silent_ms: silentMs }, "a worker hangs, and is ended");
      kill();
    },
  });
  void ended.then(watch.end);
}

type InForce = Pick<Beginning, "config" | "draining">;

/** What a worker may take to take over other settings. */
const APPLY_MS = 10_000;

/**
 * Tells all workers what is in force, and waits for those that serve; one that begins is told when it does.
 * One that does not take it over goes, and its successor begins with what is in force.
 */
async function applyToAll(
  serving: readonly Hired[],
  hired: ReadonlySet<Hired>,
  inForce: () => InForce,
): Promise<void> {
  const tell = async ({ served, wire, kill }: Hired) => {
    await served;
    await wire.ask("apply", inForce(), APPLY_MS).catch((error: unknown) => {
      if (!(error instanceof WireError && error.code === "gone")) kill();
    });
  };
  for (const worker of hired) if (!serving.includes(worker)) void tell(worker).catch(() => {});
  await Promise.all(serving.map(tell));
}

interface OwnLog extends Log {
  /** What the workers' log looks like, who write to a pipe and cannot tell. */
  readonly format: "json" | "pretty" | "combined";
  readonly colour: boolean;
}

/** One log for all: the workers' lines and this process's own pass through one writer. */
function openLog(config: Config): { log: OwnLog; write: (lines: string) => void } {
  const terminal = isatty(STANDARD_OUTPUT);
  const { write, flush, close } = createLineWriter(STANDARD_OUTPUT, (lines) =>
    log.logger.warn({ lines }, "log lines dropped: their reader is too slow"),
  );
  const asked = config.LOG_FORMAT;
  const format = asked === "auto" ? (terminal ? "pretty" : "json") : asked;
  // Where requests are as nginx writes them, they are alone.
  const own = format === "combined" ? createLineWriter(STANDARD_ERROR, () => {}).write : write;
  const destination = { write: own, isTTY: terminal };
  const log = createLogger({ level: config.LOG_LEVEL, format, destination });
  const colour = terminal && !process.env["NO_COLOR"];
  return { log: { ...log, flush, close, format, colour }, write };
}

function tellNews({ logger }: Log, news: CrewNews): void {
  switch (news.type) {
    case "died": {
      const { place, pid, ending, restMs } = news;
      logger.error({ worker: place, pid, ending, rest_ms: restMs }, "a worker died");
      return;
    }
    case "failed": {
      const { place, error, restMs } = news;
      logger.error({ worker: place, err: error, rest_ms: restMs }, "a worker could not be replaced");
      return;
    }
    case "replaced":
      logger.info({ worker: news.place, pid: news.pid }, "a worker was replaced");
      return;
  }
}
