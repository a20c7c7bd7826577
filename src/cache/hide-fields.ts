import { hasField, withoutFields } from "../policy/fields.ts";
import { rememberingLinesOf } from "../policy/repeated-lines.ts";
import type { CacheRequest, CacheResponse, Looked } from "./exchange.ts";
import type { Handle } from "./handle.ts";

/** An answer as clients see it. */
export type Hide = (response: CacheResponse) => CacheResponse;

/** The same answer without these fields (lower-case names). */
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

/** The same answers without these fields (lower-case names), which stay where they are stored. */
export function hideFields(handle: Handle, hidden: ReadonlySet<string>): Handle {
  if (hidden.size === 0) return handle;
  const hide = hiding(hidden);
  return (request: CacheRequest, looked?: Looked) => handle(request, looked).then(hide);
}
