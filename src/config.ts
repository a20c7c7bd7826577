import { parse as parseDotenv } from "dotenv";
import { isLoopback } from "./config/addresses.ts";
import { fits, readCertificates } from "./config/certificates.ts";
import { type SettingInForce, type Source, settingsInForce } from "./config/in-force.ts";
import type { Kind, Parsed } from "./config/kinds.ts";
import { asksForTls } from "./config/redis-url.ts";
import { type LiveSettingName, SETTING_NAMES, SETTINGS, type SettingName } from "./config/settings.ts";

/**
 * The settings under their own names, parsed and checked.
 *
 * Durations of `CACHE_*` are Seconds, since they are cache windows; all the others are
 * Milliseconds, since they are timers. Sizes are bytes. HOST, REDIS_URL, REDIS_CA,
 * REDIS_SENTINEL_PASSWORD and ADMIN_TOKEN are undefined when they are not set.
 */
export type Config = {
  readonly [Name in SettingName]: (typeof SETTINGS)[Name]["kind"] extends Kind<infer T> ? T : never;
};

/** Those that count from the start to the end of the process. */
export type FixedConfig = Omit<Config, LiveSettingName>;

/** Where settings may be written, the strongest first. */
export interface Written {
  /** Values by setting name, as src/cli/command-line.ts reads them from argv. */
  readonly flags?: Readonly<Partial<Record<SettingName, string>>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The text of a .env file. */
  readonly dotenvText?: string;
  /** False for commands that only talk to a proxy or to Redis; default true. */
  readonly originsRequired?: boolean;
  /**
   * For a command that goes by these alone: of the others what is wrong in the environment or in .env counts as
   * not written, and is told beside the settings. All when absent.
   */
  readonly needed?: ReadonlySet<SettingName>;
}

export type Loaded =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly sources: Readonly<Record<SettingName, Source>>;
      readonly settings: readonly SettingInForce[];
      /** What is wrong and was not needed; one sentence each. */
      readonly ignored: readonly string[];
    }
  /** One sentence each, secrets masked: `PORT: "abc" is not a port; expected …`. */
  | { readonly ok: false; readonly errors: readonly string[] };

/**
 * What do the flags, the environment and the .env file say together?
 *
 * An empty value means the default, and hides what a weaker source says: that is how
 * `REDIS_URL= freshline` turns off what the .env file turned on.
 */
export function loadConfig(written: Written): Loaded {
  const layers: readonly (readonly [Source, Readonly<Record<string, string | undefined>>])[] = [
    ["flag", written.flags ?? {}],
    ["environment", written.env ?? {}],
    [".env", parseDotenv(written.dotenvText ?? "")],
  ];
  const values: Partial<Record<SettingName, unknown>> = {};
  const texts: Partial<Record<SettingName, string>> = {};
  const sources: Partial<Record<SettingName, Source>> = {};
  const errors: string[] = [];
  const ignored: string[] = [];
  const { needed } = written;

  for (const name of SETTING_NAMES) {
    const found = layers.find(([, written]) => written[name] !== undefined);
    const given = found?.[1][name]?.trim() ?? "";
    sources[name] = found !== undefined && given !== "" ? found[0] : "default";
    let text = given === "" ? defaultText(name, values) : given;
    let parsed: Parsed<unknown> = SETTINGS[name].kind.parse(text);
    if (!parsed.ok) {
      const isNeeded = needed === undefined || needed.has(name) || sources[name] === "flag";
      (isNeeded ? errors : ignored).push(...parsed.problems.map((problem) => `${name}: ${problem}`));
      if (!isNeeded) {
        sources[name] = "default";
        text = defaultText(name, values);
        parsed = SETTINGS[name].kind.parse(text);
      }
    }
    texts[name] = text;
    if (parsed.ok) values[name] = parsed.value;
  }

  // Complete only without errors; disagreements looks at nothing that is missing.
  const config = values as Config;
  (needed === undefined ? errors : ignored).push(
    ...disagreements(config, texts, written.originsRequired ?? true),
  );
  if (errors.length > 0) return { ok: false, errors };
  // Each name has been given both above.
  const from = sources as Record<SettingName, Source>;
  const settings = settingsInForce(texts as Record<SettingName, string>, from);
  return { ok: true, config, sources: from, settings, ignored };
}

