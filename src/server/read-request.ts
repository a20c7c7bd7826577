import { METHODS } from "node:http";
import type { BlockList } from "node:net";
import type { CacheRequest } from "../cache/exchange.ts";
import { NOTHING_ASKED, requestDirectives } from "../policy/cache-control.ts";
import { type FieldLines, fieldLineValues } from "../policy/fields.ts";
import { forwardsLeft } from "../policy/forwarding.ts";
import { primaryKey, withoutParameters } from "../policy/key.ts";
import { type Content, type ContentLimits, contentOf, TOO_LONG } from "./content.ts";
import { freshId } from "./fresh-id.ts";
import { HTTP2, type Incoming, type KnownLines } from "./incoming.ts";
import { NO_TUNNEL, UNKNOWN_METHOD, type Wrong } from "./malformed.ts";
import { type Connection, forwardedFor, isHost } from "./peer.ts";

export interface ReadingSettings extends ContentLimits {
  /** Another one since any of these settings changed: what was made by them is to be made anew. */
  readonly revision: number;
  /** The longest request-target that is taken. */
  readonly maxUrlBytes: number;
  /** The most field lines that are taken; less than Node reads before it drops the others. */
  readonly maxHeaderCount: number;
  readonly clientDirectives: "honour" | "ignore";
  readonly ignoredParameters: readonly string[];
  readonly trustedProxies: BlockList;
  /** For HTTP/1.0 clients, which need not send Host. */
  readonly defaultHost: string;
}

export type ReadRequest =
  | {
      readonly type: "request";
      readonly request: CacheRequest;
      /** What it is to be refused for after all, once its body has broken a limit. */
      readonly spoilt: () => Wrong | undefined;
    }
  /** It goes no further than this hop. */
  | { readonly type: "for-us"; readonly id: string }
  | ({ readonly type: "refused"; readonly id: string } & Wrong);

/** One request as the cache wants it: bytes as they came, its key, its peer. */
export function readRequest(
  incoming: Incoming,
  client: Pick<CacheRequest, "signal" | "onInterim">,
  settings: ReadingSettings,
): ReadRequest {
  const { facts, rawHeaders: fields } = incoming;
  if (facts !== undefined && facts.revision === settings.revision)
    return readPlain(incoming, facts, client, settings);
  const id = requestId(fields);
  const refused = (wrong: Wrong) => ({ type: "refused", id, ...wrong }) as const;
  const wrong = wrongWith(incoming, settings);
  if (wrong !== undefined) return refused(wrong);
  const asked = targetAndHost(incoming, settings.defaultHost);
  if (typeof asked === "string") return refused({ status: 400, detail: asked });
  if (isForUs(incoming, asked)) return { type: "for-us", id };

  const said = sectionFacts(fields, asked.host, peerOf(incoming.socket), settings);
  const site = primaryKey(said.forwarded.proto, said.forwarded.host, "");
  const content = contentOf(incoming, settings);
  const request = requestOf(incoming, id, { ...said, site }, asked.target, client, settings, content);
  return { type: "request", request, spoilt: content?.wrong ?? nothing };
}

const nothing = (): undefined => undefined;

/** The same of one whose field lines were read: its target is left. */
function readPlain(
  incoming: Incoming,
  facts: KnownLines,
  client: Pick<CacheRequest, "signal" | "onInterim">,
  settings: ReadingSettings,
): ReadRequest {
  const { url = "/", rawHeaders: fields } = incoming;
  const id = facts.id ?? freshId();
  const wrong = tooLong(url, settings) ?? tooMany(fields, settings);
  if (wrong !== undefined) return { type: "refused", id, ...wrong };
  const request = requestOf(incoming, id, facts, url, client, settings);
  return { type: "request", request, spoilt: nothing };
}

