import { onTestFinished } from "vitest";
import { type Client, type ClientOptions, createClient } from "../../src/origin/client.ts";
import { createOriginPool, type OriginPool, type OriginPoolOptions } from "../../src/origin/pool.ts";

export const never = (): AbortSignal => new AbortController().signal;

export const get = (target = "/", fields: readonly string[] = []) => ({
  method: "GET",
  target,
  host: "client.example",
  fields,
});

export const CLIENT: ClientOptions = {
  connectTimeoutMs: 5_000,
  headersTimeoutMs: 5_000,
  bodyTimeoutMs: 5_000,
  connections: 8,
  queue: 8,
  maxHeaderBytes: 16_384,
  preserveHost: false,
  plainLane: true,
};

/** A client of this origin; closed when the test has finished. */
export function aClient(url: string, options: Partial<ClientOptions> = {}): Client {
  const client = createClient(url, { ...CLIENT, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** Checked at the start, and then when the test says. */
export function poolOptions(
  origins: readonly string[],
  options: Partial<OriginPoolOptions> = {},
): OriginPoolOptions {
  return {
    ...CLIENT,
    origins,
    retryPercent: 10,
    hedgeAfterMs: 0,
    breakAfter: 5,
    ejectAfter: 5,
    ejectForMs: 10_000,
    slowStartMs: 10_000,
    healthCheckPath: "/health-check",
    healthCheckIntervalMs: 10_000,
    healthCheckTimeoutMs: 10_000,
    every: () => () => {},
    emit: () => {},
    now: () => 0,
    ...options,
  };
}

/** A pool with such options; closed when the test has finished. */
export function aPool(origins: readonly string[], options: Partial<OriginPoolOptions> = {}): OriginPool {
  const pool = createOriginPool(poolOptions(origins, options));
  onTestFinished(() => pool.close());
  return pool;
}

export async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The rejection of a promise that must reject. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("expected a rejection");
}
