import { type Answer, json, Refusal } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import { randomBytes } from "./random-bytes.ts";

/** A site that caches badly, and why. */
export interface Puzzle {
  /** What a cache should name as the cause. */
  readonly cause: string;
  /** How it looks to who runs the site. */
  readonly symptom: string;
  /** What has to be asked to see it, where that is more than its path. */
  readonly ask?: { readonly method?: string; readonly query?: string; readonly headers?: readonly string[] };
  readonly answer: (exchange: Exchange) => Answer;
}

const TAG = ["ETag", '"1"'];
const MINUTE = ["Cache-Control", "max-age=60"];
const HUGE_BYTES = 64 * 1024 * 1024;

const page = (...fields: readonly (readonly string[])[]): Answer =>
  json(200, { page: "a page that everybody may see" }, fields.flat());

const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toUTCString();

/** Puzzle N is the Nth. */
export const PUZZLES: readonly Puzzle[] = [
  {
    cause: "set-cookie",
    symptom: "Every answer sets a cookie, also where nobody needs one.",
    answer: () => page(MINUTE, TAG, ["Set-Cookie", "visit=1; Path=/"]),
  },
  {
    cause: "vary-user-agent",
    symptom: "It is cached, and nearly every visitor misses.",
    answer: () => page(MINUTE, TAG, ["Vary", "User-Agent"]),
  },
  {
    cause: "vary-star",
    symptom: "It has a lifetime, and is never cached.",
    answer: () => page(MINUTE, TAG, ["Vary", "*"]),
  },
  {
    cause: "framework-private",
    symptom: "Nobody has set Cache-Control, and the framework has.",
    answer: () => page(["Cache-Control", "private, max-age=0, must-revalidate"]),
  },
  {
    cause: "zero-lifetime",
    symptom: "Cache-Control is there, and nothing is cached.",
    answer: () => page(["Cache-Control", "max-age=0"]),
  },
  {
    cause: "clock-skew",
    symptom: "An hour's lifetime, and stale as it comes.",
    answer: () => page(["Cache-Control", "max-age=3600"], TAG, ["Date", ago(7200)]),
  },
  {
    cause: "expires-past",
    symptom: "Expires is there, and nothing is cached.",
    answer: () => page(["Expires", ago(86_400)]),
  },
  {
    cause: "quoted-number",
    symptom: "CDN-Cache-Control was added, and caching has ended.",
    answer: () => page(MINUTE, ["CDN-Cache-Control", 'max-age="3600"']),
  },
  {
    cause: "query-noise",
    symptom: "Visitors from newsletters miss.",
    ask: { query: "?utm_source=mail&gclid=1" },
    answer: () => page(MINUTE, TAG),
  },
  {
    cause: "authorization",
    symptom: "The application misses, and browsers hit.",
    ask: { headers: ["Authorization: Bearer of-everybody"] },
    answer: () => page(MINUTE, TAG),
  },
  {
    cause: "no-validators",
    symptom: "It never changes, and is sent again every minute.",
    answer: () => page(MINUTE),
  },
  {
    cause: "too-large",
    symptom: "Small files are cached, and this one is not.",
    answer: () => ({
      status: 200,
      fields: [...MINUTE, ...TAG],
      body: { chunks: randomBytes(HUGE_BYTES, 0), length: HUGE_BYTES },
    }),
  },
  {
    cause: "wrong-host",
    symptom: "Visitors are led to an address inside of the network.",
    answer: ({ request: { headers } }) => {
      const { host = "", "x-forwarded-host": asked } = headers;
      if (asked === undefined || asked === host) return page(MINUTE, TAG);
      return { status: 301, fields: ["Location", `http://${host}/puzzles/13`] };
    },
  },
  {
    cause: "no-store-upstream",
    symptom: "The application sends a lifetime, and no-store arrives.",
    answer: () => page(["Cache-Control", "no-store"], TAG, ["Via", "1.1 forgotten-proxy"]),
  },
  {
    cause: "pragma",
    symptom: "Pragma says cache, and nothing is cached.",
    answer: () => page(["Pragma", "cache"]),
  },
  {
    cause: "s-maxage-zero",
    symptom: "Browsers keep it for an hour, and the proxy for no time.",
    answer: () => page(["Cache-Control", "max-age=3600, s-maxage=0"], TAG),
  },
  {
    cause: "method",
    symptom: "A search that only reads asks the origin every time.",
    ask: { method: "POST" },
    answer: () => page(MINUTE, TAG),
  },
  {
    cause: "redirect-without-lifetime",
    symptom: "The page is cached, and the redirect to it is not.",
    answer: () => ({ status: 302, fields: ["Location", "/data?id=1"] }),
  },
  {
    cause: "must-revalidate-zero",
    symptom: "It is stored, and the origin is asked every time.",
    answer: () => page(["Cache-Control", "max-age=0, must-revalidate"], TAG),
  },
  {
    cause: "unasked-part",
    symptom: "Whoever asks for all of it gets a part, every time from the origin.",
    answer: () => ({
      status: 206,
      fields: [...MINUTE, "Content-Range", "bytes 0-9/100"],
      body: Buffer.from("0123456789"),
    }),
  },
];

/** `GET /puzzles`: the symptom of each, and what to ask. */
export const listPuzzles = (): Answer =>
  json(
    200,
    PUZZLES.map(({ symptom, ask = {} }, i) => {
      const { method = "GET", query = "", headers = [] } = ask;
      return { puzzle: i + 1, path: `/puzzles/${i + 1}${query}`, method, headers, symptom };
    }),
    ["Cache-Control", "no-store"],
  );

/** `/puzzles/N`. */
export function answerPuzzle(exchange: Exchange): Answer {
  const puzzle = PUZZLES[Number(exchange.path.slice("/puzzles/".length)) - 1];
  if (puzzle === undefined) throw new Refusal(404, `puzzles are numbered from 1 to ${PUZZLES.length}`);
  return puzzle.answer(exchange);
}
