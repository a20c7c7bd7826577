import { BlockList, isIP, isIPv6 } from "node:net";
import { type FieldLines, fieldValue, listMembers, trimOws } from "../policy/fields.ts";
import type { ForwardedFor } from "../policy/forwarding.ts";
import { authorityOf } from "../policy/key.ts";

/** Whence a request came, as a socket says it; only those of TLS say `encrypted`. */
export interface Connection {
  readonly remoteAddress?: string | undefined;
  readonly encrypted?: boolean | undefined;
}

/** Where there are no ranges nobody need be looked for in them. */
const EMPTY = new WeakSet<BlockList>();

/** The peers in these ranges, each as address/prefix. */
export function trustedPeers(ranges: readonly string[]): BlockList {
  const peers = new BlockList();
  if (ranges.length === 0) EMPTY.add(peers);
  for (const range of ranges) {
    const [address = "", prefix] = range.split("/");
    peers.addSubnet(address, Number(prefix), isIPv6(address) ? "ipv6" : "ipv4");
  }
  return peers;
}

const MAPPED = "::ffff:";

/**
 * Whom does a request come from, and what did they ask for? X-Forwarded-* counts only where
 * the peer is a trusted proxy; anybody else's is replaced, not believed. The host is as it is in the key.
 */
export function forwardedFor(
  fields: FieldLines,
  host: string,
  peer: Connection,
  trusted: BlockList,
): ForwardedFor {
  const address = withoutMapping(peer.remoteAddress ?? "unknown");
  const ours = peer.encrypted === true ? "https" : "http";
  if (!isAmong(address, trusted)) return { for: address, host: authorityOf(ours, host), proto: ours };
  const before = fieldValue(fields, "x-forwarded-for");
  const claimedHost = first(fields, "x-forwarded-host");
  const claimedProto = first(fields, "x-forwarded-proto")?.toLowerCase();
  const proto = claimedProto === "http" || claimedProto === "https" ? claimedProto : ours;
  const asked = claimedHost !== undefined && isHost(claimedHost) ? claimedHost : host;
  return {
    for: before === undefined ? address : `${before}, ${address}`,
    host: authorityOf(proto, asked),
    proto,
  };
}

/**
 * Who sent a request, as far as anybody trusted has said: the nearest address on its way that is no
 * trusted proxy's, or the first on the way. Undefined where that is no address.
 */
export function clientAddress(
  fields: FieldLines,
  remoteAddress: string | undefined,
  trusted: BlockList,
): string | undefined {
  let address = withoutMapping(remoteAddress ?? "");
  const claimed = addressesIn(fieldValue(fields, "x-forwarded-for") ?? "").reverse();
  for (const before of claimed) {
    if (!isAmong(address, trusted)) break;
    address = withoutMapping(before);
  }
  return isIP(address) === 0 ? undefined : address;
}

/** No address is in quotes: a client's stray quotation mark must not hide what proxies have added behind it. */
const addressesIn = (value: string): string[] =>
  value
    .split(",")
    .map(trimOws)
    .filter((member) => member !== "");

const first = (fields: FieldLines, name: string): string | undefined => {
  const value = fieldValue(fields, name);
  return value === undefined ? undefined : listMembers(value)[0];
};

/** An IPv4 address as it is written, where it comes as one of IPv6. */
export const withoutMapping = (address: string): string =>
  address.startsWith(MAPPED) && address.includes(".") ? address.slice(MAPPED.length) : address;

/** Is it an address in one of these ranges? */
export const isAmong = (address: string, ranges: BlockList): boolean =>
  !EMPTY.has(ranges) && isIP(address) !== 0 && ranges.check(address, isIPv6(address) ? "ipv6" : "ipv4");

/** A Host's grammar, strictly: a name, IPv4 or bracketed IPv6 address, and a port (RFC 9110 §7.2). */
export function isHost(text: string): boolean {
  const host = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/.exec(text);
  return host !== null && text.length <= 255 && Number(host[1] ?? 0) <= 65_535;
}
