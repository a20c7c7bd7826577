import { remembering } from "./remembering.ts";

/**
 * Field lines exactly as they came (RFC 9110 §5.2): name, value, name, value, …
 * Case, order and repetition are kept; values are latin1 strings, one char per byte.
 * This is Node's and undici's own shape, so that nothing is copied on the way.
 */
export type FieldLines = readonly string[];

/** A line's name in lower case (RFC 9110 §5.1): the same ones come again and again. */
export const lowerCaseName = remembering((name) => name.toLowerCase(), 256);

/** Is this a line's name, ASCII case-insensitive as they are (RFC 9110 §5.1)? `name` is lower-case. Cheap where the length is another. */
export const isNamed = (line: string, name: string): boolean =>
  line.length === name.length && (line === name || line.toLowerCase() === name);

/** The values of every line with this name, in order (RFC 9110 §5.2). `name` is lower-case. */
export function fieldLineValues(lines: FieldLines, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    if (isNamed(lines[i] as string, name)) values.push(lines[i + 1] as string);
  }
  return values;
}

/** The combined field value (RFC 9110 §5.3), or undefined when the field is absent. `name` is lower-case. */
export function fieldValue(lines: FieldLines, name: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i + 1 < lines.length; i += 2) {
    if (!isNamed(lines[i] as string, name)) continue;
    value = value === undefined ? (lines[i + 1] as string) : `${value}, ${lines[i + 1]}`;
  }
  return value;
}

/** Is there any line with this name (RFC 9110 §5.2), whatever its value? `name` is lower-case. */
export const hasField = (lines: FieldLines, name: string): boolean => {
  for (let i = 0; i < lines.length; i += 2) if (isNamed(lines[i] as string, name)) return true;
  return false;
};

/** The lines whose lower-case name (RFC 9110 §5.1) is not in `names`. */
export function withoutFields(lines: FieldLines, names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    if (!names.has(lowerCaseName(lines[i] as string))) kept.push(lines[i] as string, lines[i + 1] as string);
  }
  return kept;
}

/** Trims optional whitespace (RFC 9110 §5.6.3): spaces and tabs, nothing else. */
export function trimOws(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isOws(text.charCodeAt(start))) start++;
  while (end > start && isOws(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}
const isOws = (code: number): boolean => code === 0x20 || code === 0x09;

/** The members of a comma-separated list (RFC 9110 §5.6.1); commas in quoted strings do not divide, empty members do not count. */
export const listMembers = (value: string): string[] =>
  listElements(value).filter((element) => element !== "");

/** The same with the empty ones (RFC 9110 §5.6.1.2): what is no list after all may mean something by them. */
export function listElements(value: string): string[] {
  const members: string[] = [];
  let start = 0;
  let quoted = false;
  const push = (end: number) => members.push(trimOws(value.slice(start, end)));
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (quoted) {
      if (code === 0x5c) i++;
      else if (code === 0x22) quoted = false;
    } else if (code === 0x22) quoted = true;
    else if (code === 0x2c) {
      push(i);
      start = i + 1;
    }
  }
  push(value.length);
  return members;
}

/** A token (RFC 9110 §5.6.2), as every field name and directive is one. */
export const isToken = (text: string): boolean => /^[!#$%&'*+\-.^_`|~\w]+$/.test(text);

/** The same of names, which come again and again. */
export const isFieldName = remembering(isToken, 256);

/** What is not sent in a value or a reason phrase (RFC 9110 §5.5, RFC 9112 §4). */
export const UNWRITABLE = /[^\t\x20-\x7e\x80-\xff]/;

/** The lower-case names in a field that lists names (RFC 9110 §5.6.1): Vary, Connection, Trailer. */
export const listedNames = (lines: FieldLines, name: string): string[] => {
  const value = fieldValue(lines, name);
  return value === undefined ? [] : listMembers(value).map((member) => member.toLowerCase());
};

/** The media type in Content-Type (RFC 9110 §8.3.1), in lower case and without parameters; "" where there is none. */
export const mediaType = (lines: FieldLines): string =>
  fieldValue(lines, "content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";

/** Fields for one connection only (RFC 9110 §7.6.1), whether Connection names them or not. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-authentication-info",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** What passes to the next hop: neither hop-by-hop nor named by Connection (RFC 9110 §7.6.1). */
export const endToEnd = (lines: FieldLines): string[] =>
  withoutFields(lines, withNamedByConnection(HOP_BY_HOP, lines));

/** These names, and those that Connection lists as its own (RFC 9110 §7.6.1). */
export function withNamedByConnection(names: ReadonlySet<string>, lines: FieldLines): ReadonlySet<string> {
  const value = fieldValue(lines, "connection");
  // Mostly it names one of them, or nothing.
  if (value === undefined || names.has(lowerCaseName(value))) return names;
  const named = listMembers(value).map((member) => member.toLowerCase());
  return named.every((name) => names.has(name)) ? names : new Set([...names, ...named]);
}

/** Request fields that make an answer depend on what the client already has (RFC 9110 §13.1). */
export const CONDITIONAL_FIELDS: ReadonlySet<string> = new Set([
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
  "if-range",
]);

/** Response fields for this hop alone (Edge Architecture 1.0 §2.2, nginx's X-Accel-Expires): obeyed, stored, and never sent on. */
const FOR_THIS_HOP: ReadonlySet<string> = new Set(["surrogate-control", "x-accel-expires"]);

/** The stored lines that reach a client: controls for this hop alone end here (Edge Architecture 1.0 §2.2). */
export function withoutOwnControls(stored: FieldLines): FieldLines {
  for (const name of FOR_THIS_HOP) if (hasField(stored, name)) return withoutFields(stored, FOR_THIS_HOP);
  return stored;
}

/**
 * Response fields that are not stored, whatever an origin sent: those that this hop writes itself, and
 * Warning, which is obsolete (RFC 9111 §5.5).
 */
export const REWRITTEN_RESPONSE_FIELDS: ReadonlySet<string> = new Set([
  "x-cache",
  "x-cache-status",
  "x-freshline-trace",
  "x-request-id",
  "warning",
]);

/** Response fields that end here: another hop's would be taken for ours (RFC 9111 §5.5 for Warning). */
export const OWN_RESPONSE_FIELDS: ReadonlySet<string> = new Set([
  ...FOR_THIS_HOP,
  ...REWRITTEN_RESPONSE_FIELDS,
]);
