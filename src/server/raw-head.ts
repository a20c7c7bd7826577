import type { FieldLines } from "../policy/fields.ts";

/** A response's head as bytes, for where Node's own response is not at hand. */
export const headOf = (status: number, message: string, lines: FieldLines): Buffer =>
  Buffer.from(`${linesOfHead(status, message, lines)}\r\n`, "latin1");

/** The same as text of one byte each, without the empty line at its end. */
export function linesOfHead(status: number, message: string, lines: FieldLines): string {
  let text = `HTTP/1.1 ${status} ${message}\r\n`;
  for (let i = 0; i + 1 < lines.length; i += 2) text += `${lines[i]}: ${lines[i + 1]}\r\n`;
  return text;
}
