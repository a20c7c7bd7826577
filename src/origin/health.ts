import { OriginError, type OriginResponse } from "../cache/ports/origin.ts";
import { createClient } from "./client.ts";
import { isShortage } from "./failure.ts";
import type { OriginTls } from "./tls.ts";

export interface HealthOptions {
  readonly healthCheckPath: string;
  readonly healthCheckIntervalMs: number;
  /** From the start of a check to the head of its answer. */
  readonly healthCheckTimeoutMs: number;
  readonly maxHeaderBytes: number;
  readonly tls?: OriginTls;
  readonly http2?: boolean;
  /** Calls the task again and again, until the returned function is called. */
  readonly every?: (ms: number, task: () => void) => () => void;
}

export interface HealthChecks {
  /** After the first round, whatever it found. */
  readonly ready: Promise<void>;
  /** Checks every origin at once; an origin whose last check has not ended is not asked again. Never rejects. */
  checkAll(): Promise<void>;
  /** From now on these origins are checked, in this way. Resolves when what is new in it has been checked once. */
  apply(origins: readonly string[], options: HealthOptions): Promise<void>;
  close(): Promise<void>;
}

/** `failure`: why there was no answer. */
export type Checked = (
  origin: string,
  healthy: boolean,
  detail: string,
  failure?: OriginError["code"],
) => void;

/** A health check's body is of no interest; this much of it is read so that the connection can be kept. */
const BODY_LIMIT_BYTES = 65_536;

/**
 * Asks every origin how it is, at once and then at every interval, on connections of its
 * own: an origin whose connections are all in use is busy, not ill.
 */
export function createHealthChecks(
  origins: readonly string[],
  options: HealthOptions,
  checked: Checked,
): HealthChecks {
  let way = options;
  const checks = new Map<string, ReturnType<typeof createCheck>>();
  const runAll = async (which: Iterable<{ run(): Promise<void> }>): Promise<void> => {
    await Promise.all(Array.from(which, (check) => check.run()));
  };
  const checkAll = () => runAll(checks.values());
  const begin = () => (way.every ?? everyUnref)(way.healthCheckIntervalMs, () => void checkAll());

  function check(these: readonly string[]): Promise<void> {
    const begun = these
      .filter((origin) => !checks.has(origin))
      .map((origin) => {
        const check = createCheck(origin, way, checked);
        checks.set(origin, check);
        return check;
      });
    return runAll(begun);
  }

  async function end(these: readonly string[]): Promise<void> {
    const ended = these.map((origin) => checks.get(origin)?.close());
    for (const origin of these) checks.delete(origin);
    await Promise.all(ended);
  }

  const ready = check(origins);
  let stop = begin();

  return {
    ready,
    checkAll,
    async apply(these, changed) {
      const before = way;
      way = changed;
      const all = [...checks.keys()];
      const leaving = isSameCheck(before, way) ? all.filter((origin) => !these.includes(origin)) : all;
      void end(leaving);
      if (before.healthCheckIntervalMs !== way.healthCheckIntervalMs) {
        stop();
        stop = begin();
      }
      await check(these);
    },
    async close() {
      stop();
      await end([...checks.keys()]);
    },
  };
}

const isSameCheck = (one: HealthOptions, other: HealthOptions): boolean =>
  one.healthCheckPath === other.healthCheckPath && one.healthCheckTimeoutMs === other.healthCheckTimeoutMs;

function createCheck(origin: string, options: HealthOptions, checked: Checked) {
  const closing = new AbortController();
  const timeoutMs = options.healthCheckTimeoutMs;
  const client = createClient(origin, {
    connectTimeoutMs: timeoutMs,
    headersTimeoutMs: timeoutMs,
    bodyTimeoutMs: timeoutMs,
    // A check that timed out while it connected holds its slot until undici gives up, too.
    connections: 4,
    queue: 0,
    maxHeaderBytes: options.maxHeaderBytes,
    preserveHost: false,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    http2: options.http2 === true,
  });
  const request = { method: "GET", target: options.healthCheckPath, host: "", fields: [] };
  let running: Promise<void> | undefined;

  async function check(): Promise<void> {
    const limit = new AbortController();
    const end = (why: OriginError): void => limit.abort(why);
    const late = new OriginError("timeout", `no answer within ${timeoutMs} ms`, origin);
    const timer = setTimeout(end, timeoutMs, late);
    timer.unref();
    const onClose = () => end(new OriginError("reset", "closed", origin));
    closing.signal.addEventListener("abort", onClose, { once: true });
    try {
      const response = await client.send(request, limit.signal);
      checked(origin, isHealthy(response.status), `answered ${response.status}`);
      await drain(response);
    } catch (error) {
      if (closing.signal.aborted || isShortage(error)) return;
      if (error instanceof OriginError) checked(origin, false, error.message, error.code);
      else checked(origin, false, String(error));
    } finally {
      clearTimeout(timer);
      closing.signal.removeEventListener("abort", onClose);
    }
  }

  return {
    run(): Promise<void> {
      running ??= check().finally(() => {
        running = undefined;
      });
      return running;
    },
    close(): Promise<void> {
      closing.abort();
      return client.close();
    },
  };
}

/** It answers, and not with a server error: a 404 is a server without a health endpoint, not an ill one. */
const isHealthy = (status: number): boolean => status < 500 || status === 501;

/** The head has decided; a body that is long or breaks off changes nothing. */
async function drain(response: OriginResponse): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of response.body) {
      bytes += chunk.byteLength;
      if (bytes > BODY_LIMIT_BYTES) return;
    }
  } catch {
    // Told by the head already.
  }
}

function everyUnref(ms: number, task: () => void): () => void {
  const timer = setInterval(task, ms);
  timer.unref();
  return () => clearInterval(timer);
}
