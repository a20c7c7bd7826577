import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { isXml, parseSitemap, unpacked } from "./sitemap.ts";

const MAX_WARM_URLS = 100_000;
/** Sitemaps that one list may lead to. */
const MAX_SITEMAPS = 1000;
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** The list cannot be read; the message is a sentence for the user. */
export class WarmListError extends Error {
  override readonly name = "WarmListError";
}

/** Where what is no file comes from; absent where it cannot be had. */
export interface WarmSources {
  /** The text of a sitemap; rejects with WarmListError. */
  readonly sitemap?: (url: string) => Promise<string>;
  /** What stands for the item `-`. */
  readonly standardInput?: () => Promise<string>;
}

/**
 * Which paths and URLs do these items (WARM_URLS, `freshline warm`) stand for?
 *
 * A file stands for its lines, without empty ones and those that begin with `#`, or, where it is a
 * sitemap, for the pages that it lists. An item that begins with `/` may be either: it is a file when
 * there is one, else a path. Rejects with WarmListError.
 */
export async function readWarmList(
  items: readonly string[],
  directory: string,
  sources: WarmSources = {},
): Promise<string[]> {
  const urls = new Set<string>();
  for (const item of items) {
    const text = await textOf(item, directory, sources);
    if (text === undefined && !isUrl(item) && !item.startsWith("/")) {
      throw new WarmListError(`${item} does not exist as a file, and is neither a path nor a URL`);
    }
    const listed = text === undefined ? [item] : await listedIn(item, text, sources);
    for (const url of listed) urls.add(url);
  }
  requireFew(urls);
  return [...urls];
}

/** The pages that these sitemaps list, and how many were left out: those of other sites than the sitemap's own. */
export async function readSitemaps(
  named: readonly string[],
  sources: WarmSources,
): Promise<{ readonly urls: string[]; readonly skipped: number }> {
  const urls = new Set<string>();
  const waiting = [...named];
  const seen = new Set(waiting);
  let skipped = 0;
  for (let url = waiting.shift(); url !== undefined; url = waiting.shift()) {
    if (sources.sitemap === undefined) throw new WarmListError(`${url} is to be read by freshline warm`);
    const text = await sources.sitemap(url);
    const { urls: pages, sitemaps } = parseSitemap(text);
    if (pages.length + sitemaps.length === 0) throw new WarmListError(`${url} is not a sitemap`);
    const own = (listed: string): boolean => isUrl(listed) && (!isUrl(url) || siteOf(listed) === siteOf(url));
    for (const page of pages) {
      if (own(page)) urls.add(page);
      else skipped++;
    }
    for (const sitemap of sitemaps) {
      if (!own(sitemap)) skipped++;
      else if (!seen.has(sitemap)) {
        seen.add(sitemap);
        waiting.push(sitemap);
      }
    }
    if (seen.size > MAX_SITEMAPS) throw new WarmListError(`more than ${MAX_SITEMAPS} sitemaps to read`);
    requireFew(urls);
  }
  return { urls: [...urls], skipped };
}

function requireFew({ size }: ReadonlySet<string>): void {
  if (size > MAX_WARM_URLS) throw new WarmListError(`more than ${MAX_WARM_URLS} URLs to warm`);
}

const isUrl = (text: string): boolean => /^https?:\/\//i.test(text);

const siteOf = (url: string): string | undefined => URL.parse(url)?.host;

/** Undefined for an item that stands for itself. */
async function textOf(
  item: string,
  directory: string,
  { standardInput }: WarmSources,
): Promise<string | undefined> {
  if (isUrl(item)) return undefined;
  if (item === "-" && standardInput !== undefined) return standardInput();
  return textOfFile(item, resolve(directory, item));
}

async function listedIn(item: string, text: string, sources: WarmSources): Promise<readonly string[]> {
  const from = item === "-" ? "standard input" : item;
  if (isXml(text)) {
    const { urls, sitemaps } = parseSitemap(text);
    if (urls.length + sitemaps.length === 0) throw new WarmListError(`${from} is not a sitemap`);
    return sitemaps.length === 0 ? urls : (await readSitemaps(sitemaps, sources)).urls;
  }
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  for (const line of lines) {
    if (line.startsWith("/") || isUrl(line)) continue;
    throw new WarmListError(`${from}: ${JSON.stringify(line.slice(0, 120))} is neither a path nor a URL`);
  }
  return lines;
}

const ABSENT: ReadonlySet<string | undefined> = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG"]);

/** Undefined when no regular file is there. */
async function textOfFile(item: string, path: string): Promise<string | undefined> {
  try {
    const found = await stat(path);
    // A directory, too, may have the name of a path of the site.
    if (!found.isFile()) return undefined;
    if (found.size <= MAX_FILE_BYTES) return unpacked(await readFile(path), MAX_FILE_BYTES);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (ABSENT.has(code)) return undefined;
    if (code !== "ERR_BUFFER_TOO_LARGE")
      throw new WarmListError(`cannot read ${item}: ${message}`, { cause: error });
  }
  throw new WarmListError(`${item} is longer than ${MAX_FILE_BYTES / 1024 / 1024} MiB`);
}
