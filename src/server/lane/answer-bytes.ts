import { type FieldLines, isToken, UNWRITABLE } from "../../policy/fields.ts";
import { remembering } from "../../policy/remembering.ts";
import { isRepeated, rememberingLines } from "../../policy/repeated-lines.ts";
import type { LaneRequest } from "./request.ts";
import { Scratch } from "./scratch.ts";

/** The head of an answer that is one write. */
export interface Head {
  readonly status: number;
  readonly message: string;
  readonly lines: FieldLines;
  /** Lines behind them, of this answer alone. */
  readonly own: FieldLines;
  /** The last of them as they are written, own ones included, and those before as bytes where they come again. */
  readonly text: string;
  readonly before: Uint8Array;
  /** Bytes of content that go with it. */
  readonly contentBytes: number;
}

/** So much is copied behind its head: one write of one buffer costs less than one of two. */
export const SHORT_BYTES = 8192;

const NOTHING = new Uint8Array();
/** Where answers are put together. */
export const scratch = new Scratch();

/** What Node writes itself, or reads as an order. */
export const NODES_OWN: readonly string[] = [
  "connection",
  "keep-alive",
  "transfer-encoding",
  "trailer",
  "expect",
];

/** What is a line of this name here? `nodes`: Node writes it, or refuses it. Names come again and again. */
const kindOf = remembering((name): "plain" | "date" | "content-length" | "nodes" => {
  const lowerName = name.toLowerCase();
  if (!isToken(name) || NODES_OWN.includes(lowerName)) return "nodes";
  return lowerName === "date" || lowerName === "content-length" ? lowerName : "plain";
}, 256);

/** What lines are here. */
interface Lines {
  /** As they are written. */
  readonly text: string;
  readonly isDated: boolean;
  /** As Content-Length says. */
  readonly length: number | undefined;
}

/** Lines that Node has more to say of, or refuses. */
const NODES: Lines = { text: "", isDated: false, length: undefined };

const linesOf = rememberingLines((lines): Lines => {
  let isDated = false;
  let length: number | undefined;
  let values = "";
  let text = "";
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string;
    const value = lines[i + 1] as string;
    const kind = kindOf(name);
    if (kind === "nodes") return NODES;
    values += value;
    text += `${name}: ${value}\r\n`;
    if (kind === "date") isDated = true;
    else if (kind === "content-length") length = Number(value);
  }
  // One look at all of them costs half of what one at each does.
  return UNWRITABLE.test(values) ? NODES : { text, isDated, length };
});

const bytesOfLines = rememberingLines((lines) => {
  const { text } = linesOf(lines);
  // Of its own: a piece of Node's pool would keep all of that.
  const bytes = Buffer.allocUnsafeSlow(text.length);
  bytes.write(text, "latin1");
  return bytes;
});

/** These lines as they are written, and what is behind them; undefined where Node has more to say of them, or refuses them. */
export function plainLines(
  { method }: LaneRequest,
  status: number,
  lines: FieldLines,
  own: FieldLines,
): Pick<Head, "text" | "before" | "contentBytes"> | undefined {
  const first = linesOf(lines);
  const last = linesOf(own);
  if (first === NODES || last === NODES || !(first.isDated || last.isDated)) return undefined;
  const hasNone = method === "HEAD" || status === 204 || status === 304;
  const contentBytes = hasNone ? 0 : (last.length ?? first.length);
  if (contentBytes === undefined) return undefined;
  return isRepeated(lines)
    ? { before: bytesOfLines(lines), text: last.text, contentBytes }
    : { before: NOTHING, text: first.text + last.text, contentBytes };
}

/** As Node writes it to a connection that is kept; good until the next one is made, or `scratch` keeps it. */
export function bytesOf(
  { status, message, before, text }: Head,
  content: Uint8Array,
  keepAliveTimeoutMs: number,
): Buffer {
  const statusLine = `HTTP/1.1 ${status} ${message}\r\n`;
  const rest = `${text}Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveTimeoutMs / 1000)}\r\n\r\n`;
  const at = statusLine.length + before.length;
  const bytes = scratch.room(at + rest.length + content.length);
  if (before.length === 0) bytes.write(statusLine + rest, "latin1");
  else {
    bytes.write(statusLine, "latin1");
    bytes.set(before, statusLine.length);
    bytes.write(rest, at, "latin1");
  }
  bytes.set(content, at + rest.length);
  return bytes;
}
