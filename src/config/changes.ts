import { isDeepStrictEqual } from "node:util";
import type { Config, Loaded } from "../config.ts";
import { isLive, SETTING_NAMES, type SettingName } from "./settings.ts";

/** Settings without an error, and as the operator may see them. */
export type Settled = Pick<Extract<Loaded, { readonly ok: true }>, "config" | "settings">;

/** A setting that is written differently now. */
export interface SettingChange {
  readonly name: SettingName;
  /** As a user would write them, secrets masked; both the same where what is changed is masked, or in a file. */
  readonly from: string;
  readonly to: string;
  readonly effect: "applied" | "needs a restart";
}

/** What do these settings say that those in force do not? */
export function changesOf(inForce: Settled, written: Settled): SettingChange[] {
  const shown = ({ settings }: Settled, name: SettingName) =>
    settings.find((setting) => setting.name === name)?.value ?? "";
  return SETTING_NAMES.filter((name) => !isDeepStrictEqual(inForce.config[name], written.config[name])).map(
    (name) => ({
      name,
      from: shown(inForce, name),
      to: shown(written, name),
      effect: isLive(name) ? "applied" : "needs a restart",
    }),
  );
}

/** The settings in force after a reload: what can change while the proxy serves is as it is written now. */
export function reloaded(inForce: Settled, written: Settled): Settled {
  const changed = Object.entries(written.config).filter(([name]) => isLive(name as SettingName));
  const shown = new Map(written.settings.map((setting) => [setting.name, setting]));
  return {
    config: { ...inForce.config, ...Object.fromEntries(changed) },
    settings: inForce.settings.map((setting) =>
      isLive(setting.name) ? (shown.get(setting.name) ?? setting) : setting,
    ),
  };
}

/**
 * After which of these changes is what is stored not to be believed? It was stored although it may depend
 * on a field that is no part of what selects it, or sets cookies. A change of CACHE_KEY_IGNORE_PARAMS is
 * none: no origin gets these parameters, so that each key has the answer to its own URL before and after.
 */
export function emptyingChanges(before: Config, after: Config): SettingName[] {
  const names: SettingName[] = [];
  if (!isDeepStrictEqual(before.CACHE_KEY_FIELDS, after.CACHE_KEY_FIELDS)) names.push("CACHE_KEY_FIELDS");
  const passes = new Set(after.UNKEYED_FIELDS_PASS);
  if (before.UNKEYED_FIELDS_PASS.some((rule) => !passes.has(rule))) names.push("UNKEYED_FIELDS_PASS");
  if (before.CACHE_SET_COOKIE && !after.CACHE_SET_COOKIE) names.push("CACHE_SET_COOKIE");
  return names;
}
