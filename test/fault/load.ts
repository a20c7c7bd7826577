import { monitorEventLoopDelay } from "node:perf_hooks";
import { onTestFinished } from "vitest";
import { type OwnOrigin, startOrigin } from "../scenario/own-origin.ts";
import { ask } from "../scenario/site.ts";

/** One answer under load. */
export interface Answered {
  readonly url: string;
  /** When it was there, by performance.now. */
  readonly at: number;
  readonly ms: number;
  readonly hit: boolean;
  /** Asked for again and again, so that it should be a hit. */
  readonly repeated: boolean;
  /** What is wrong with it: another status than 200, or a byte that is not the origin's. */
  readonly wrong: string | undefined;
}

/** Steady, light traffic that looks at every byte it gets. */
export interface Load {
  readonly answers: readonly Answered[];
  /** The share of hits among the last answers that should be hits; NaN while there are fewer. */
  hitRatio(since: number): number;
  /** The longest that proxy, clients and origin, which share an event loop, have stood still, in milliseconds. */
  stoodStillMs(): number;
  stop(): Promise<void>;
}

const CLIENTS = 4;
/** Between an answer and the next question of a client. */
const PAUSE_MS = 4;
/** So many answers make a ratio. */
const WINDOW = 60;
const LANGUAGES = ["de", "en"] as const;

const SMALL = Array.from({ length: 24 }, (_, i) => `/small/${i}`);
const VARIED = Array.from({ length: 4 }, (_, i) => `/varied/${i}`);
/** Stored in several chunks. */
export const LARGE = ["/large/0", "/large/1"];
const LINES: Readonly<Record<string, number>> = { small: 8, varied: 3, once: 4, large: 1200 };

/** Every line names the URL, the language and the version, so that no part of one body passes for another's. */
function bodyOf(url: string, language: string, version: number): string {
  const lines = LINES[url.split("/", 2)[1] ?? ""] ?? 1;
  return `${url} ${language} version ${version}\n`.repeat(lines);
}

const languageFor = (url: string, accepted: string | undefined): string =>
  url.startsWith("/varied/") ? (accepted ?? "en") : "any";

/** An origin each answer of which is another version, good for an hour. */
export function startVersions(): Promise<OwnOrigin> {
  let version = 0;
  return startOrigin((request, response) => {
    const url = request.url ?? "";
    const vary = url.startsWith("/varied/") ? { Vary: "Accept-Language" } : {};
    const body = bodyOf(url, languageFor(url, request.headers["accept-language"]), ++version);
    response.writeHead(200, {
      "Cache-Control": "max-age=3600",
      "Content-Length": body.length,
      ETag: `"${version}"`,
      ...vary,
    });
    response.end(body);
  });
}

function wrongWith(url: string, language: string, status: number, text: string): string | undefined {
  if (status !== 200) return `${url}: ${status} ${text.slice(0, 200)}`;
  const version = Number(/version (\d+)\n/.exec(text)?.[1]);
  if (text === bodyOf(url, languageFor(url, language), version)) return undefined;
  return `${url} in ${language}: ${text.length} bytes, ${JSON.stringify(text.slice(0, 60))}`;
}

/** Asks the proxy on this port until the test has finished, or `stop`. `urls` are asked for in turn. */
export function startLoad(port: number, urls: readonly string[] = [...SMALL, ...VARIED]): Load {
  const answers: Answered[] = [];
  const loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  let running = true;
  let turn = 0;
  let once = 0;

  async function askOnce(): Promise<void> {
    const n = turn++;
    // Something new now and then, so that there is always something to store.
    const repeated = n % 10 !== 9;
    const url = repeated ? (urls[n % urls.length] as string) : `/once/${once++}`;
    const language = LANGUAGES[Math.floor(n / urls.length) % 2] as string;
    const startedAt = performance.now();
    const seen = (hit: boolean, wrong: string | undefined) => {
      const at = performance.now();
      answers.push({ url, at, ms: at - startedAt, hit, repeated, wrong });
    };
    try {
      const answer = await ask(`http://127.0.0.1:${port}${url}`, {
        headers: { "Accept-Language": language },
      });
      seen(answer.header("x-cache-status") === "HIT", wrongWith(url, language, answer.status, answer.text));
    } catch (error) {
      seen(false, `${url}: ${String(error)}`);
    }
  }

  const clients = Array.from({ length: CLIENTS }, async () => {
    while (running) {
      await askOnce();
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  });
  const load: Load = {
    answers,
    hitRatio(since) {
      const last = answers.filter(({ at, repeated }) => repeated && at > since).slice(-WINDOW);
      return last.length < WINDOW ? Number.NaN : last.filter(({ hit }) => hit).length / WINDOW;
    },
    stoodStillMs: () => loop.max / 1e6,
    async stop() {
      running = false;
      await Promise.all(clients);
      loop.disable();
    },
  };
  onTestFinished(() => load.stop());
  return load;
}
