import { type Kind, type Parsed, value, wrong } from "./kinds.ts";

/* How OpenTelemetry writes its settings, which are the same for every program. */

/** Where a collector takes what it is sent, without the path of each signal (`/v1/traces`). */
export const collectorUrl: Kind<string> = {
  name: "url",
  flag: "value",
  parse(text) {
    const url = URL.parse(text);
    if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
      return wrong(text, "is no URL of http or https", "one such as http://localhost:4318");
    if (url.username !== "" || url.password !== "")
      return wrong(text, "has credentials", "none, and OTEL_EXPORTER_OTLP_HEADERS for them");
    if (url.search !== "" || url.hash !== "") return wrong(text, "has a query or a fragment", "none");
    if (url.port === "0") return wrong(text, "has port 0", "a port from 1 to 65535");
    return value(url.href.replace(/\/+$/, ""));
  },
};

export type Pairs = Readonly<Record<string, string>>;

/** `name=value,name=value`, values percent-encoded where they have to be. */
const pairs = (text: string): Pairs | undefined => {
  const all: Record<string, string> = {};
  for (const member of text.split(",")) {
    if (member.trim() === "") continue;
    const [, name, encoded] = /^\s*([\w!#$%&'*+.^`|~-]+)\s*=(.*)$/s.exec(member) ?? [];
    const plain = encoded === undefined ? undefined : decoded(encoded.trim());
    if (name === undefined || plain === undefined || /[^\t\x20-\x7e]/.test(plain)) return undefined;
    all[name] = plain;
  }
  return all;
};

const EXPECTED = "name=value, with commas between them, and percent-encoding for what is not visible ASCII";

/** Field lines that say who we are: never in a message. */
export const secretPairs: Kind<Pairs> = {
  name: "secret",
  flag: "value",
  parse: (text): Parsed<Pairs> => {
    const parsed = pairs(text);
    return parsed === undefined ? wrong("***", "is no list of pairs", EXPECTED) : value(parsed);
  },
};

export const plainPairs: Kind<Pairs> = {
  name: "name=value,…",
  flag: "value",
  parse: (text): Parsed<Pairs> => {
    const parsed = pairs(text);
    return parsed === undefined ? wrong(text, "is no list of pairs", EXPECTED) : value(parsed);
  },
};

/** A share of all, from 0 to 1. */
export const ratio: Kind<number> = {
  name: "ratio",
  flag: "value",
  parse: (text) =>
    /^(?:[01]|0?\.\d{1,15}|1\.0{1,15})$/.test(text)
      ? value(Number(text))
      : wrong(text, "is no ratio", "a number from 0 to 1, such as 0.01"),
};

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
