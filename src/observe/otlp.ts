import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { envelope, spanJson } from "./otlp-json.ts";
import type { Attributes, Span } from "./span.ts";

export interface OtlpOptions {
  /** Where spans are posted to, with its path. */
  readonly url: string;
  /** Added to each request: who we are, to the one who takes spans. */
  readonly headers: Readonly<Record<string, string>>;
  /** For one request, from its first byte to the answer's last. */
  readonly timeoutMs: number;
  /** How long a span waits for others. */
  readonly delayMs: number;
  /** Spans that wait; further ones are lost. */
  readonly queue: number;
  readonly resource: Attributes;
  /** Hears of spans that nobody will see. Must not throw. */
  readonly onLost: (spans: number, why: string) => void;
}

/** Posts spans to an OpenTelemetry collector, in the background. */
export interface OtlpExporter {
  /** Neither throws nor waits. */
  add(span: Span): void;
  /** Posts what waits, within the time of one request and CLOSE_MS, and ends; later spans are lost. Never rejects. */
  close(): Promise<void>;
}

/** In one request at most. */
const BATCH = 512;
/** How often a request is made that may succeed another time, and how long until the second. */
const TRIES = 3;
const PAUSE_MS = 1000;
/** No process ends later for its traces. */
const CLOSE_MS = 5000;
/** Answers that say: later (OTLP, Retryable Response Codes). */
const LATER: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export function createOtlpExporter(options: OtlpOptions): OtlpExporter {
  const { timeoutMs, delayMs, queue, onLost } = options;
  const { post, end } = poster(options);
  const [before, behind] = envelope(options.resource);
  let waiting: string[] = [];
  let lost = 0;
  let sending: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const ending = new AbortController();

  function sendSoon(): void {
    if (sending !== undefined || closed || waiting.length === 0) return;
    if (waiting.length < BATCH) timer ??= setTimeout(send, delayMs).unref();
    else send();
  }

  function send(): void {
    clearTimeout(timer);
    timer = undefined;
    sending ??= sendBatch().finally(() => {
      sending = undefined;
      sendSoon();
    });
  }

  async function sendBatch(): Promise<void> {
    tellLost();
    const batch = waiting.slice(0, BATCH);
    waiting = waiting.slice(BATCH);
    const body = Buffer.from(before + batch.join() + behind);
    const failure = await persist(body);
    if (failure !== undefined) onLost(batch.length, failure);
  }

  /** Undefined where it was taken, else why not. */
  async function persist(body: Buffer): Promise<string | undefined> {
    for (let tries = 1; ; tries++) {
      const { status, detail } = await post(body, ending.signal);
      if (status !== undefined && status >= 200 && status < 300) return undefined;
      const final = status !== undefined && !LATER.has(status);
      if (final || tries === TRIES || closed) return detail;
      await pause(PAUSE_MS * 2 ** (tries - 1));
    }
  }

  let endPause = (): void => {};
  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      endPause = resolve;
      setTimeout(resolve, ms).unref();
    });
  }

  function tellLost(): void {
    if (lost > 0) onLost(lost, "more spans than are taken");
    lost = 0;
  }

  async function sendAll(): Promise<void> {
    await sending;
    while (waiting.length > 0 && !ending.signal.aborted) await sendBatch();
  }

  return {
    add(span) {
      if (waiting.length >= queue || closed) {
        lost++;
        return;
      }
      waiting.push(spanJson(span));
      sendSoon();
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      endPause();
      const patience = setTimeout(() => ending.abort(), Math.min(timeoutMs, CLOSE_MS));
      await sendAll();
      clearTimeout(patience);
      end();
      lost += waiting.length;
      waiting = [];
      tellLost();
    },
  };
}

interface Posted {
  /** Undefined where no answer came. */
  readonly status?: number;
  readonly detail: string;
}

/** Posts a body; never rejects, and has ended when its time is over. */
function poster({ url, headers, timeoutMs }: OtlpOptions) {
  const secure = url.startsWith("https:");
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, maxSockets: 1 })
    : new HttpAgent({ keepAlive: true, maxSockets: 1 });
  const request = secure ? httpsRequest : httpRequest;
  function post(body: Buffer, ending: AbortSignal): Promise<Posted> {
    return new Promise((resolve) => {
      const signal = AbortSignal.any([ending, AbortSignal.timeout(timeoutMs)]);
      const failed = (error: NodeJS.ErrnoException) =>
        resolve({ detail: signal.aborted ? `no answer within ${timeoutMs} ms` : (error.code ?? error.name) });
      const sent = request(
        url,
        {
          method: "POST",
          agent,
          signal,
          headers: { ...headers, "content-type": "application/json", "content-length": body.length },
        },
        (answer) => {
          const { statusCode: status = 0 } = answer;
          answer.on("error", failed);
          answer.on("end", () => resolve({ status, detail: `answered ${status}` }));
          answer.resume();
        },
      );
      sent.on("error", failed);
      sent.end(body);
    });
  }
  return { post, end: () => agent.destroy() };
}
