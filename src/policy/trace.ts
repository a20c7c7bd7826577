/** The request field that asks for a trace, and never reaches an origin. */
export const DEBUG_FIELD = "x-freshline-debug";
/** The response field that carries it. */
export const TRACE_FIELD = "X-Freshline-Trace";

/** Longer values are cut, and so is the whole. */
const LONGEST_VALUE = 512;
const LONGEST = 2048;

/**
 * Facts as parameters, strings quoted, in printable ASCII alone: what a field may hold and whatever reads it
 * understands (RFC 9110 §5.5). What is absent is left out.
 */
export function traceOf(facts: Readonly<Record<string, string | number | undefined>>): string {
  const members: string[] = [];
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined) continue;
    members.push(`${name}=${typeof value === "number" ? value : quoted(value)}`);
  }
  return members.join("; ").slice(0, LONGEST);
}

const quoted = (value: string): string => {
  if (/^[a-z][a-z0-9_-]*$/.test(value)) return value;
  const ascii = value
    .slice(0, LONGEST_VALUE)
    .replaceAll("§", "section ")
    .toWellFormed()
    .replace(/["\\%]|[^\x20-\x7e]/gu, encodeURIComponent);
  return `"${ascii}"`;
};
