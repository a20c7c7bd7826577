import { type FieldLines, fieldValue } from "./fields.ts";
import { invalidates } from "./invalidate.ts";
import { siteOf } from "./key.ts";
import { searchGroup, searchVariance } from "./no-vary-search.ts";
import { readList } from "./structured-fields.ts";

/**
 * A structured-field list of strings (RFC 9875 §2, §3), parameters ignored. A field that is
 * malformed, or has a member that is no string, is ignored as a whole.
 */
function groupList(lines: FieldLines, name: string): string[] {
  const value = fieldValue(lines, name);
  if (value === undefined) return [];
  try {
    const groups: string[] = [];
    for (const [item] of readList(value)) {
      if (typeof item !== "string") return [];
      groups.push(item);
    }
    return [...new Set(groups)];
  } catch {
    return [];
  }
}

/** The groups a response belongs to: those that it names (RFC 9875 §2) if `named` count, and that of its path's searches. */
export function cacheGroups(response: FieldLines, uri: string, named = true): string[] {
  const groups = named ? groupList(response, "cache-groups") : [];
  if (searchVariance(response) === undefined) return groups;
  return [...groups, searchGroup(uri.slice(siteOf(uri).length))];
}

/** The groups that the answer to an unsafe request invalidates (RFC 9875 §3); none for safe methods and errors. */
export function invalidatedGroups(
  request: { readonly method: string },
  response: { readonly status: number; readonly fields: FieldLines },
): string[] {
  return invalidates(request, response) ? groupList(response.fields, "cache-group-invalidation") : [];
}
