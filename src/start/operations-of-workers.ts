import type { Asked } from "../cache/explain.ts";
import type { Explanation } from "../cache/explanation.ts";
import type { PurgeMode, PurgeReceipt, PurgeTarget } from "../cache/ports/purge-log.ts";
import { StoreError } from "../cache/ports/store.ts";
import type { WarmResult } from "../cache/warm.ts";
import type { MetricsFormat } from "../observe/exposition.ts";
import type { Together } from "../observe/together.ts";
import type { OriginState } from "../origin/member.ts";
import type { Crew } from "../workers/crew.ts";
import type { OfOperator, Readiness } from "./admin.ts";
import { type Hired, unanswered } from "./hire.ts";
import { liveOf, type WatchesOfWorkers } from "./live-of-workers.ts";
import { storesOf } from "./stores-of-workers.ts";

/** A worker that does not answer its operator for so long is left out. */
const PATIENCE_MS = 1000;
/** With a look into Redis. */
const LOOK_PATIENCE_MS = 2000;
/** With a request to an origin. */
const EXPLAIN_PATIENCE_MS = 15_000;
const PURGE_PATIENCE_MS = 30_000;
const WARM_PATIENCE_MS = 3_600_000;

interface OperationsDeps {
  readonly crew: Crew<Hired>;
  /** All whose process runs, those that end or begin among them. */
  readonly hired: ReadonlySet<Hired>;
  readonly together: Together<Hired>;
  readonly watches: WatchesOfWorkers;
  /** Workers share a Redis: what one of them does there is done for all. */
  readonly shared: boolean;
  readonly isDraining: () => boolean;
}

/** What several workers answer the operator, as if they were one process. */
export function operationsOf({
  crew,
  hired,
  together,
  watches,
  shared,
  isDraining,
}: OperationsDeps): Omit<OfOperator, "restart"> {
  const readAll = () =>
    answersOf(hired, async (worker) => {
      const reading = await worker.wire.ask("reading", undefined, PATIENCE_MS);
      // One that has gone meanwhile is counted already.
      if (hired.has(worker)) together.read(worker, reading);
    });

  const anyone = (patienceMs: number): Promise<Hired> => firstToAnswer(crew.serving, patienceMs);

  /** Who has to fetch what all are to have. */
  const fetchers = async (): Promise<readonly Hired[]> =>
    shared ? [await anyone(EXPLAIN_PATIENCE_MS)] : crew.serving;

  return {
    async stats() {
      await readAll();
      return together.stats();
    },
    async metricsText(format: MetricsFormat) {
      await readAll();
      return together.metricsText(format);
    },
    origins: async () =>
      originsOf(await answersOf(crew.serving, ({ wire }) => wire.ask("origins", undefined, PATIENCE_MS))),
    async explain(asked: Asked): Promise<Explanation> {
      // One asks an origin, and other instances, for all.
      const asker = await anyone(EXPLAIN_PATIENCE_MS);
      return explainedBy(
        await Promise.all(
          crew.serving.map(async (worker) => {
            const asks = worker === asker;
            const mine = { ...asked, fetch: asked.fetch && asks, alone: !asks };
            const patienceMs = asks ? EXPLAIN_PATIENCE_MS : LOOK_PATIENCE_MS;
            const explanation = worker.wire.ask("explain", mine, patienceMs).catch(() => undefined);
            return { name: worker.name, explanation: await explanation };
          }),
        ),
      );
    },
    ...storesOf({ serving: () => crew.serving, anyone, shared }),
    live: liveOf(
      (query) => watches.watch(query),
      () => answersOf(crew.serving, ({ wire }) => wire.ask("live", undefined, PATIENCE_MS)),
    ),
    async ready(): Promise<Readiness> {
      if (isDraining()) return { ready: false, detail: "draining" };
      const said = await answersOf(crew.serving, ({ wire }) => wire.ask("ready", undefined, PATIENCE_MS));
      const ready = said.filter((one) => one.ready);
      const worst = (ready.length > 0 ? ready : said).find(({ detail }) => detail !== "ok");
      return {
        ready: ready.length > 0,
        detail: worst?.detail ?? (ready.length > 0 ? "ok" : "no worker serves"),
      };
    },
    async purge(targets: readonly PurgeTarget[], mode: PurgeMode): Promise<PurgeReceipt> {
      const { wire } = await anyone(PURGE_PATIENCE_MS);
      return wire.ask("purge", { targets, mode }, PURGE_PATIENCE_MS).catch(unanswered("purge"));
    },
    refetch(keys: readonly string[]): void {
      if (keys.length === 0) return;
      void fetchers().then(
        (all) => {
          for (const { wire } of all) wire.tell("refetch", keys);
        },
        // Where none answers nobody has a cache to fetch it into.
        () => {},
      );
    },
    async warm(urls: readonly string[], concurrency?: number): Promise<WarmResult> {
      const warmed = (await fetchers()).map(({ wire }) =>
        wire.ask("warm", { urls, concurrency }, WARM_PATIENCE_MS).catch(unanswered("warm")),
      );
      return warmedBy(urls, await Promise.all(warmed));
    },
  };
}

