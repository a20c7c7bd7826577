import { maskCredentials } from "./kinds.ts";
import { SETTING_NAMES, SETTINGS, type SettingName } from "./settings.ts";

/** Where the value of a setting was written. */
export type Source = "flag" | "environment" | ".env" | "default";

/** A setting as it counts, for people: GET /settings and `freshline config`. */
export interface SettingInForce {
  readonly name: SettingName;
  /** As a user would write it, secrets masked; empty for none. */
  readonly value: string;
  readonly source: Source;
  readonly meaning: string;
  /** A change of it takes effect with the next start alone. */
  readonly restart: boolean;
}

/** Every setting, in the order of the table, with the texts that were taken. */
export const settingsInForce = (
  texts: Readonly<Record<SettingName, string>>,
  sources: Readonly<Record<SettingName, Source>>,
): SettingInForce[] =>
  SETTING_NAMES.map((name) => {
    const { meaning, restart } = SETTINGS[name];
    return { name, value: shownText(name, texts[name]), source: sources[name], meaning, restart };
  });

/** The text of a setting without its secrets. */
export function shownText(name: SettingName, text: string): string {
  const { kind } = SETTINGS[name];
  if (kind.name === "secret") return text === "" ? "" : "***";
  if (!text.includes("://")) return text;
  // A list's members are masked each: what is before an @ may else be another member.
  if (kind.flag === "list") return text.split(",").map(maskCredentials).join(",");
  return text.replace(/:\/\/.*@/s, "://***@").replace(/([?&](?!master=)[^=&]*=)[^&]*/g, "$1***");
}
