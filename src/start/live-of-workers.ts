import type { ShownAnswer } from "../admin/answers.ts";
import type { Live } from "../admin/events.ts";
import type { LiveReading } from "../observe/live.ts";
import { histOf, seriesOf, topOf } from "../observe/live-report.ts";
import { parseQuery } from "../observe/query.ts";
import { Ring } from "../observe/ring.ts";
import { type Batch, type Tail, WAITING_ANSWERS, type Watching } from "../observe/tail.ts";

/** What a process has seen, by itself or together with others, as the admin API shows it. */
export const liveOf = (
  watch: Live["watch"],
  read: () => readonly LiveReading[] | Promise<readonly LiveReading[]>,
): Live => ({
  watch,
  top: async (most) => topOf(await read(), most),
  hist: async () => histOf(await read()),
  series: async (minutes) => seriesOf(await read(), minutes),
});

/** Somebody's wish to hear of what all workers answer. */
export interface Watch {
  readonly id: number;
  readonly query: string;
}
export interface Watched extends Batch {
  readonly id: number;
}

interface Watcher {
  watch(watch: Watch): void;
  unwatch(id: number): void;
}

/** Lets workers listen for those who watch, and joins what they hear. */
export class WatchesOfWorkers {
  readonly #workers = new Set<Watcher>();
  readonly #open = new Map<number, { readonly query: string; readonly ring: Ring<ShownAnswer> }>();
  #id = 0;
  #closed = false;

  join(worker: Watcher): void {
    this.#workers.add(worker);
    for (const [id, { query }] of this.#open) worker.watch({ id, query });
  }

  leave(worker: Watcher): void {
    this.#workers.delete(worker);
  }

  hear({ id, events, dropped }: Watched): void {
    const ring = this.#open.get(id)?.ring;
    if (ring === undefined) return;
    for (const event of events) ring.push(event);
    ring.lost(dropped);
  }

  watch(query: string): ReturnType<Live["watch"]> {
    const parsed = parseQuery(query);
    if (typeof parsed !== "function") return parsed;
    const id = ++this.#id;
    const ring = new Ring<ShownAnswer>(WAITING_ANSWERS);
    this.#open.set(id, { query, ring });
    for (const worker of this.#workers) worker.watch({ id, query });
    return {
      take: () => {
        if (this.#closed) return undefined;
        const { taken, dropped } = ring.take();
        return { events: taken, dropped };
      },
      close: () => {
        this.#open.delete(id);
        for (const worker of this.#workers) worker.unwatch(id);
      },
    };
  }

  /** Those who watch learn that nothing more comes. */
  close(): void {
    this.#closed = true;
  }
}

const TELL_MS = 100;

/** A worker's part: listens, and tells what it has heard as soon as the last telling has been answered. */
export class WatchesForPrimary {
  readonly #tail: Tail;
  readonly #tell: (watched: Watched) => Promise<void>;
  readonly #place: number;
  readonly #open = new Map<number, { readonly watching: Watching; timer?: NodeJS.Timeout }>();

  constructor(tail: Tail, place: number, tell: (watched: Watched) => Promise<void>) {
    this.#tail = tail;
    this.#place = place;
    this.#tell = tell;
  }

  watch({ id, query }: Watch): void {
    const watching = this.#tail.watch(query);
    if ("problem" in watching || this.#open.has(id)) return;
    this.#open.set(id, { watching });
    this.#later(id);
  }

  unwatch(id: number): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    clearTimeout(open.timer);
    open.watching.close();
  }

  #later(id: number): void {
    const open = this.#open.get(id);
    if (open !== undefined) open.timer = setTimeout(() => void this.#take(id), TELL_MS).unref();
  }

  async #take(id: number): Promise<void> {
    const batch = this.#open.get(id)?.watching.take();
    if (batch === undefined) return;
    if (batch.events.length > 0 || batch.dropped > 0) {
      const events = batch.events.map((event) => ({ ...event, worker: this.#place }));
      // What a primary that hangs has not heard is lost.
      await this.#tell({ id, events, dropped: batch.dropped }).catch(() => {});
    }
    this.#later(id);
  }
}