/** The answers of those who give one. */
async function answersOf<T, W>(of: Iterable<W>, ask: (worker: W) => Promise<T>): Promise<T[]> {
  const asked = await Promise.allSettled(Array.from(of, ask));
  return asked.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}

/** One that serves, and answers: another may hang. Rejects with StoreError where none does. */
async function firstToAnswer(serving: readonly Hired[], patienceMs: number): Promise<Hired> {
  if (serving.length === 0) throw nobodyServes();
  const answering = serving.map(async (worker) => {
    await worker.wire.ask("ready", undefined, patienceMs);
    return worker;
  });
  return Promise.any(answering).catch((cause: unknown) => {
    throw new StoreError("timeout", "no worker has answered", { cause });
  });
}

const nobodyServes = () => new StoreError("unavailable", "no worker serves");

/** Who has asked an origin, or has something stored, tells more than others. Throws StoreError where nobody answers. */
function explainedBy(
  all: readonly { readonly name: string; readonly explanation: Explanation | undefined }[],
): Explanation {
  const said = all.flatMap(({ explanation }) => explanation ?? []);
  const first =
    said.find(({ fetched }) => fetched !== undefined) ??
    said.find(({ stored }) => stored !== null) ??
    said[0];
  if (first === undefined) throw nobodyServes();
  const known = said.flatMap(({ instances = [] }) => instances);
  // Where they share a Redis, each is an instance, and says of itself what one of them has asked the others.
  const selves = said.flatMap(({ instances = [] }) => instances.slice(0, 1));
  const names = new Set(selves.map(({ instance }) => instance));
  const instances =
    selves.length > 0
      ? [...selves, ...known.filter(({ instance }) => !names.has(instance))]
      : all.map(({ name, explanation }) => ({
          instance: name,
          answered: explanation !== undefined,
          tier: explanation?.stored?.tier ?? [],
          stored_at: explanation?.stored?.stored_at ?? null,
        }));
  return { ...first, instances };
}

/** Healthy is what all of them take for healthy, and out of turn what one of them passes over. */
function originsOf(said: readonly (readonly OriginState[])[]): OriginState[] {
  const together = new Map<string, OriginState>();
  for (const state of said.flat()) {
    const other = together.get(state.origin);
    const worse = other === undefined || (other.healthy && !state.healthy) ? state : other;
    together.set(state.origin, {
      ...worse,
      inFlight: (other?.inFlight ?? 0) + state.inFlight,
      ...(state.ejected || other?.ejected ? { ejected: true } : {}),
      ejections: (other?.ejections ?? 0) + state.ejections,
      ...(state.breakerOpen || other?.breakerOpen ? { breakerOpen: true } : {}),
      breakerOpens: (other?.breakerOpens ?? 0) + state.breakerOpens,
    });
  }
  return [...together.values()];
}

/** Warm is what all have; what failed is said once. Throws StoreError where nobody was asked. */
function warmedBy(urls: readonly string[], results: readonly WarmResult[]): WarmResult {
  if (results.length === 0) throw nobodyServes();
  const failed = new Map(results.flatMap((result) => result.failed.map((one) => [one.url, one] as const)));
  return {
    requested: urls.length,
    warmed: Math.min(...results.map(({ warmed }) => warmed)),
    failed: [...failed.values()],
  };
}
