import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";

const MAX_WARM_URLS = 100_000;
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** The list cannot be read; the message is a sentence for the user. */
export class WarmListError extends Error {
  override readonly name = "WarmListError";
}

/**
 * Which paths and URLs do these items (WARM_URLS, `freshline warm`) stand for?
 *
 * A file stands for its lines, without empty ones and those that begin with `#`. An item
 * that begins with `/` may be either: it is a file when there is one, else a path.
 * Rejects with WarmListError.
 */
export async function readWarmList(items: readonly string[], directory: string): Promise<string[]> {
  const urls = new Set<string>();
  for (const item of items) {
    const lines = isUrl(item) ? undefined : await linesOfFile(item, directory);
    if (lines === undefined && !isUrl(item) && !item.startsWith("/")) {
      throw new WarmListError(`${item} does not exist as a file, and is neither a path nor a URL`);
    }
    for (const url of lines ?? [item]) urls.add(url);
  }
  if (urls.size > MAX_WARM_URLS) throw new WarmListError(`more than ${MAX_WARM_URLS} URLs to warm`);
  return [...urls];
}

const isUrl = (text: string): boolean => /^https?:\/\//i.test(text);

/** Undefined when no regular file is there. */
async function linesOfFile(item: string, directory: string): Promise<string[] | undefined> {
  const text = await textOfFile(item, resolve(directory, item));
  if (text === undefined) return undefined;
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  for (const line of lines) {
    if (line.startsWith("/") || isUrl(line)) continue;
    throw new WarmListError(`${item}: ${JSON.stringify(line.slice(0, 120))} is neither a path nor a URL`);
  }
  return lines;
}

const ABSENT: ReadonlySet<string | undefined> = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG"]);

async function textOfFile(item: string, path: string): Promise<string | undefined> {
  try {
    const found = await stat(path);
    // A directory, too, may have the name of a path of the site.
    if (!found.isFile()) return undefined;
    if (found.size <= MAX_FILE_BYTES) return await readFile(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (ABSENT.has(code)) return undefined;
    throw new WarmListError(`cannot read ${item}: ${message}`, { cause: error });
  }
  throw new WarmListError(`${item} is longer than ${MAX_FILE_BYTES / 1024 / 1024} MiB`);
}
