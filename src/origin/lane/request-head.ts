import type { OriginRequest } from "../../cache/ports/origin.ts";
import { type FieldLines, isFieldName, isToken, UNWRITABLE } from "../../policy/fields.ts";
import { isRepeated, rememberingLines } from "../../policy/repeated-lines.ts";
import { isOurs } from "../request-fields.ts";
import { malformed } from "./fault.ts";

/** RFC 9112 §3.2.1, as clients have it: anything but whitespace and what is below it. */
const TARGET = /^\/[!-\xff]*$/;

/**
 * A request's head as it goes to an origin whose Host is `host`, one char per byte. Throws a LaneFault
 * where it cannot be written, or might be read as another.
 */
export function requestHead(request: OriginRequest, host: string): string {
  const { method, target, fields, firstFields = NO_LINES } = request;
  if (!isToken(method) || !TARGET.test(target)) throw malformed("invalid method or target");
  // Behind the head that answers a HEAD some origins send a body all the same.
  const connection = method === "HEAD" ? "close" : "keep-alive";
  const head = `${method} ${target} HTTP/1.1\r\nhost: ${valid(host)}\r\nconnection: ${connection}\r\n`;
  if (!isRepeated(firstFields) || !startsWith(fields, firstFields)) return `${head}${textOf(fields, 0)}\r\n`;
  return `${head}${firstLines(firstFields).text}${textOf(fields, firstFields.length)}\r\n`;
}

const NO_LINES: FieldLines = [];

/** In one piece: what was put together of many is read in as many each time that it is written. */
const firstLines = rememberingLines((fields) => ({
  text: Buffer.from(textOf(fields, 0), "latin1").toString("latin1"),
}));

function startsWith(fields: FieldLines, first: FieldLines): boolean {
  for (let i = 0; i < first.length; i++) if (fields[i] !== first[i]) return false;
  return true;
}

/** The lines from this one on. */
function textOf(fields: FieldLines, from: number): string {
  let text = "";
  for (let i = from; i + 1 < fields.length; i += 2) {
    const name = fields[i] as string;
    if (isOurs(name)) continue;
    if (!isFieldName(name)) throw malformed("invalid field name");
    text += `${name}: ${valid(fields[i + 1] as string)}\r\n`;
  }
  return text;
}

function valid(value: string): string {
  if (UNWRITABLE.test(value)) throw malformed("invalid field value");
  return value;
}
