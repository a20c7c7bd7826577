import fc from "fast-check";
import { describe, expect } from "vitest";
import { milliseconds, size } from "../../../src/config/kinds.ts";
import { SETTING_NAMES, SETTINGS } from "../../../src/config/settings.ts";
import { loadConfig } from "../../../src/config.ts";
import { fuzz } from "./harness.ts";

const digits = fc.oneof(
  fc.constantFrom(
    "0",
    "1",
    "10",
    "007",
    "1.5",
    "0.001",
    "0.0004",
    "1e3",
    "-1",
    "+1",
    "1.",
    ".5",
    "9".repeat(30),
    "1_000",
    "٣",
    "",
  ),
  fc.nat(100_000).map(String),
);
const written = (...units: readonly string[]) =>
  fc
    .tuple(
      digits,
      fc.constantFrom("", "", " ", "  "),
      fc.constantFrom("", ...units),
      fc.constantFrom("", "", "", " ", "x"),
    )
    .map((all) => all.join(""));

/** A decimal in thousandths of so many; undefined where it is none. */
function exactly(text: string, units: Readonly<Record<string, bigint>>, bare: string): bigint | undefined {
  const [, whole = "", , fraction = "", unit = ""] = /^([0-9]+)(\.([0-9]+))? ?([a-z]*)$/i.exec(text) ?? [];
  const factor = new Map(Object.entries(units)).get((unit === "" ? bare : unit).toLowerCase());
  if (whole === "" || factor === undefined) return undefined;
  return (BigInt(whole + fraction) * factor * 1000n) / 10n ** BigInt(fraction.length);
}

const MS = { ms: 1n, s: 1000n, m: 60_000n, h: 3_600_000n, d: 86_400_000n };
const DAYS_24 = 24n * MS.d * 1000n;

fuzz("a duration is what it says, within its limits, or refused", {
  corpus: "durations",
  inputs: written("ms", "s", "m", "h", "d", "S", "min", "toString", "__proto__"),
  runs: 4000,
  holds: (text) => {
    const thousandths = exactly(text, MS, "s");
    const parsed = milliseconds("1ms").parse(text);
    if (!parsed.ok) {
      expect(thousandths === undefined || thousandths < 1000n || thousandths > DAYS_24).toBe(true);
      return;
    }
    // To the millisecond.
    expect(Math.abs(parsed.value - Number(thousandths) / 1000)).toBeLessThanOrEqual(1);
    expect(Number.isSafeInteger(parsed.value) && parsed.value >= 1 && parsed.value < 2 ** 31).toBe(true);
  },
});

const BYTES = {
  b: 1n,
  kb: 1000n,
  mb: 1000n ** 2n,
  gb: 1000n ** 3n,
  tb: 1000n ** 4n,
  kib: 1024n,
  mib: 1024n ** 2n,
  gib: 1024n ** 3n,
  tib: 1024n ** 4n,
};

fuzz("a size is what it says, within its limits, or refused", {
  corpus: "sizes",
  inputs: written("b", "B", "KB", "KiB", "MiB", "GiB", "TiB", "PB", "K", "ib", "constructor"),
  runs: 4000,
  holds: (text) => {
    const thousandths = exactly(text, BYTES, "b");
    const parsed = size("1B", "64TiB").parse(text);
    if (!parsed.ok) {
      expect(thousandths === undefined || thousandths < 1000n || thousandths > 64n * BYTES.tib * 1000n).toBe(
        true,
      );
      return;
    }
    expect(Math.abs(parsed.value - Number(thousandths) / 1000)).toBeLessThanOrEqual(1);
    expect(Number.isSafeInteger(parsed.value) && parsed.value >= 1).toBe(true);
  },
});

const CANARY = "hunter2canary";
const pieces = fc.constantFrom(
  ...[
    "",
    "a",
    "1",
    "10s",
    "64MiB",
    "on",
    "off",
    "true",
    "auto",
    ",",
    " ",
    "*",
    "/",
    "/a",
    "//",
    ":",
    "@",
    "#",
    "?",
    "=",
    "%",
    "%41",
  ],
  ...[
    "http://a:1",
    "https://[::1]:2",
    "redis://a/0",
    "rediss://",
    "10.0.0.0/8",
    "::/0",
    "\0",
    "\n",
    "\xe9",
    "\ud800",
    "x".repeat(300),
  ],
);
const anyText = fc.array(pieces, { maxLength: 5 }).map((all) => all.join(""));
const names = fc.constantFrom(...SETTING_NAMES);
const some = fc.dictionary(names, anyText, { maxKeys: 6, noNullPrototype: true });
const SECRETS = SETTING_NAMES.filter((name) => SETTINGS[name].kind.name === "secret");

