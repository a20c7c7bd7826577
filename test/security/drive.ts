import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll } from "vitest";
import type { SettingName } from "../../src/config/settings.ts";
import { type Running, start } from "../../src/start.ts";
import { configFor } from "../config-for.ts";
import type { RawClient } from "../scenario/raw.ts";
import { ask } from "../scenario/site.ts";
import { BARRIER, type Reached, type RecordingOrigin, startRecordingOrigin } from "./recording-origin.ts";

/** A proxy before a recording origin, for all tests of a file. */
export interface Watched {
  readonly port: () => number;
  /** What has reached the origin since the last time, all that is under way included. */
  reached(): Promise<Reached>;
}

/** Starts both before the file's tests, and ends them behind. `cacheControl` is the origin's, of every answer. */
export function watched(settings: Partial<Record<SettingName, string>> = {}, cacheControl?: string): Watched {
  let origin: RecordingOrigin;
  let proxy: Running;
  beforeAll(async () => {
    origin = await startRecordingOrigin(cacheControl);
    proxy = await start(
      configFor({
        ORIGINS: origin.url,
        HEALTH_CHECK_INTERVAL: "1h",
        SHUTDOWN_TIMEOUT: "1s",
        // With one connection there is one order: what was sent before the barrier arrives before it.
        ORIGIN_CONNECTIONS: "1",
        ...settings,
      }),
    );
  });
  afterAll(async () => {
    await proxy.stop();
    await origin.close();
  });
  return {
    port: () => proxy.port,
    async reached() {
      await ask(`http://127.0.0.1:${proxy.port}${BARRIER}`);
      return origin.take();
    },
  };
}

/** How bytes are given to a connection. */
export const WAYS: Readonly<Record<string, (bytes: string) => string[]>> = {
  "at once": (bytes) => [bytes],
  "byte by byte": (bytes) => (bytes.length > 2000 ? (bytes.match(/.{1,97}/gs) ?? []) : [...bytes]),
  // Where a parser that looks ahead too little loses count.
  "cut at line ends": (bytes) => bytes.split(/(?<=\r)|(?<=\n)/),
};

/** Writes the pieces one by one, as long as the other side listens. */
export async function writeAll(client: RawClient, pieces: readonly string[]): Promise<void> {
  client.socket.setNoDelay();
  for (const piece of pieces) {
    if (client.socket.readableEnded || client.socket.destroyed) return;
    client.write(piece);
    await turn();
  }
}
