import type { BlockList } from "node:net";
import type { CacheRequest, CacheResponse } from "../cache/exchange.ts";
import { fieldValue } from "../policy/fields.ts";
import { DEBUG_FIELD, TRACE_FIELD } from "../policy/trace.ts";
import { clientAddress, isAmong } from "./peer.ts";

/** Adds to an answer what led to it, where its request asks for that and may. */
export type AddTrace = (
  request: CacheRequest,
  remoteAddress: string | undefined,
  response: CacheResponse,
) => Promise<CacheResponse>;

interface TracingDeps {
  /** Who may ask (DEBUG_ALLOW). */
  readonly allowed: BlockList;
  readonly trustedProxies: BlockList;
  /** What led to this answer, as a field value. Does not change what is stored. */
  readonly trace: (request: CacheRequest, response: CacheResponse) => Promise<string>;
}

export function createTracing({ allowed, trustedProxies, trace }: TracingDeps): AddTrace {
  return async (request, remoteAddress, response) => {
    if (fieldValue(request.fields, DEBUG_FIELD) !== "1") return response;
    const client = clientAddress(request.fields, remoteAddress, trustedProxies);
    if (client === undefined || !isAmong(client, allowed)) return response;
    return { ...response, fields: [...response.fields, TRACE_FIELD, await trace(request, response)] };
  };
}
