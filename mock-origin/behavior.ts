/** How one port misbehaves. A field that is absent changes nothing. The names are those of the JSON. */
export interface Behavior {
  /** Answer every data-like request with this status. */
  readonly status?: number;
  /** Wait this long before anything else, milliseconds. */
  readonly delay_ms?: number;
  /** Break off after the head and this many bytes of the body. */
  readonly cut_after_bytes?: number;
  /** Close the connection before any byte. */
  readonly cut_before_head?: boolean;
  /** What the health check says. */
  readonly healthy?: boolean;
  /** `false`: no entity tag, so nothing can be validated. */
  readonly etag?: boolean;
}

export type Merge =
  | { readonly type: "merged"; readonly behavior: Behavior }
  | { readonly type: "rejected"; readonly message: string };

export const MAX_DELAY_MS = 300_000;

interface Rule {
  readonly expected: string;
  accepts(value: unknown): boolean;
}

const wholeNumber = (min: number, max: number): Rule => ({
  expected: `a whole number from ${min} to ${max}`,
  accepts: (value) => typeof value === "number" && Number.isInteger(value) && value >= min && value <= max,
});
const trueOrFalse: Rule = { expected: "true or false", accepts: (value) => typeof value === "boolean" };

const RULES: Readonly<Record<keyof Behavior, Rule>> = {
  status: wholeNumber(200, 599),
  delay_ms: wholeNumber(0, MAX_DELAY_MS),
  cut_after_bytes: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  cut_before_head: trueOrFalse,
  healthy: trueOrFalse,
  etag: trueOrFalse,
};

/** Lays a change from outside over the current behaviour: `null` clears a field, and one bad field rejects the whole change. */
export function mergeBehavior(current: Behavior, change: unknown): Merge {
  if (typeof change !== "object" || change === null || Array.isArray(change)) {
    return { type: "rejected", message: 'expected a JSON object such as {"status":503}' };
  }
  const merged = new Map<string, unknown>(Object.entries(current));
  for (const [name, value] of Object.entries(change)) {
    if (!isField(name)) {
      const known = Object.keys(RULES).join(", ");
      return { type: "rejected", message: `unknown field ${JSON.stringify(name)}; the fields are ${known}` };
    }
    if (value === null) {
      merged.delete(name);
    } else if (RULES[name].accepts(value)) {
      merged.set(name, value);
    } else {
      const message = `expected ${name} to be ${RULES[name].expected}, got ${JSON.stringify(value).slice(0, 100)}`;
      return { type: "rejected", message };
    }
  }
  return { type: "merged", behavior: Object.fromEntries(merged) };
}

const isField = (name: string): name is keyof Behavior => Object.hasOwn(RULES, name);
