import { hasField, withoutFields } from "../policy/fields.ts";
import type { CacheRequest, CacheResponse, Looked } from "./exchange.ts";
import type { Handle } from "./handle.ts";

/** The same answers without these fields (lower-case names), which stay where they are stored. */
export function hideFields(handle: Handle, hidden: ReadonlySet<string>): Handle {
  if (hidden.size === 0) return handle;
  return (request: CacheRequest, looked?: Looked) =>
    handle(request, looked).then((response) => withHidden(response, hidden));
}

/** The same answer without these fields (lower-case names). */
export function withHidden(response: CacheResponse, hidden: ReadonlySet<string>): CacheResponse {
  for (const name of hidden)
    if (hasField(response.fields, name))
      return { ...response, fields: withoutFields(response.fields, hidden) };
  return response;
}
