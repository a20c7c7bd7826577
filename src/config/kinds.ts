import { isIP } from "node:net";
import { availableParallelism } from "node:os";

/** What timers take. */
export type Milliseconds = number;
export type Bytes = number;

/** The value, or every problem of the text as `"text" is …; expected …`. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly string[] };

/** How a user writes a setting, and what the program gets. */
export interface Kind<T> {
  /** The placeholder in --help and the README. */
  readonly name: string;
  /** A switch needs no value on the command line; a list may be given several times. */
  readonly flag: "value" | "switch" | "list";
  readonly parse: (text: string) => Parsed<T>;
}

export const value = <T>(value: T): Parsed<T> => ({ ok: true, value });

/** `"text" is not a port; expected an integer`: the text with credentials masked, on one line and of bounded length. */
export const wrong = (text: string, what: string, expected: string): Parsed<never> => ({
  ok: false,
  problems: [`${quoted(text)} ${what}; expected ${expected}`],
});

const MAX_QUOTED = 120;
function quoted(text: string): string {
  const masked = maskCredentials(text);
  return JSON.stringify(masked.length > MAX_QUOTED ? `${masked.slice(0, MAX_QUOTED)}…` : masked);
}

/**
 * Everything before the last `@` goes, since a password may itself hold `/`, `#` and `@`. So do the
 * values of a URL's query, and what stands where a port should: a password whose `@host` was forgotten.
 */
export const maskCredentials = (text: string): string =>
  text
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, "$1***@")
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^:/?#[\]]*:)(?!\d{1,5}(?:[/?#]|$)).*/is, "$1***")
    .replace(/:\/\/[^?]*\?.*/s, (url) => url.replace(/([?&][^=&]*=)[^&]*/g, "$1***"));

/** The empty text stands for undefined. */
export const optional = <T>(kind: Kind<T>): Kind<T | undefined> => ({
  ...kind,
  parse: (text) => (text === "" ? value(undefined) : kind.parse(text)),
});

/** Comma-separated; duplicates and empty members are dropped, and every wrong member is told. */
export const list = <T extends string>(name: string, item: Kind<T>): Kind<readonly T[]> => ({
  name,
  flag: "list",
  parse(text) {
    const values = new Set<T>();
    const problems: string[] = [];
    for (const member of text.split(",")) {
      if (member.trim() === "") continue;
      const parsed = item.parse(member.trim());
      if (parsed.ok) values.add(parsed.value);
      else problems.push(...parsed.problems);
    }
    return problems.length > 0 ? { ok: false, problems } : value([...values]);
  },
});

/** The same list, if it has no more members than so many. */
export const atMost = <T>(max: number, kind: Kind<readonly T[]>): Kind<readonly T[]> => ({
  ...kind,
  parse(text) {
    const parsed = kind.parse(text);
    return parsed.ok && parsed.value.length > max
      ? wrong(text, `has ${parsed.value.length} members`, `${max} at most`)
      : parsed;
  },
});

export const integer = (min: number, max: number, name = "number"): Kind<number> => ({
  name,
  flag: "value",
  parse(text) {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= min && number <= max) return value(number);
    return wrong(text, `is not a ${name}`, `an integer from ${min} to ${max}`);
  },
});

export const port = integer(1, 65535, "port");

/** So many processes; auto for as many as can run at once on this machine. */
export const processes: Kind<number> = {
  name: "number|auto",
  flag: "value",
  parse(text) {
    if (text.toLowerCase() === "auto") return value(availableParallelism());
    const parsed = integer(1, 256).parse(text);
    return parsed.ok ? parsed : wrong(text, "is not a number", "an integer from 1 to 256, or auto");
  },
};

const MS_PER: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function inMilliseconds(text: string): Milliseconds {
  const match = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)?$/i.exec(text);
  if (match === null) return Number.NaN;
  return Math.round(Number(match[1]) * (MS_PER[(match[2] ?? "s").toLowerCase()] ?? Number.NaN));
}

