import type { ShownOrigin } from "../admin/answers.ts";
import type { Config } from "../config.ts";
import { type AdminAnswer, askAdmin } from "./admin-client.ts";
import { complain, complaintOf, readJson, saidIn, type Terminal } from "./commands.ts";
import { harmless } from "./screen.ts";

/** What `freshline origins` is to do; shows them where it names none. */
export type OriginWords =
  | { readonly verb: "show" }
  | { readonly verb: "add" | "drain" | "remove"; readonly origin: string };

/** The words after `freshline origins`, or what is wrong with them. */
export function readOrigins([verb, origin, ...rest]: readonly string[]): OriginWords | string {
  if (verb === undefined) return { verb: "show" };
  if (verb !== "add" && verb !== "drain" && verb !== "remove")
    return `freshline origins takes add, drain or remove, and no ${JSON.stringify(verb)}`;
  if (origin === undefined || rest.length > 0)
    return `freshline origins ${verb} needs one origin, such as http://localhost:4001`;
  return { verb, origin };
}

/** Beside the health checks of new origins, of which each has its own limit. */
const PATIENCE_MS = 60_000;

/** `freshline reload`: has the running proxy read its settings again. Answers 0 where they are in force, 1 where not. */
export async function reload(config: Config, json: boolean, terminal: Terminal): Promise<number> {
  const timeout = PATIENCE_MS + config.HEALTH_CHECK_TIMEOUT;
  const answer = await askAdmin(config, { method: "POST", path: "/reload", timeout });
  const errors =
    answer.type === "answered" && answer.status === 422 ? listOf(readJson(answer.body)?.["errors"]) : [];
  if (errors.length > 0) {
    if (json) terminal.out(JSON.stringify({ errors }));
    else terminal.err("freshline: the settings were refused, and nothing has changed:");
    if (!json) for (const error of errors) terminal.err(`  ${error}`);
    return 1;
  }
  const said = saidIn(answer);
  if (said === undefined) {
    if (!json) return complain(config, answer, terminal);
    terminal.out(JSON.stringify({ errors: [complaintOf(config, answer)] }));
    return 1;
  }
  if (json) {
    terminal.out(JSON.stringify(said));
    return 0;
  }
  const changes = listOf(said["changes"]) as readonly Readonly<Record<string, string>>[];
  for (const { name, from, to, effect } of changes)
    terminal.out(`${name}: ${from || "(empty)"} → ${to || "(empty)"}, ${effect}`);
  if (changes.length === 0) terminal.out("nothing has changed: every setting is written as it was");
  const emptied = listOf(said["emptied"]);
  if (emptied.length > 0) terminal.out(`the cache was emptied for ${emptied.join(" and ")}`);
  return 0;
}

const ASKED = {
  add: { method: "POST", path: "/origins" },
  drain: { method: "POST", path: "/origins/drain" },
  remove: { method: "DELETE", path: "/origins" },
} as const;

/** `freshline origins`: shows, adds, drains and removes origins of the running proxy. */
export async function origins(
  config: Config,
  asked: OriginWords,
  json: boolean,
  terminal: Terminal,
): Promise<number> {
  const answer = await ask(config, asked);
  const said = saidIn(answer);
  if (said === undefined) return complain(config, answer, terminal);
  if (json) terminal.out(JSON.stringify(said));
  else if (asked.verb === "show")
    for (const [origin, state] of Object.entries(said)) terminal.out(line(origin, state));
  else if (said["state"] === undefined) terminal.out(`${said["origin"]} is no origin any more`);
  else terminal.out(line(String(said["origin"]), said));
  return 0;
}

function ask(config: Config, asked: OriginWords): Promise<AdminAnswer> {
  const timeout = PATIENCE_MS + config.HEALTH_CHECK_TIMEOUT;
  if (asked.verb === "show") return askAdmin(config, { method: "GET", path: "/origins", timeout });
  const { verb, origin } = asked;
  const { method, path } = ASKED[verb];
  return verb === "remove"
    ? askAdmin(config, { method, path: `${path}?origin=${encodeURIComponent(origin)}`, timeout })
    : askAdmin(config, { method, path, json: { origin }, timeout });
}

/** What it is, and why it gets no turn while it is that. */
function line(origin: string, said: unknown): string {
  const { state, detail, in_flight, ejected, breaker_open } = said as Partial<ShownOrigin>;
  const trouble = `${ejected === true ? ", ejected" : ""}${breaker_open === true ? ", breaker open" : ""}`;
  return harmless(
    `${String(state).padEnd("draining".length)}  ${origin}  ${detail}, ${in_flight} in flight${trouble}`,
  );
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
