import type { Config } from "../config.ts";
import { askAdmin } from "./admin-client.ts";
import { complain, saidIn, type Terminal } from "./commands.ts";
import type { ExplainWords } from "./explain-words.ts";
import { harmless } from "./screen.ts";

type Json = Readonly<Record<string, unknown>>;

/** With a request to an origin. */
const TIMEOUT_MS = 20_000;

/** Says why a URL is answered as it is. Answers the exit code. */
export async function explain(
  config: Config,
  asked: ExplainWords,
  json: boolean,
  terminal: Terminal,
): Promise<number> {
  const { url, method, headers, fetch, body } = asked;
  const query = new URLSearchParams({ url });
  if (method !== undefined) query.set("method", method);
  for (const header of headers) query.append("header", header);
  if (fetch) query.set("fetch", "1");
  if (body) query.set("body", "1");
  const answer = await askAdmin(config, { method: "GET", path: `/explain?${query}`, timeout: TIMEOUT_MS });
  const said = saidIn(answer);
  if (answer.type === "nobody" || said === undefined) return complain(config, answer, terminal);
  if (json) terminal.out(answer.body.trimEnd());
  else for (const line of explanation(said)) terminal.out(line);
  return 0;
}

/** The answer of GET /explain for a terminal: what will happen and what to do first, then what is known. */
export function explanation(said: Json): string[] {
  const next = object(said["next"]);
  const last = object(said["last"]);
  const fetched = object(said["fetched"]);
  const stored = object(said["stored"]);
  const advice = texts(said["advice"]);
  const lines = [`${said["key"]}`, ""];
  const add = (name: string, text: string | undefined) => {
    if (text !== undefined && text !== "") lines.push(`${name.padEnd(10)}${text}`);
  };
  add("next", decision(next, String(next["decision"] ?? "")));
  if (Object.keys(last).length > 0) add("last", decision(last, instant(last["time"])));
  if (Object.keys(fetched).length > 0) {
    const answered =
      fetched["status"] === undefined
        ? ""
        : `${fetched["origin"]} answered ${fetched["status"]}, which would ${fetched["would"]}`;
    // What is as it should be needs no sentence.
    add("fetched", fetched["reason"] === "stored" ? answered : decision(fetched, answered));
  }
  for (const [i, sentence] of advice.entries()) add(i === 0 ? "advice" : "", sentence);
  if (
    advice.length === 0 &&
    Object.keys(last).length + Object.keys(stored).length + Object.keys(fetched).length === 0
  )
    add("advice", "Nobody has asked for it yet: add --fetch to have an origin asked.");

  if (Object.keys(stored).length > 0) {
    lines.push("");
    add("stored", shownStored(stored));
    for (const line of windows(stored)) add("", line);
  }
  const shown = [...texts(fetched["fields"]), ...windows(fetched)];
  if (shown.length > 0) lines.push("");
  for (const [i, line] of shown.entries()) add(i === 0 ? "answer" : "", line);

  const { ignored } = object(said["key_parts"]);
  const about: [string, string][] = [
    ["ignored", texts(ignored).join(", ")],
    ["tags", texts(stored["tags"]).join(", ")],
    ["selecting", texts(said["selecting"]).join(", ")],
    ["variants", variants(said["variants"])],
    ["purges", purges(said["purges"])],
    ["instances", instances(said["instances"])],
    ["alone", said["goes_alone"] === true ? "nobody waits for another's fetch of it" : ""],
  ];
  if (about.some(([, text]) => text !== "")) lines.push("");
  for (const [name, text] of about) add(name, text);
  if (typeof stored["body"] === "string") lines.push("", ...stored["body"].split("\n"));
  // A tab moves the cursor, and nothing else.
  return lines.map((line) => line.split("\t").map(harmless).join("\t"));
}

const WINDOWS = [
  ["fresh until", "fresh_until"],
  ["served while refreshed until", "refreshing_until"],
  ["served on error until", "usable_on_error_until"],
  ["kept until", "kept_until"],
] as const;

const decision = (told: Json, what: string): string =>
  `${what === "" ? "" : `${what}: `}${told["sentence"]} (${told["reason"]}; ${told["clause"]})`;

const shownStored = ({ status, size, tier, age, stored_at: at, etag }: Json): string =>
  [
    `${status}, ${size} bytes, in ${texts(tier).join(" and ")}, ${age} s old, since ${instant(at)}`,
    ...(typeof etag === "string" ? [`ETag ${etag}`] : []),
  ].join(", ");

/** Those that there are, and why others are closed. */
const windows = (head: Json): string[] =>
  WINDOWS.flatMap(([name, window]) => {
    const { at, because } = object(head[window]);
    if (at === undefined || String(because).startsWith("never: neither")) return [];
    return [at === null ? `${name}: ${because}` : `${name} ${instant(at)} (${because})`];
  });

function variants(value: unknown): string {
  const all = objects(value);
  if (all.length < 2) return "";
  const shown = all.slice(0, 8).map(({ selecting, size }) => {
    const fields = Object.entries(object(selecting)).map(
      ([name, value]) => `${name}: ${value ?? "(absent)"}`,
    );
    return `${fields.join("; ") || "(any)"}, ${size} bytes`;
  });
  return `${all.length}: ${shown.join(" | ")}${all.length > shown.length ? " | …" : ""}`;
}

const purges = (value: unknown): string =>
  objects(value)
    .slice(0, 8)
    .map(({ epoch, target, mode }) => `${mode} ${JSON.stringify(target)} (${epoch})`)
    .join(" | ");

const instances = (value: unknown): string =>
  objects(value)
    .map(({ instance, answered, tier }) =>
      answered === false
        ? `${instance}: no answer`
        : `${instance}: ${texts(tier).join(" and ") || "nothing"}`,
    )
    .join(" | ");

const instant = (value: unknown): string =>
  typeof value === "number" && Math.abs(value) < 8.64e15 ? new Date(value).toISOString() : String(value);

const object = (value: unknown): Json =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};

const objects = (value: unknown): Json[] => (Array.isArray(value) ? value.map(object) : []);

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
