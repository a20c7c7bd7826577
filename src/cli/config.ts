import type { SettingInForce } from "../config/in-force.ts";
import type { Config } from "../config.ts";
import { adminUrl, askAdmin } from "./admin-client.ts";
import { complain, isSuccess, readJson, type Terminal } from "./commands.ts";

/** `freshline config`: the settings of the running proxy; where none runs, those that would be in force. */
export async function config(
  own: Config,
  settings: readonly SettingInForce[],
  json: boolean,
  terminal: Terminal,
): Promise<number> {
  const answer = await askAdmin(own, { method: "GET", path: "/settings", timeout: 10_000 });
  const running = answer.type === "answered" && answer.status !== 404;
  const shown = running ? settingsIn(answer) : settings;
  if (shown === undefined) return complain(own, answer, terminal);
  const at = running ? adminUrl(own) : null;
  if (json) {
    terminal.out(JSON.stringify({ in_force_at: at, settings: shown }));
    return 0;
  }
  terminal.out(
    at === null ? `No proxy answers at ${adminUrl(own)}. In force would be:` : `In force at ${at}:`,
  );
  const left = Math.max(...shown.map(({ name }) => name.length));
  for (const { name, value, source } of shown)
    terminal.out(`  ${name.padEnd(left)}  ${source.padEnd("environment".length)}  ${value}`.trimEnd());
  return 0;
}

function settingsIn({ status, body }: { status: number; body: string }): SettingInForce[] | undefined {
  if (!isSuccess(status)) return undefined;
  const settings: unknown = readJson(`{"settings":${body}}`)?.["settings"];
  return Array.isArray(settings) ? settings : undefined;
}