/** What a default goes by stands before it in the table, so that its value is known here, unless it is wrong. */
function defaultText(name: SettingName, values: Partial<Record<SettingName, unknown>>): string {
  switch (name) {
    case "ADMIN_PORT": {
      const port = Number(values.PORT ?? SETTINGS.PORT.default);
      return String(port === 65535 ? 65534 : port + 1);
    }
    case "CACHE_CLIENT_DIRECTIVES":
      return values.CACHE_PROFILE === "rfc" ? "honour" : "ignore";
    case "CACHE_SET_COOKIE":
      return String(values.CACHE_PROFILE === "rfc");
    default:
      return SETTINGS[name].default;
  }
}

/** Settings that are right each alone and wrong together. */
function disagreements(
  config: Partial<Config>,
  texts: Partial<Record<SettingName, string>>,
  originsRequired: boolean,
): string[] {
  const errors: string[] = [];
  if (originsRequired && config.ORIGINS?.length === 0) {
    errors.push("ORIGINS: is empty; expected at least one origin, such as http://localhost:4001");
  }
  if (config.PORT !== undefined && config.PORT === config.ADMIN_PORT) {
    errors.push(`ADMIN_PORT: "${config.ADMIN_PORT}" is PORT as well; expected another port`);
  }
  errors.push(...tlsDisagreements(config, originsRequired));
  const { ORIGIN_CERT: cert, ORIGIN_KEY: key } = config;
  if ((cert === undefined) !== (key === undefined)) {
    errors.push("ORIGIN_CERT, ORIGIN_KEY: one is set without the other; expected both, or none");
  } else if (cert !== undefined && key !== undefined && !fits(cert, key)) {
    errors.push("ORIGIN_KEY: is not the key of ORIGIN_CERT; expected the one that fits");
  }
  if (config.PROXY_PROTOCOL === "on" && config.TRUSTED_PROXIES?.length === 0) {
    errors.push('PROXY_PROTOCOL: is "on" while TRUSTED_PROXIES is empty; expected the proxies that speak it');
  }
  const { HEADERS_TIMEOUT: head, REQUEST_TIMEOUT: whole } = config;
  if (head !== undefined && whole !== undefined && head > whole) {
    errors.push(
      `HEADERS_TIMEOUT: "${texts.HEADERS_TIMEOUT}" is longer than REQUEST_TIMEOUT "${texts.REQUEST_TIMEOUT}", which the head is a part of; expected at most that`,
    );
  }
  const { REDIS_CA: ca, REDIS_URL: redis } = config;
  if (ca !== undefined && redis !== undefined && !asksForTls(redis)) {
    errors.push(
      "REDIS_CA: is set while REDIS_URL does not ask for TLS, so that nothing would be encrypted; expected rediss://… in REDIS_URL, or no REDIS_CA",
    );
  }
  // `in`, because a token that is there and wrong has its own error already.
  if (config.ADMIN_HOST !== undefined && !isLoopback(config.ADMIN_HOST)) {
    if ("ADMIN_TOKEN" in config && config.ADMIN_TOKEN === undefined) {
      errors.push(
        `ADMIN_TOKEN: is empty while ADMIN_HOST "${config.ADMIN_HOST}" is not loopback; expected a token, or ADMIN_HOST 127.0.0.1`,
      );
    }
  }
  return errors;
}

/** `forProxy`: the files are read too, which nobody but the proxy need be able to. */
function tlsDisagreements(config: Partial<Config>, forProxy: boolean): string[] {
  const { TLS_CERT: certs = [], TLS_KEY: keys = [], TLS_PORT: port } = config;
  if (certs.length === 0)
    return keys.length === 0 ? [] : ["TLS_CERT: is empty while TLS_KEY is set; expected its certificate"];
  if (keys.length === 0) return ["TLS_KEY: is empty while TLS_CERT is set; expected the private key"];
  const errors: string[] = [];
  for (const other of ["PORT", "ADMIN_PORT"] as const) {
    if (port !== undefined && port === config[other])
      errors.push(`TLS_PORT: "${port}" is ${other} as well; expected another port`);
  }
  if (!forProxy) return errors;
  const read = readCertificates(certs, keys);
  return read.ok ? errors : [...errors, ...read.problems];
}
