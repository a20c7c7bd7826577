import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { BlockList } from "node:net";
import type { TLSSocket } from "node:tls";
import type { CacheRequest } from "../cache/exchange.ts";
import type { RequestBody } from "../cache/ports.ts";
import { NOTHING_ASKED, requestDirectives } from "../policy/cache-control.ts";
import { fieldLineValues } from "../policy/fields.ts";
import { forwardsLeft } from "../policy/forwarding.ts";
import { primaryKey, withoutParameters } from "../policy/key.ts";
import { forwardedFor, isHost } from "./peer.ts";

export interface ReadingSettings {
  readonly clientDirectives: "honour" | "ignore";
  readonly ignoredParameters: readonly string[];
  readonly trustedProxies: BlockList;
  /** For HTTP/1.0 clients, which need not send Host. */
  readonly defaultHost: string;
}

export type ReadRequest =
  | { readonly type: "request"; readonly request: CacheRequest }
  /** It goes no further than this hop. */
  | { readonly type: "for-us"; readonly id: string }
  | { readonly type: "refused"; readonly id: string; readonly status: 400 | 501; readonly detail: string };

/** One request as the cache wants it: bytes as they came, its key, its peer. */
export function readRequest(
  incoming: IncomingMessage,
  client: Pick<CacheRequest, "signal" | "onInterim">,
  settings: ReadingSettings,
): ReadRequest {
  const fields = incoming.rawHeaders;
  const id = requestId(fields);
  const asked = targetAndHost(incoming, settings.defaultHost);
  if (typeof asked === "string") return { type: "refused", id, status: 400, detail: asked };
  const coding = incoming.headers["transfer-encoding"];
  if (coding !== undefined && incoming.httpVersion < "1.1") {
    // Whoever does not know chunks cannot have framed them (RFC 9112 §6.1).
    return { type: "refused", id, status: 400, detail: "Transfer-Encoding is not known to HTTP/1.0" };
  }
  if (coding !== undefined && coding.toLowerCase() !== "chunked") {
    // Node takes off the chunks alone: what is below them would pass for the content (RFC 9112 §6.1).
    return { type: "refused", id, status: 501, detail: "no transfer coding but chunked is known" };
  }
  if (isForUs(incoming, asked)) return { type: "for-us", id };

  const socket = incoming.socket;
  const peer = { remoteAddress: socket.remoteAddress, encrypted: (socket as TLSSocket).encrypted === true };
  const forwarded = forwardedFor(fields, asked.host, peer, settings.trustedProxies);
  const target = withoutParameters(asked.target, settings.ignoredParameters);
  const body = bodyOf(incoming);
  const request: CacheRequest = {
    id,
    method: incoming.method ?? "GET",
    uri: primaryKey(forwarded.proto, forwarded.host, target),
    target,
    host: forwarded.host,
    fields,
    forwarded,
    directives: settings.clientDirectives === "honour" ? requestDirectives(fields) : NOTHING_ASKED,
    hasBody: body !== undefined,
    ...client,
    ...(body === undefined ? {} : { body }),
  };
  return { type: "request", request };
}

/** The client's own id when it is one that logs can carry, else a new one. */
function requestId(fields: readonly string[]): string {
  const [given] = fieldLineValues(fields, "x-request-id");
  return given !== undefined && /^[\w.:~+/=-]{1,128}$/.test(given) ? given : randomUUID();
}

/** The request-target in origin form and the host asked for (RFC 9112 §3.2), or what is wrong with them. */
function targetAndHost(incoming: IncomingMessage, defaultHost: string): Asked | string {
  const hosts = fieldLineValues(incoming.rawHeaders, "host");
  if (hosts.length > 1) return "Host is given more than once";
  const given = hosts[0] ?? (incoming.httpVersion === "1.0" ? defaultHost : undefined);
  if (given === undefined) return "Host is missing";
  if (!isHost(given)) return "Host is not a host";
  const url = incoming.url ?? "/";
  // Resolved before it is sent (RFC 9112 §3.2), and no character of the rest (RFC 3986 §3.5).
  if (url.includes("#")) return "the request-target has a fragment";
  if (url.startsWith("/")) return { target: url, host: given };
  // Absolute form: its authority is the one that counts (RFC 9112 §3.2.2).
  const absolute = /^https?:\/\/([^/?]+)(.*)$/i.exec(url);
  if (!absolute) return "the request-target is neither a path nor an absolute URI";
  const [, host = "", rest = ""] = absolute;
  if (!isHost(host)) return "the request-target's host is not a host";
  if (rest === "" && incoming.method === "OPTIONS") return { target: "*", host };
  return { target: rest.startsWith("/") ? rest : `/${rest}`, host };
}

interface Asked {
  readonly target: string;
  readonly host: string;
}

/**
 * Does this request end here? TRACE always does: an origin would send back what this hop has added,
 * and credentials that a script may not see. OPTIONS does when it asks about the server as a
 * whole (RFC 9110 §9.3.7), or may be forwarded no more (§7.6.2).
 */
const isForUs = ({ method = "GET", rawHeaders }: IncomingMessage, { target }: Asked): boolean =>
  method === "TRACE" ||
  (method === "OPTIONS" && (target === "*" || forwardsLeft({ method, fields: rawHeaders }) === 0));

function bodyOf(incoming: IncomingMessage): RequestBody | undefined {
  const { "content-length": length, "transfer-encoding": coding } = incoming.headers;
  if (coding === undefined && (length === undefined || Number(length) === 0)) return undefined;
  // An origin that answers early must not cost the client its connection. Trailer fields are
  // dropped, as they may be (RFC 9110 §6.5.1): nothing here could judge them before they are sent.
  const stream = {
    [Symbol.asyncIterator]: () => incoming.iterator({ destroyOnReturn: false })[Symbol.asyncIterator](),
  };
  return coding === undefined ? { stream, length: Number(length) } : { stream };
}
