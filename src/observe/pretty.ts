import { styleText } from "node:util";
import { prettyFactory } from "pino-pretty";
import type { CacheWord } from "../policy/outcome.ts";

type Style = Parameters<typeof styleText>[0];
type Line = Readonly<Record<string, unknown>>;

const WORD_STYLE: Readonly<Record<CacheWord, Style>> = {
  HIT: "green",
  UPDATING: "cyan",
  REVALIDATED: "cyan",
  STALE: "yellow",
  EXPIRED: "blue",
  MISS: "blue",
  BYPASS: "gray",
};

/**
 * Turns a JSON log line into one for people:
 * `12:00:01 GET /data?id=1 200 HIT 1.2ms`, and for all but requests
 * `12:00:01 WARN origin unhealthy {"origin":"http://127.0.0.1:4001"}`.
 */
export function createPretty(options: { readonly colour: boolean }): (json: string) => string {
  const paint = (style: Style, text: string): string =>
    options.colour ? styleText(style, text, { validateStream: false }) : text;
  const other = prettyFactory({
    colorize: options.colour,
    singleLine: true,
    ignore: "time,level",
    messageFormat: (log) =>
      `${clock(log)} ${String(log["level"]).toUpperCase()} ${harmless(String(log["msg"]))}`,
  });

  return (json) => {
    // JSON escapes the control characters below U+0020, but not those from U+007F to U+009F.
    const line = parse(json.replace(/[\x7f-\x9f]/g, "?"));
    if (line === undefined) return json;
    if (line["msg"] !== "request") return other(line);
    const parts = [
      paint("gray", clock(line)),
      harmless(`${line["method"]} ${line["path"]}`),
      paint(statusStyle(Number(line["status"])), String(line["status"])),
      paint(WORD_STYLE[line["cache"] as CacheWord] ?? "reset", String(line["cache"])),
      paint("gray", `${Number(line["duration_ms"]).toFixed(1)}ms`),
    ];
    if (line["reason"] !== undefined) parts.push(paint("gray", String(line["reason"])));
    if (line["collapsed"] === true) parts.push(paint("gray", "collapsed"));
    if (line["aborted"] === true) parts.push(paint("yellow", "aborted"));
    return `${parts.join(" ")}\n`;
  };
}

function parse(json: string): Line | undefined {
  try {
    return JSON.parse(json) as Line;
  } catch {
    return undefined;
  }
}

/** A request-target may carry any byte: control characters would steer the terminal. */
const harmless = (text: string): string => text.replace(CONTROL_CHARACTERS, "?");
const CONTROL_CHARACTERS = /\p{Cc}/gu;

/** Local time of day. */
function clock(line: Line): string {
  const time = new Date(String(line["time"]));
  return [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((number) => String(number).padStart(2, "0"))
    .join(":");
}

function statusStyle(status: number): Style {
  if (status >= 500) return "red";
  if (status >= 400) return "yellow";
  return "green";
}
