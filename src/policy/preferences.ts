import { listMembers, trimOws } from "./fields.ts";

/**
 * A list of preferences in canonical form: by meaning, not by bytes (RFC 9110 §12.4).
 *
 * Case, whitespace and the order of what is equally preferred do not count; weights do only in
 * so far as they order and refuse. A list with anything but plain names and weights counts by its bytes.
 * The two forms begin differently, and the first is structured, so that no value can pass
 * itself off as another.
 */
export function canonicalPreferences(value: string): string {
  const members = listMembers(value);
  const byWeight = new Map<number, Set<string>>();
  for (const member of members) {
    const [name = "", ...parameters] = member.split(";").map(trimOws);
    const weight = weightOf(parameters);
    if (weight === undefined || !isRange(name)) return `~${members.join(",")}`;
    byWeight.set(weight, (byWeight.get(weight) ?? new Set()).add(name.toLowerCase()));
  }
  const ordered = [...byWeight].sort(([a], [b]) => b - a);
  return `=${JSON.stringify(ordered.map(([weight, names]) => [weight > 0, ...[...names].sort()]))}`;
}

/** A media range, language range, coding or charset without parameters: tokens, so that case folds in ASCII alone. */
const isRange = (name: string): boolean => /^[\w!#$%&'*+\-.^`|~]+(?:\/[\w!#$%&'*+\-.^`|~]+)?$/.test(name);

/** qvalue (RFC 9110 §12.4.2); 1 where there is none, undefined where it is not one or other parameters are present. */
function weightOf(parameters: readonly string[]): number | undefined {
  if (parameters.length === 0) return 1;
  const [only, ...others] = parameters;
  const match = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i.exec(only ?? "");
  return match && others.length === 0 ? Number(match[1]) : undefined;
}
