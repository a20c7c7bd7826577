import type { BlockList } from "node:net";
import type { CacheRequest, CacheResponse } from "../cache/exchange.ts";
import { fieldValue } from "../policy/fields.ts";
import { DEBUG_FIELD, TRACE_FIELD } from "../policy/trace.ts";
import { clientAddress, isAmong } from "./peer.ts";

/** The answer with what led to it, where its request asks for that and may; undefined where it is as it is. */
export type AddTrace = (
  request: CacheRequest,
  remoteAddress: string | undefined,
  response: CacheResponse,
) => Promise<CacheResponse> | undefined;

interface TracingDeps {
  /** Who may ask (DEBUG_ALLOW); undefined where nobody may. */
  readonly settings: { readonly debugAllowed: BlockList | undefined; readonly trustedProxies: BlockList };
  /** What led to this answer, as a field value. Does not change what is stored. */
  readonly trace: (request: CacheRequest, response: CacheResponse) => Promise<string>;
}

export function createTracing({ settings, trace }: TracingDeps): AddTrace {
  return (request, remoteAddress, response) => {
    const { debugAllowed, trustedProxies } = settings;
    if (debugAllowed === undefined || fieldValue(request.fields, DEBUG_FIELD) !== "1") return undefined;
    const client = clientAddress(request.fields, remoteAddress, trustedProxies);
    if (client === undefined || !isAmong(client, debugAllowed)) return undefined;
    return traced(request, response);
  };

  async function traced(request: CacheRequest, response: CacheResponse): Promise<CacheResponse> {
    return { ...response, fields: [...response.fields, TRACE_FIELD, await trace(request, response)] };
  }
}
