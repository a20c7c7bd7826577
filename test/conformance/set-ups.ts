import type { SettingName } from "../../src/config/settings.ts";

/** One way in which the proxy is run and measured. */
export interface SetUp {
  readonly name: string;
  /** What a reader of the results has to know of it. */
  readonly title: string;
  readonly settings: Readonly<Partial<Record<SettingName, string>>>;
}

export const SET_UPS = [
  { name: "memory", title: "the default settings", settings: {} },
  {
    name: "redis",
    title: "no memory tier: every hit comes from Redis",
    settings: { CACHE_MEMORY_BYTES: "0" },
  },
  {
    name: "honour",
    title: "`CACHE_CLIENT_DIRECTIVES=honour`",
    settings: { CACHE_CLIENT_DIRECTIVES: "honour" },
  },
  { name: "rfc", title: "`CACHE_PROFILE=rfc`", settings: { CACHE_PROFILE: "rfc" } },
] as const satisfies readonly SetUp[];

export type SetUpName = (typeof SET_UPS)[number]["name"];

export const SET_UP_NAMES: readonly SetUpName[] = SET_UPS.map(({ name }) => name);
