import type { Stats } from "../admin/answers.ts";
import type { AdminConfig } from "./admin-client.ts";
import type { Terminal } from "./commands.ts";
import type { LiveWords } from "./live-words.ts";
import { showPolled } from "./polled.ts";
import { bytes, count, percent } from "./quantities.ts";
import type { Screen } from "./screen.ts";

const COUNTS = [
  "requests",
  "hits",
  "misses",
  "bypassed",
  "stale_served",
  "coalesced",
  "revalidated",
  "background_refreshes",
  "origin_requests",
  "origin_failures",
  "stored",
  "evictions",
  "errors",
] as const;
type Counted = (typeof COUNTS)[number];

/** What is shown of GET /stats. */
export type ShownStats = Pick<Stats, Counted | "entries" | "bytes">;

/** What happened between two readings. */
export interface Rates {
  readonly time: string;
  readonly total: ShownStats;
  /** Per second; null of the first reading, which has none before it. */
  readonly rate: Readonly<Record<Counted, number>> | null;
  /** Of the requests since the last reading, or of all. */
  readonly hit_rate: number;
}

/** `freshline stat`: what is counted, each second. */
export function stat(config: AdminConfig, words: LiveWords, terminal: Terminal): Promise<number> {
  let before: { readonly stats: ShownStats; readonly at: number } | undefined;
  let headed = false;
  const next = (stats: ShownStats): Rates => {
    const at = performance.now();
    const rates = ratesOf(stats, before?.stats, before === undefined ? 0 : (at - before.at) / 1000);
    before = { stats, at };
    return rates;
  };
  return showPolled<ShownStats>(config, words, terminal, {
    path: "/stats",
    members: COUNTS,
    join: joinStats,
    lines(joined, screen) {
      const rates = next(joined);
      if (screen.live || words.once) return tableLines(rates, screen);
      const lines = headed ? [] : [HEADING];
      headed = true;
      return [...lines, plainLine(rates)];
    },
    json: next,
  });
}

export const joinStats = (all: readonly ShownStats[]): ShownStats =>
  Object.fromEntries(
    [...COUNTS, "entries" as const, "bytes" as const].map((name) => [
      name,
      all.reduce((sum, one) => sum + (one[name] ?? 0), 0),
    ]),
  ) as ShownStats;

/** A count that fell belongs to a process that began anew. */
export function ratesOf(total: ShownStats, before: ShownStats | undefined, seconds: number): Rates {
  const since = (name: Counted): number => Math.max(0, total[name] - (before?.[name] ?? 0));
  const asked = since("hits") + since("misses");
  return {
    time: new Date().toISOString(),
    total,
    rate:
      before === undefined || seconds === 0
        ? null
        : (Object.fromEntries(COUNTS.map((name) => [name, since(name) / seconds])) as Record<
            Counted,
            number
          >),
    hit_rate: asked === 0 ? 0 : since("hits") / asked,
  };
}

function tableLines({ total, rate, hit_rate }: Rates, { paint }: Screen): string[] {
  const rows = COUNTS.map((name) => {
    const second = rate === null ? "–" : rate[name].toFixed(1);
    return `${name.padEnd(22)}${count(total[name]).padStart(14)}${second.padStart(12)}`;
  });
  return [
    paint("bold", `${"".padEnd(22)}${"total".padStart(14)}${"per second".padStart(12)}`),
    ...rows,
    `${"hit_rate".padEnd(22)}${percent(hit_rate).padStart(14)}`,
    `${"entries".padEnd(22)}${count(total.entries).padStart(14)}`,
    `${"memory".padEnd(22)}${bytes(total.bytes).padStart(14)}`,
  ];
}

const COLUMNS = ["requests", "hits", "misses", "stale_served", "origin_requests", "errors"] as const;
const HEADING = [
  "time".padEnd(8),
  ...COLUMNS.map((name) => `${name}/s`.padStart(Math.max(8, name.length + 2))),
  "hit_rate".padStart(8),
  "entries".padStart(9),
  "memory".padStart(10),
].join(" ");

function plainLine({ time, total, rate, hit_rate }: Rates): string {
  return [
    time.slice(11, 19),
    ...COLUMNS.map((name) =>
      (rate === null ? "–" : rate[name].toFixed(1)).padStart(Math.max(8, name.length + 2)),
    ),
    percent(hit_rate).padStart(8),
    count(total.entries).padStart(9),
    bytes(total.bytes).padStart(10),
  ].join(" ");
}
