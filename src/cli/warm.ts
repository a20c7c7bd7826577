import { readSitemaps, readWarmList, WarmListError } from "../config/warm-list.ts";
import type { Config } from "../config.ts";
import { type AdminAnswer, askAdmin } from "./admin-client.ts";
import { complain, saidIn, type Terminal } from "./commands.ts";
import { type Interruption, untilInterrupted } from "./interrupted.ts";
import { showProgress } from "./progress.ts";
import { harmless } from "./screen.ts";
import { sitemapOf } from "./sitemap-of-proxy.ts";
import type { WarmWords } from "./warm-words.ts";

/** Requests to the admin API at once, each of which has its share of what is fetched at once. */
const LANES = 4;
/** URLs of one request, for each that it fetches at once. */
const SHARE = 8;
const BATCH_MS = 600_000;
/** More is not read of standard input, in characters. */
const MAX_INPUT = 16 * 1024 * 1024;
const INTERRUPTED = 130;

interface Failure {
  readonly url: string;
  readonly detail: string;
}

/** `freshline warm`: fetches URLs into the cache of the running proxy. Answers the exit code. */
export async function warm(
  config: Config,
  asked: WarmWords,
  json: boolean,
  terminal: Terminal,
): Promise<number> {
  const interruption = untilInterrupted();
  try {
    return await warmUntil(interruption, config, asked, json, terminal);
  } catch (error) {
    if (interruption.signal.aborted) return INTERRUPTED;
    if (!(error instanceof WarmListError)) throw error;
    terminal.err(harmless(`freshline: ${error.message}`));
    return 1;
  } finally {
    interruption.release();
  }
}

async function warmUntil(
  { signal }: Interruption,
  config: Config,
  { items, sitemaps, concurrency }: WarmWords,
  json: boolean,
  terminal: Terminal,
): Promise<number> {
  const sources = {
    sitemap: (url: string) => sitemapOf(config, url, signal),
    standardInput: () => standardInput(process.stdin, signal),
  };
  const listed = await readWarmList(items, terminal.directory, sources);
  const { urls: found, skipped } = await readSitemaps(sitemaps, sources);
  const urls = [...new Set([...listed, ...found])];
  if (skipped > 0)
    terminal.err(`freshline: ${skipped} URLs of other sites than their sitemap's are left out`);

  const failed: Failure[] = [];
  let done = 0;
  let warmed = 0;
  let broken: AdminAnswer | undefined;
  const progress = json ? undefined : showProgress(urls.length, process.stderr, () => performance.now());
  const tell = (failure: Failure): void => {
    failed.push(failure);
    if (json) return;
    progress?.clear();
    // A path of the site that is given in place of a file may be a file's name that was mistyped.
    const { url, detail } = failure;
    const noFile = detail === "answered 404" && items.includes(url) && url.startsWith("/");
    terminal.err(harmless(`${url}: ${detail}${noFile ? ", and no such file exists" : ""}`));
  };

  const lanes = Math.min(LANES, concurrency);
  let next = 0;
  const lane = async (_: unknown, place: number): Promise<void> => {
    const share = Math.floor(concurrency / lanes) + (place < concurrency % lanes ? 1 : 0);
    while (next < urls.length && broken === undefined && !signal.aborted) {
      const batch = urls.slice(next, next + SHARE * share);
      next += batch.length;
      const answer = await askAdmin(config, {
        method: "POST",
        path: "/warm",
        json: { urls: batch, concurrency: share },
        timeout: BATCH_MS,
        signal,
      });
      if (signal.aborted) return;
      const result = saidIn(answer);
      if (typeof result?.["warmed"] !== "number") {
        broken ??= answer;
        return;
      }
      warmed += result["warmed"];
      done += batch.length;
      for (const failure of Array.isArray(result["failed"]) ? (result["failed"] as Failure[]) : [])
        tell(failure);
      progress?.reached(done);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  progress?.clear();

  if (json) terminal.out(JSON.stringify({ requested: urls.length, warmed, failed, skipped }));
  else if (broken === undefined || done > 0) terminal.out(`warmed ${warmed} of ${urls.length}`);
  if (signal.aborted) return INTERRUPTED;
  if (broken !== undefined) return complain(config, broken, terminal);
  return warmed === urls.length ? 0 : 1;
}

/** The whole of it, within bounds. Rejects with WarmListError. */
async function standardInput(stream: NodeJS.ReadStream, signal: AbortSignal): Promise<string> {
  signal.addEventListener("abort", () => stream.destroy());
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > MAX_INPUT) throw new WarmListError("standard input is longer than 16 MiB");
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks).toString("utf8");
}
