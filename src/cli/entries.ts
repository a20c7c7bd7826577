import type { ShownEntries, ShownEntry } from "../admin/answers.ts";
import { type AdminAnswer, type AdminConfig, askAdmin } from "./admin-client.ts";
import { complain, saidIn, type Terminal } from "./commands.ts";
import type { EntriesWords } from "./entries-words.ts";
import { duration } from "./progress.ts";
import { bytes, count } from "./quantities.ts";
import { harmless } from "./screen.ts";

const TIMEOUT_MS = 30_000;
const MOST_OF_A_PAGE = 200;

/** `freshline entries`: what is stored, page after page until there is enough. Answers the exit code. */
export async function entries(
  config: AdminConfig,
  { match, tier, limit }: EntriesWords,
  json: boolean,
  terminal: Terminal,
): Promise<number> {
  const found: ShownEntry[] = [];
  let lookedAt = 0;
  let cursor = "";
  for (;;) {
    const asked = new URLSearchParams({ match, cursor });
    asked.set("limit", String(Math.min(MOST_OF_A_PAGE, limit - found.length)));
    if (tier !== undefined) asked.set("tier", tier);
    const answer = await askAdmin(config, { method: "GET", path: `/entries?${asked}`, timeout: TIMEOUT_MS });
    const page = pageIn(answer);
    if (page === undefined) return complain(config, answer, terminal);
    found.push(...page.entries);
    lookedAt += page.looked_at;
    if (page.cursor !== null && found.length < limit) {
      cursor = page.cursor;
      continue;
    }
    if (json) terminal.out(JSON.stringify({ ...page, entries: found, looked_at: lookedAt }));
    else {
      // A page of Redis may bring more than were asked for.
      const isAll = page.cursor === null && found.length <= limit;
      for (const line of lines(found.slice(0, limit), page.tier, isAll)) terminal.out(line);
    }
    return 0;
  }
}

/** Another program on that port says something else. */
function pageIn(answer: AdminAnswer): ShownEntries | undefined {
  const said = saidIn(answer);
  return Array.isArray(said?.["entries"]) ? (said as unknown as ShownEntries) : undefined;
}

const TITLES = ["state", "left", "age", "status", "size", "tags", "URL"];
const LEFT_ALIGNED: ReadonlySet<number> = new Set([0, 6]);

function lines(found: readonly ShownEntry[], tier: ShownEntries["tier"], isAll: boolean): string[] {
  const told = `${count(found.length)} ${found.length === 1 ? "entry" : "entries"} in ${tier}`;
  const sum = isAll ? told : `${told}; there are more: --limit`;
  if (found.length === 0) return [sum];
  const now = Date.now();
  const rows = [TITLES, ...found.map((entry) => cells(entry, now))];
  const widths = TITLES.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const aligned = rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return LEFT_ALIGNED.has(column) ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd(),
  );
  return [...aligned, "", sum].map(harmless);
}

function cells(entry: ShownEntry, now: number): string[] {
  const { url, selecting, status, size, age, state, purged, tags, worker } = entry;
  const ends = {
    fresh: entry.fresh_until,
    refreshing: entry.refreshing_until,
    "on-error": entry.usable_on_error_until,
    kept: entry.kept_until,
  };
  const end = ends[state];
  const fields = Object.entries(selecting).map(([name, value]) => `${name}: ${value ?? "(absent)"}`);
  const about = [...fields, ...(worker === undefined ? [] : [`worker ${worker}`])].join("; ");
  return [
    purged ? `${state}, purged` : state,
    end === null ? "–" : duration(Math.floor(Math.max(0, end - now) / 1000)),
    duration(age),
    String(status),
    bytes(size),
    String(tags),
    about === "" ? url : `${url}  (${about})`,
  ];
}
