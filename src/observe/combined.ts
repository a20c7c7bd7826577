import type { CacheEvent } from "../cache/events.ts";
import { fieldValue } from "../policy/fields.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { redactUrl, shownUri } from "./redact.ts";

type Answered = CacheEvent & { readonly type: "answered" };

/**
 * Writes a request as nginx's `combined` format does, with `$upstream_cache_status` at the end, so that tools
 * that read nginx's logs read ours. Nobody's name is in it, and no secret of a URL.
 */
export function combinedLines(now: () => EpochMs): (event: Answered) => string {
  let second = Number.NaN;
  let time = "";

  return ({ asker, method, uri, status, bytes, outcome }) => {
    const at = Math.floor(now() / 1000);
    if (at !== second) {
      second = at;
      time = localTime(new Date(at * 1000));
    }
    const version =
      asker === undefined ? "" : ` HTTP/${asker.httpVersion === "2" ? "2.0" : asker.httpVersion}`;
    const request = escaped(`${method} ${shownUri(uri).path}${version}`);
    const referer = asker && fieldValue(asker.fields, "referer");
    const agent = asker && fieldValue(asker.fields, "user-agent");
    return `${asker?.address ?? "-"} - - [${time}] "${request}" ${status} ${bytes} "${
      referer ? escaped(redactUrl(referer)) : "-"
    }" "${agent ? escaped(agent) : "-"}" ${outcome.word}\n`;
  };
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `$time_local`: 21/Nov/2026:12:00:01 +0000. */
function localTime(at: Date): string {
  const east = -at.getTimezoneOffset();
  const offset = `${east < 0 ? "-" : "+"}${two(Math.floor(Math.abs(east) / 60))}${two(Math.abs(east) % 60)}`;
  const day = `${two(at.getDate())}/${MONTHS[at.getMonth()]}/${at.getFullYear()}`;
  return `${day}:${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())} ${offset}`;
}

const two = (n: number): string => String(n).padStart(2, "0");

/** nginx's log escaping: what could end a quotation, a line or a reader's patience is \xHH. */
const escaped = (text: string): string =>
  MAY_STAND.test(text)
    ? text
    : Buffer.from(text, /[\u0100-\uffff]/.test(text) ? "utf8" : "latin1").reduce(
        (said, byte) =>
          said + (ESCAPED.has(byte) || byte < 0x20 || byte > 0x7e ? hex(byte) : String.fromCharCode(byte)),
        "",
      );

const MAY_STAND = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
/** `"` and `\`. */
const ESCAPED: ReadonlySet<number> = new Set([0x22, 0x5c]);
const hex = (byte: number): string => `\\x${byte.toString(16).toUpperCase().padStart(2, "0")}`;
