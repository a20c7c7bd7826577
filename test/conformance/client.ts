import type { SettingName } from "../../src/config/settings.ts";
import { start } from "../../src/start.ts";
import { configFor } from "../config-for.ts";
import { until } from "../until.ts";
import { play } from "./exchanges.ts";
import type { Measurement } from "./measure.ts";
import { type RawResult, type RawResults, runSuite } from "./suite.ts";
import { SURVEY_ROWS } from "./survey.ts";

// A program: runs the proxy with the settings it is given, the package's tests and our rows
// against it, and sends the results to its parent.

const ATTACH_DEADLINE_MS = 20_000;

type Settings = Partial<Record<SettingName, string>>;

async function measure(settings: Settings): Promise<Measurement> {
  // One after the other: the package's tests wait by the real clock.
  const ofPackage = await playPackage(settings);
  return { ofPackage, ofRows: await playRows(settings) };
}

async function playPackage(settings: Settings): Promise<RawResults> {
  const proxy = await start(configFor({ HOST: "127.0.0.1", ...settings }));
  try {
    await until("Redis is attached", () => proxy.redisAttached(), ATTACH_DEADLINE_MS);
    const base = `http://127.0.0.1:${proxy.port}`;
    // Otherwise every test would fail of it.
    const sign = await fetch(`${base}/state/none`);
    if (sign.status !== 404) throw new Error(`the suite's server cannot be asked: ${await sign.text()}`);
    return await runSuite(base);
  } finally {
    await proxy.stop();
  }
}

/** One row after another, each with an origin and a proxy of its own. */
async function playRows({ ORIGINS: _, ...settings }: Settings): Promise<RawResults> {
  const results: Record<string, RawResult> = {};
  for (const [id, row] of SURVEY_ROWS) {
    const namespace = { CACHE_NAMESPACE: `${settings.CACHE_NAMESPACE}-${id.replace(/[^a-z0-9]/gi, "-")}` };
    results[id] = await play(row, { ...settings, ...namespace }).then(
      () => true,
      (error: Error) => [error.name, error.message],
    );
  }
  return results;
}

// Without its parent nobody waits for the results.
process.once("disconnect", () => process.exit(1));
const measured = await measure(JSON.parse(process.argv[2] ?? "{}"));
await new Promise<void>((resolve, reject) => {
  process.send?.(measured, (error: Error | null) => (error === null ? resolve() : reject(error)));
});
process.exit(0);