const duration = (min: string, max: string, fromMs: (ms: Milliseconds) => number): Kind<number> => ({
  name: "duration",
  flag: "value",
  parse(text) {
    const ms = inMilliseconds(text);
    if (Number.isNaN(ms)) {
      return wrong(text, "is not a duration", "a number with ms, s, m, h or d, such as 10s");
    }
    if (ms < inMilliseconds(min)) return wrong(text, "is too short", `${min} to ${max}`);
    if (ms > inMilliseconds(max)) return wrong(text, "is too long", `${min} to ${max}`);
    return value(fromMs(ms));
  },
});

/** For timers, in Milliseconds. Node fires a timer of more than 2^31-1 ms (24.8 days) at once, hence the limit. */
export const milliseconds = (min = "1ms"): Kind<Milliseconds> => duration(min, "24d", (ms) => ms);

/** For cache windows, in Seconds. */
export const seconds = (min = "0s"): Kind<number> => duration(min, "3650d", (ms) => ms / 1000);

const BYTES_PER: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

function inBytes(text: string): Bytes {
  const match = /^(\d+(?:\.\d+)?) ?([kmgt]?i?b)?$/i.exec(text);
  if (match === null) return Number.NaN;
  return Math.floor(Number(match[1]) * (BYTES_PER[(match[2] ?? "b").toLowerCase()] ?? Number.NaN));
}

export const size = (min: string, max = "64TiB"): Kind<Bytes> => ({
  name: "size",
  flag: "value",
  parse(text) {
    const bytes = inBytes(text);
    if (Number.isNaN(bytes)) {
      return wrong(
        text,
        "is not a size",
        "bytes, or a number with KB, MB, GB, KiB, MiB or GiB, such as 64MiB",
      );
    }
    if (bytes < inBytes(min)) return wrong(text, "is too small", `${min} to ${max}`);
    if (bytes > inBytes(max)) return wrong(text, "is too large", `${min} to ${max}`);
    return value(bytes);
  },
});

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["yes", true],
  ["on", true],
  ["false", false],
  ["0", false],
  ["no", false],
  ["off", false],
]);

export const boolean: Kind<boolean> = {
  name: "true|false",
  flag: "switch",
  parse(text) {
    const parsed = BOOLEANS.get(text.toLowerCase());
    return parsed === undefined ? wrong(text, "is neither true nor false", "true or false") : value(parsed);
  },
};

/** One of these words, in whatever case it is written. */
export const oneOf = <const T extends string>(...words: readonly T[]): Kind<T> => ({
  name: words.join("|"),
  flag: "value",
  parse(text) {
    const word = words.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
    return word === undefined ? wrong(text, "is not known", words.join(", ")) : value(word);
  },
});

/** Text that matches a pattern as it stands. */
export const text = (name: string, pattern: RegExp, expected: string): Kind<string> => ({
  name,
  flag: "value",
  parse: (given) => (pattern.test(given) ? value(given) : wrong(given, `is not a ${name}`, expected)),
});

/** What paths begin with. */
export const routePrefix = text(
  "path prefix",
  /^\/[\x21-\x7e]{0,199}$/,
  "up to 200 visible characters that begin with /",
);

/** Goes into an Authorization field, where a comma would begin another one, and never into a message. */
export const secret: Kind<string> = {
  name: "secret",
  flag: "value",
  parse: (given) =>
    /^[\x21-\x2b\x2d-\x7e]+$/.test(given)
      ? value(given)
      : wrong(
          "***",
          "holds a comma, a space, a control or a non-ASCII character",
          "other visible ASCII characters",
        ),
};

/** What another server asks for: any text, and never in a message. */
export const password: Kind<string> = { name: "secret", flag: "value", parse: value };

/** A name, or an IP address without brackets. */
export const isHostName = (text: string): boolean =>
  isIP(text) !== 0 || /^(?=.{1,253}$)(?![\d.]+$)[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?$/i.test(text);

/** A name or an address to listen on; IPv6 without brackets. */
export const host: Kind<string> = {
  name: "host",
  flag: "value",
  parse(given) {
    const address = /^\[.*\]$/.test(given) ? given.slice(1, -1) : given;
    return isHostName(address)
      ? value(address)
      : wrong(given, "is not a host", "a name or an IP address, such as 127.0.0.1 or ::1");
  },
};
