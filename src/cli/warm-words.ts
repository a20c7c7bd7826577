import type { OwnFlag, OwnFlags } from "./own-flags.ts";

/** Flags of `freshline warm`, and whether they take a value. */
export const WARM_FLAGS: OwnFlags = new Map([
  ["--sitemap", "text"],
  ["--concurrency", "text"],
]);

/** What `freshline warm` is asked for. */
export interface WarmWords {
  /** Files, paths and URLs; `-` for standard input. */
  readonly items: readonly string[];
  /** Paths and URLs of sitemaps. */
  readonly sitemaps: readonly string[];
  /** So many URLs at once. */
  readonly concurrency: number;
}

const USUAL_CONCURRENCY = 8;
const MOST_CONCURRENCY = 64;

/** What is asked for, or what is wrong with it, in one sentence. */
export function readWarm(items: readonly string[], flags: readonly OwnFlag[]): WarmWords | string {
  const valuesOf = (name: string) =>
    flags.flatMap(({ flag, value }) => (flag === name && value !== undefined ? [value] : []));
  const sitemaps = valuesOf("--sitemap");
  if (items.length + sitemaps.length === 0) return "freshline warm needs a file, URLs, - or --sitemap";
  const wrong = sitemaps.find((text) => !text.startsWith("/") && !/^https?:\/\/./i.test(text));
  if (wrong !== undefined) return `--sitemap is a path of the site or a URL, not ${wrong}`;
  const text = valuesOf("--concurrency").at(-1) ?? String(USUAL_CONCURRENCY);
  const concurrency = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (concurrency < 1 || concurrency > MOST_CONCURRENCY)
    return `--concurrency is a whole number from 1 to ${MOST_CONCURRENCY}, not ${text}`;
  return { items, sitemaps, concurrency };
}
