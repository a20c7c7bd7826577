import type { ShownEntries, ShownEntry, ShownInstance, ShownStore } from "../admin/answers.ts";
import type { AskedEntries } from "../cache/entries.ts";
import { type Hired, unanswered } from "./hire.ts";

/** Of Redis some commands are waited for; of another instance a third of a second. */
const PATIENCE_MS = 5000;
/** `w<place>_<that worker's own cursor>` */
const CURSOR = /^w(\d{1,4})_(.*)$/;

type Worker = Pick<Hired, "name" | "place" | "wire">;

interface StoresDeps {
  /** In the order of their places. */
  readonly serving: () => readonly Worker[];
  /** One of them that answers within so many milliseconds. Throws StoreError where none does. */
  readonly anyone: (patienceMs: number) => Worker | Promise<Worker>;
  /** They share a Redis, and with it know one another. */
  readonly shared: boolean;
}

/** What is in the stores of several workers: one memory after another, and the Redis that they share. */
export function storesOf({ serving, anyone, shared }: StoresDeps) {
  async function entries(asked: AskedEntries): Promise<ShownEntries | { readonly problem: string }> {
    if (asked.tier === "redis") return ask(await anyone(PATIENCE_MS), asked);
    const { place: first } = serving()[0] ?? (await anyone(PATIENCE_MS));
    const [, named = first, inner = asked.cursor] = CURSOR.exec(asked.cursor) ?? [];
    let worker = from(Number(named));
    // Who was to go on may be gone, and its cursor is no place in another's memory.
    let cursor = worker?.place === Number(named) ? inner : "";
    let page: ShownEntries = {
      tier: "memory",
      tiers: shared ? ["memory", "redis"] : ["memory"],
      ...{ entries: [], looked_at: 0, cursor: null },
    };
    while (worker !== undefined) {
      const limit = asked.limit - page.entries.length;
      const mine = await ask(worker, { ...asked, limit, cursor });
      // Where memory is not used, each would say the same of Redis.
      if ("problem" in mine || mine.tier === "redis") return mine;
      const { place: here } = worker;
      worker = mine.cursor === null ? from(here + 1) : worker;
      page = {
        ...mine,
        entries: [...page.entries, ...mine.entries.map((entry): ShownEntry => ({ ...entry, worker: here }))],
        looked_at: page.looked_at + mine.looked_at,
        cursor: worker === undefined ? null : `w${worker.place}_${mine.cursor ?? ""}`,
      };
      // Each look of a worker is bounded; whoever wants more comes again.
      if (mine.cursor !== null || page.entries.length >= asked.limit) return page;
      cursor = "";
    }
    return page;
  }

  const ask = ({ wire }: Worker, asked: AskedEntries) =>
    wire.ask("entries", asked, PATIENCE_MS).catch(unanswered("look"));
  const from = (place: number) => serving().find((worker) => worker.place >= place);

  async function storeState(): Promise<ShownStore> {
    if (shared) {
      const { wire } = await anyone(PATIENCE_MS);
      return wire.ask("storeState", undefined, PATIENCE_MS).catch(unanswered("look"));
    }
    const instances = await Promise.all(
      serving().map(async ({ wire, name }): Promise<ShownInstance> => {
        const said = await wire.ask("storeState", undefined, PATIENCE_MS).catch(() => undefined);
        const silent = { self: false, version: null, since: null, epoch: null, behind_ms: null };
        return { ...(said?.instances[0] ?? silent), self: false, instance: name };
      }),
    );
    return { redis: null, instances };
  }

  return { entries, storeState };
}
