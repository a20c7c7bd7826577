import { OriginError, type OriginResponse } from "../cache/ports.ts";
import { createClient } from "./client.ts";

export interface HealthOptions {
  readonly healthCheckPath: string;
  readonly healthCheckIntervalMs: number;
  /** From the start of a check to the head of its answer. */
  readonly healthCheckTimeoutMs: number;
  readonly maxHeaderBytes: number;
  /** Calls the task again and again, until the returned function is called. */
  readonly every?: (ms: number, task: () => void) => () => void;
}

export interface HealthChecks {
  /** After the first round, whatever it found. */
  readonly ready: Promise<void>;
  /** Checks every origin at once; an origin whose last check has not ended is not asked again. Never rejects. */
  checkAll(): Promise<void>;
  close(): Promise<void>;
}

export type Checked = (origin: string, healthy: boolean, detail: string) => void;

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
  const closing = new AbortController();
  const checks = origins.map((origin) => createCheck(origin, options, checked, closing.signal));
  const checkAll = async (): Promise<void> => {
    await Promise.all(checks.map(({ run }) => run()));
  };
  const ready = checkAll();
  const stop = (options.every ?? everyUnref)(options.healthCheckIntervalMs, () => void checkAll());

  return {
    ready,
    checkAll,
    async close() {
      stop();
      closing.abort();
      await Promise.all(checks.map(({ close }) => close()));
    },
  };
}

function createCheck(origin: string, options: HealthOptions, checked: Checked, closing: AbortSignal) {
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
    closing.addEventListener("abort", onClose, { once: true });
    try {
      const response = await client.send(request, limit.signal);
      checked(origin, isHealthy(response.status), `answered ${response.status}`);
      await drain(response);
    } catch (error) {
      if (!closing.aborted)
        checked(origin, false, error instanceof OriginError ? error.message : String(error));
    } finally {
      clearTimeout(timer);
      closing.removeEventListener("abort", onClose);
    }
  }

  return {
    run(): Promise<void> {
      running ??= check().finally(() => {
        running = undefined;
      });
      return running;
    },
    close: () => client.close(),
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
