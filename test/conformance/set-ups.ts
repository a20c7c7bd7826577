import type { SettingName } from "../../src/config/settings.ts";

/**
 * One way in which the proxy is run and measured. A further way in is one more of these: by
 * its settings, or, when it is not the proxy that answers, by what client.ts starts for it.
 */
export interface SetUp {
  readonly name: string;
  /** What a reader of the results has to know of it. */
  readonly title: string;
  readonly settings: Readonly<Partial<Record<SettingName, string>>>;
}

export const SET_UPS = [
  {
    name: "memory",
    title: "the default settings: plain requests are answered by the plain lane",
    settings: {},
  },
  {
    name: "hono",
    title: "`PLAIN_LANE=off`: every request goes through Node's server and Hono",
    settings: { PLAIN_LANE: "off" },
  },
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
  {
    name: "stale",
    title: "`CACHE_PROFILE=rfc` and `CACHE_DEFAULT_STALE_IF_ERROR=1h`",
    settings: { CACHE_PROFILE: "rfc", CACHE_DEFAULT_STALE_IF_ERROR: "1h" },
  },
] as const satisfies readonly SetUp[];

export type SetUpName = (typeof SET_UPS)[number]["name"];

export const SET_UP_NAMES: readonly SetUpName[] = SET_UPS.map(({ name }) => name);
