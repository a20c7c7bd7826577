import type { Setting } from "./setting.ts";
import { ORIGINS, REDIS } from "./settings-of-backends.ts";
import { COALESCING, FRESHNESS, STORING } from "./settings-of-caching.ts";
import { ADMIN, LISTENING, LOGGING, RESPONSES } from "./settings-of-serving.ts";
import { TLS } from "./settings-of-tls.ts";
import { TRACING } from "./settings-of-tracing.ts";

/** In the order in which --help and the README show them. */
export const GROUPS = [
  ["Listening", LISTENING],
  ["TLS, HTTP/2 and PROXY protocol", TLS],
  ["Origins", ORIGINS],
  ["Redis", REDIS],
  ["Freshness", FRESHNESS],
  ["Storing", STORING],
  ["Coalescing and refreshing", COALESCING],
  ["Responses", RESPONSES],
  ["Admin API", ADMIN],
  ["Logging", LOGGING],
  ["Tracing", TRACING],
] as const satisfies readonly (readonly [string, Readonly<Record<string, Setting<unknown>>>])[];

/** Every setting there is; Config, --help and the README's table are made from this one. */
export const SETTINGS = {
  ...LISTENING,
  ...TLS,
  ...ORIGINS,
  ...REDIS,
  ...FRESHNESS,
  ...STORING,
  ...COALESCING,
  ...RESPONSES,
  ...ADMIN,
  ...LOGGING,
  ...TRACING,
};

export type SettingName = keyof typeof SETTINGS;

/** Those that a reload changes. */
export type LiveSettingName = {
  [Name in SettingName]: (typeof SETTINGS)[Name]["restart"] extends false ? Name : never;
}[SettingName];

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

export const isLive = (name: SettingName): name is LiveSettingName => !SETTINGS[name].restart;

/** The flags of a setting without their dashes, the shortest first. */
export const flagsOf = (name: SettingName): readonly string[] => [
  ...SETTINGS[name].aliases,
  name.toLowerCase().replaceAll("_", "-"),
];
