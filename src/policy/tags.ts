import { cacheGroups } from "./cache-groups.ts";
import { type FieldLines, fieldLineValues, trimOws } from "./fields.ts";

/** As many as any CDN takes of one response (RFC 9875 §2 asks for 32 groups of 32 characters at least). */
export const MAX_TAGS = 1000;
/** Characters of one tag. */
export const MAX_TAG_LENGTH = 1024;
/** Characters of all tags of one response. */
const MAX_TAGS_LENGTH = 32 * 1024;

/** Begins a tag that is no group: no group holds a tab (RFC 9651 §3.3.3), and no tag begins with one. */
const NO_GROUP = "\t";

/** The name by which a purge of a tag finds it, a group (RFC 9875 §2.1) or another. */
export const tagName = (tag: string): string => (tag.startsWith(NO_GROUP) ? tag.slice(1) : tag);

/** Is it one of the origin's groups (RFC 9875), which the answers to its unsafe requests invalidate, too? */
export const isGroup = (tag: string): boolean => !tag.startsWith(NO_GROUP);

/** How the tags in a field are divided; fields that nobody has specified may use spaces or commas. */
const DIVIDERS: Readonly<Record<string, RegExp>> = {
  "surrogate-key": /[ \t]+/,
  "cache-tag": /,/,
};
const ANY_DIVIDER = /[ \t,]+/;

/** The tags in the lines of one field (RFC 9110 §5.2); of those with an empty name there are none. `name` is lower-case. */
export function fieldTags(lines: FieldLines, name: string): string[] {
  const divider = DIVIDERS[name] ?? ANY_DIVIDER;
  return fieldLineValues(lines, name)
    .flatMap((value) => value.split(divider).map(trimOws))
    .filter((tag) => tag !== "");
}

/**
 * What a response can be purged by: the groups it belongs to (RFC 9875 §2), and the tags in the other fields that
 * `tagFields` (lower-case) names. Undefined where these are more than can be kept: a response that
 * only some of its tags would reach must not be stored.
 */
export function responseTags(
  fields: FieldLines,
  uri: string,
  tagFields: readonly string[],
): readonly string[] | undefined {
  const groups = new Set(cacheGroups(fields, uri, tagFields.includes("cache-groups")));
  const tags = new Set<string>(groups);
  for (const name of tagFields) {
    if (name === "cache-groups") continue;
    for (const tag of fieldTags(fields, name)) if (!groups.has(tag)) tags.add(NO_GROUP + tag);
  }
  return tags.size === 0 ? [] : bounded([...tags]);
}

/** Both, as parts of one representation are combined (RFC 9111 §3.4); undefined where that is more than can be kept. */
export const joinedTags = (a: readonly string[], b: readonly string[]): readonly string[] | undefined =>
  b.length === 0 ? a : bounded([...new Set([...a, ...b])]);

function bounded(tags: readonly string[]): readonly string[] | undefined {
  let length = 0;
  for (const tag of tags) {
    if (tag.length > MAX_TAG_LENGTH) return undefined;
    length += tag.length;
  }
  return tags.length > MAX_TAGS || length > MAX_TAGS_LENGTH ? undefined : tags;
}
