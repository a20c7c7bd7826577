/** An entity tag's opaque part, without the weakness indicator (RFC 9110 §8.8.3). */
const opaque = (tag: string): string => (tag.startsWith("W/") ? tag.slice(2) : tag);

/** Weak comparison (RFC 9110 §8.8.3.2): for If-None-Match. */
export const weaklyEqual = (a: string, b: string): boolean => opaque(a) === opaque(b);

/** Strong comparison (RFC 9110 §8.8.3.2): for ranges. */
export const stronglyEqual = (a: string, b: string): boolean => !a.startsWith("W/") && a === b;

/** The tags of an If-None-Match, in which a backslash is a character like any other (RFC 9110 §8.8.3). */
export const entityTags = (value: string): readonly string[] =>
  value.match(/(?:W\/)?"[^"]*"|[^\s,"]+/g) ?? [];
