import type { SettingName } from "../../src/config/settings.ts";
import { loadConfig } from "../../src/config.ts";
import { start } from "../../src/start.ts";
import { runSuite } from "./suite.ts";

// A program: runs the proxy with the settings it is given, the suite against it, and sends the results to its parent.

const ATTACH_DEADLINE_MS = 20_000;

async function measure(settings: Partial<Record<SettingName, string>>): Promise<void> {
  const loaded = loadConfig({ flags: settings });
  if (!loaded.ok) throw new Error(loaded.errors.join("\n"));
  const proxy = await start({ ...loaded.config, HOST: "127.0.0.1", PORT: 0, ADMIN_PORT: 0 });
  try {
    const deadline = performance.now() + ATTACH_DEADLINE_MS;
    while (!proxy.redisAttached()) {
      if (performance.now() > deadline) throw new Error("Redis did not answer");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const base = `http://127.0.0.1:${proxy.port}`;
    // Otherwise every test would fail of it.
    const sign = await fetch(`${base}/state/none`);
    if (sign.status !== 404) throw new Error(`the suite's server cannot be asked: ${await sign.text()}`);
    const results = await runSuite(base);
    await new Promise<void>((resolve, reject) => {
      process.send?.(results, (error: Error | null) => (error === null ? resolve() : reject(error)));
    });
  } finally {
    await proxy.stop();
  }
}

// Without its parent nobody waits for the results.
process.once("disconnect", () => process.exit(1));
await measure(JSON.parse(process.argv[2] ?? "{}"));
process.exit(0);