describe("whatever is set", () => {
  fuzz("is taken, or refused with one bounded line for each mistake that names the setting", {
    corpus: "settings",
    inputs: fc.record({ env: some, flags: some, dotenvText: anyText }),
    runs: 700,
    holds: (given) => {
      const loaded = loadConfig(given);
      if (loaded.ok) return;
      for (const error of loaded.errors) {
        expect(error).toMatch(/^[A-Z\d_]+(?:, [A-Z\d_]+)*: [^\n\r\0]*$/);
        expect(error.length).toBeLessThan(700);
      }
    },
  });

  fuzz("is never shown where it is a secret", {
    corpus: "secret-settings",
    inputs: fc.tuple(fc.constantFrom(...SECRETS), anyText, anyText),
    runs: 3000,
    holds: ([name, before, behind]) => {
      const parsed = SETTINGS[name].kind.parse(`${before}${CANARY}${behind}`);
      if (!parsed.ok) expect(parsed.problems.join()).not.toContain(CANARY);
    },
  });

  fuzz("hides the password of a URL, with one mistake in it", {
    corpus: "passwords-in-urls",
    inputs: fc.record({
      name: fc.constantFrom("REDIS_URL", "ORIGINS", "OTEL_EXPORTER_OTLP_ENDPOINT"),
      scheme: fc.constantFrom("redis", "rediss", "redis-cluster", "http", "ftp"),
      user: fc.constantFrom("", "user", "u%40", "ü"),
      password: fc.constantFrom(
        CANARY,
        `${CANARY}/x`,
        `#${CANARY}`,
        `p@${CANARY}`,
        `${CANARY}?a=b`,
        `${CANARY}%zz`,
      ),
      host: fc.constantFrom("a.example", "[::1]", "a,b", "", "a b"),
      rest: fc.constantFrom("", ":6379", ":6379/0", "/x", "?master=m", ":99999", "#f", "/0?a=b"),
      lost: fc.constantFrom("nothing", "scheme", "at", "colon", "slash"),
    }),
    runs: 3000,
    holds: ({ name, scheme, user, password, host, rest, lost }) => {
      const without = (what: string, text: string) => (lost === what ? "" : text);
      const url = `${without("scheme", `${scheme}:`)}/${without("slash", "/")}${user}${without("colon", ":")}${password}${without("at", "@")}${host}${rest}`;
      // Of a password that has an @ itself nobody can tell then.
      if (lost === "at" && password.includes("@")) return;
      const parsed = SETTINGS[name].kind.parse(url);
      if (!parsed.ok) expect(parsed.problems.join(), url).not.toContain(CANARY);
    },
  });
});

const STYLES = ["plain", "single", "double", "back", "exported", "spaced", "commented"] as const;
const secret = fc.string({
  unit: fc.constantFrom(..."abcXYZ019.:/_-=#$%&'\"`\\{}!?~"),
  minLength: 1,
  maxLength: 12,
});

/** A line of a .env file; undefined where the value cannot be written so. */
function lineFor(style: (typeof STYLES)[number], name: string, value: string): string | undefined {
  const bare = /^[^\s'"`#][^#\n]*$/.test(value) && !/\\/.test(value);
  switch (style) {
    case "plain":
      return bare ? `${name}=${value}` : undefined;
    case "exported":
      return bare ? `export ${name}=${value}` : undefined;
    case "spaced":
      return bare ? `  ${name} = ${value}  ` : undefined;
    case "commented":
      return bare ? `${name}=${value} # nothing` : undefined;
    case "single":
      return value.includes("'") ? undefined : `${name}='${value}'`;
    case "double":
      return /["\\]/.test(value) ? undefined : `${name}="${value}"`;
    case "back":
      return value.includes("`") ? undefined : `${name}=\`${value}\``;
  }
}

fuzz("a .env file says what is written in it, and less than the environment and flags", {
  corpus: "dotenv",
  inputs: fc.record({
    token: secret,
    style: fc.constantFrom(...STYLES),
    end: fc.constantFrom("\n", "\r\n"),
    around: fc.tuple(anyText, anyText),
    env: fc.option(fc.constantFrom("from-env", "")),
    flag: fc.option(fc.constant("from-flag")),
  }),
  runs: 3000,
  holds: ({ token, style, end, around, env, flag }) => {
    const line = lineFor(style, "ADMIN_TOKEN", token);
    // What stands before and behind is on lines of its own, and in no quotation marks.
    const [before, behind] = around.map((text) => `# ${text.replace(/[\n\r]/g, "")}`);
    if (line === undefined) return;
    const loaded = loadConfig({
      dotenvText: [before, line, behind].join(end),
      env: env === null ? {} : { ADMIN_TOKEN: env },
      flags: { ORIGINS: "http://a", ...(flag === null ? {} : { ADMIN_TOKEN: flag }) },
    });
    const expected = flag ?? env ?? token;
    expect(loaded.ok ? loaded.config.ADMIN_TOKEN : loaded.errors).toBe(
      expected === "" ? undefined : expected,
    );
  },
});
