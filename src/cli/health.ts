import type { Config } from "../config.ts";
import { adminUrl, askAdmin } from "./admin-client.ts";
import { complain, readJson, saidIn, type Terminal } from "./commands.ts";
import { harmless } from "./screen.ts";

const PATIENCE_MS = 5_000;

/** `freshline health`: is the running proxy ready? Answers 0 where it is, 1 where it is not or none answers. */
export async function health(config: Config, json: boolean, terminal: Terminal): Promise<number> {
  const ask = (path: string) => askAdmin(config, { method: "GET", path, timeout: PATIENCE_MS });
  const [answer, asked] = await Promise.all([ask("/health/ready"), ask("/origins")]);
  const said = answer.type === "answered" ? readJson(answer.body) : undefined;
  if (typeof said?.["ready"] !== "boolean") return complain(config, answer, terminal);
  const { ready, detail } = said;
  // Readiness is for everybody, and the origins for those who have the token.
  const origins = saidIn(asked);
  if (json) terminal.out(JSON.stringify({ ready, detail, origins: origins ?? null }));
  else {
    terminal.out(harmless(`${ready ? "✓ ready" : "✗ not ready"}: ${detail} (${adminUrl(config)})`));
    for (const [origin, state] of Object.entries(origins ?? {})) {
      const { healthy, detail } = state as { healthy?: unknown; detail?: unknown };
      terminal.out(harmless(`${healthy === true ? "✓" : "✗"} ${origin}: ${detail}`));
    }
  }
  return ready ? 0 : 1;
}