function requestOf(
  { method = "GET", rawHeaders: fields, httpVersion }: Incoming,
  id: string,
  { forwarded, directives, site }: Pick<KnownLines, "forwarded" | "directives" | "site">,
  asked: string,
  client: Pick<CacheRequest, "signal" | "onInterim">,
  settings: ReadingSettings,
  content?: Content,
): CacheRequest {
  const target = withoutParameters(asked, settings.ignoredParameters);
  return {
    id,
    method,
    uri: site + target,
    target,
    host: forwarded.host,
    fields,
    forwarded,
    httpVersion,
    directives,
    hasBody: content !== undefined,
    // No getter: one for each request gives each a shape of its own, by which V8 keeps all of it until a full collection.
    signal: client.signal,
    ...(client.onInterim === undefined ? {} : { onInterim: client.onInterim }),
    ...(content === undefined ? {} : { body: content.body }),
  };
}

/** What a field section says of a request to this host, whatever its target. */
export function sectionFacts(
  fields: FieldLines,
  host: string,
  peer: Connection,
  settings: ReadingSettings,
): Pick<CacheRequest, "forwarded" | "directives"> {
  return {
    forwarded: forwardedFor(fields, host, peer, settings.trustedProxies),
    directives: settings.clientDirectives === "honour" ? requestDirectives(fields) : NOTHING_ASKED,
  };
}

export const peerOf = ({ remoteAddress, encrypted }: Connection): Connection => ({
  remoteAddress,
  encrypted: encrypted === true,
});

const requestId = (fields: FieldLines): string => givenId(fields) ?? freshId();

/** The client's own id when it is one that logs can carry, and pages that repeat it: no markup, no URL. */
export function givenId(fields: FieldLines): string | undefined {
  const [given] = fieldLineValues(fields, "x-request-id");
  return given !== undefined && /^(?!.*\/\/)[\w.:~+/=-]{1,128}$/.test(given) ? given : undefined;
}

/** What no request may be, whatever it asks for: of another version, beyond a limit, or of unknown length. */
function wrongWith(incoming: Incoming, settings: ReadingSettings): Wrong | undefined {
  const { httpVersion, method = "GET", url = "/", rawHeaders, headers } = incoming;
  // Node's parser knows HTTP/0.9 and 2.0 as well (RFC 9110 §15.6.6).
  if (httpVersion !== "1.1" && httpVersion !== "1.0" && httpVersion !== HTTP2)
    return { status: 505, detail: "no version of HTTP but 1.1 and 1.0 is spoken here" };
  // In HTTP/1 the parser has refused them before.
  if (method === "CONNECT") return NO_TUNNEL;
  if (!METHODS.includes(method)) return UNKNOWN_METHOD;
  const tooMuch = tooLong(url, settings) ?? tooMany(rawHeaders, settings);
  if (tooMuch !== undefined) return tooMuch;
  if (Number(headers["content-length"] ?? 0) > settings.maxBodyBytes) return TOO_LONG;
  const coding = headers["transfer-encoding"];
  if (coding === undefined) return undefined;
  // Whoever does not know chunks cannot have framed them (RFC 9112 §6.1).
  if (httpVersion < "1.1") return { status: 400, detail: "Transfer-Encoding is not known to HTTP/1.0" };
  // Node takes off the chunks alone: what is below them would pass for the content (RFC 9112 §6.1).
  if (coding.toLowerCase() !== "chunked")
    return { status: 501, detail: "no transfer coding but chunked is known" };
  return undefined;
}

export const tooLong = (target: string, { maxUrlBytes }: ReadingSettings): Wrong | undefined =>
  target.length > maxUrlBytes ? { status: 414, detail: "the request-target is too long" } : undefined;

export const tooMany = (fields: FieldLines, { maxHeaderCount }: ReadingSettings): Wrong | undefined =>
  fields.length > 2 * maxHeaderCount
    ? { status: 431, detail: "the request has too many header fields" }
    : undefined;

/** The request-target in origin form and the host asked for (RFC 9112 §3.2), or what is wrong with them. */
function targetAndHost(incoming: Incoming, defaultHost: string): Asked | string {
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
const isForUs = ({ method = "GET", rawHeaders }: Incoming, { target }: Asked): boolean =>
  method === "TRACE" ||
  (method === "OPTIONS" && (target === "*" || forwardsLeft({ method, fields: rawHeaders }) === 0));
