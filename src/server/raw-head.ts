import type { FieldLines } from "../policy/fields.ts";

/** A response's head as bytes, for where Node's own response is not at hand. */
export const headOf = (status: number, message: string, lines: FieldLines): Buffer => {
  let text = `HTTP/1.1 ${status} ${message}\r\n`;
  for (let i = 0; i + 1 < lines.length; i += 2) text += `${lines[i]}: ${lines[i + 1]}\r\n`;
  return Buffer.from(`${text}\r\n`, "latin1");
};
