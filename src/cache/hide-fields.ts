import { hasField, withoutFields } from "../policy/fields.ts";
import { rememberingLinesOf } from "../policy/repeated-lines.ts";
import type { CacheResponse } from "./exchange.ts";

/** An answer as clients see it. */
export type Hide = (response: CacheResponse) => CacheResponse;

/** The same answer without these fields (lower-case names), which stay where they are stored. */
export function hiding(hidden: ReadonlySet<string>): Hide {
  const shown = rememberingLinesOf((lines) => {
    for (const name of hidden) if (hasField(lines, name)) return withoutFields(lines, hidden);
    return lines;
  });
  return (response) => {
    const fields = shown(response.fields);
    return fields === response.fields ? response : { ...response, fields };
  };
}
