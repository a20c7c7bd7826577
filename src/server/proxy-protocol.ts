import { isIPv4, isIPv6, SocketAddress } from "node:net";

/** What a PROXY header says. */
export interface ProxyHeader {
  /** The address of the client, or NOBODY; undefined where the connection is the proxy's own, a check of ours for instance. */
  readonly client: string | undefined;
  /** Where what the client has sent begins. */
  readonly end: number;
}

/** A client that the proxy cannot name. It is not the proxy, and must not be believed as that is. */
const NOBODY = "unknown";

const V1 = Buffer.from("PROXY ");
const V2 = Buffer.from("\r\n\r\n\0\r\nQUIT\n");
/** Its longest line, the end of it included (PROXY protocol §2.1). */
const V1_BYTES = 107;
const V2_HEAD_BYTES = 16;
/** Addresses and all that proxies say beside them: certificates of clients are not asked for here. */
const V2_BYTES = V2_HEAD_BYTES + 4096;

/**
 * Reads the header of the PROXY protocol, version 1 or 2, that a connection begins with. `incomplete`: what is there may
 * become one; `malformed`: it is none, or one of another protocol than TCP. What version 2 says beside addresses is skipped.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | "incomplete" | "malformed" {
  if (bytes.length === 0) return "incomplete";
  if (begins(bytes, V1)) return bytes.length < V1.length ? "incomplete" : readV1(bytes);
  if (begins(bytes, V2)) return bytes.length < V2_HEAD_BYTES ? "incomplete" : readV2(bytes);
  return "malformed";
}

/** Are they, as far as they go, those of a signature? */
const begins = (bytes: Buffer, signature: Buffer): boolean => {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0;
};

function readV1(bytes: Buffer): ProxyHeader | "incomplete" | "malformed" {
  const at = bytes.subarray(0, V1_BYTES).indexOf("\r\n");
  if (at === -1) return bytes.length < V1_BYTES ? "incomplete" : "malformed";
  const end = at + 2;
  const [, protocol, ...rest] = bytes.toString("latin1", 0, at).split(" ");
  if (protocol === "UNKNOWN") return { client: NOBODY, end };
  const [client = "", server = "", clientPort = "", serverPort = ""] = rest;
  const isAddress = protocol === "TCP4" ? isIPv4 : protocol === "TCP6" ? isPlainIPv6 : undefined;
  const good =
    rest.length === 4 &&
    isAddress?.(client) === true &&
    isAddress(server) &&
    [clientPort, serverPort].every((port) => /^(?:0|[1-9]\d{0,4})$/.test(port) && Number(port) <= 65_535);
  return good ? { client: canonical(client), end } : "malformed";
}

/** As the system itself writes it: an address has one name among those that are trusted. */
const canonical = (address: string): string =>
  new SocketAddress({ address, family: isIPv6(address) ? "ipv6" : "ipv4" }).address;

const isPlainIPv6 = (text: string): boolean => isIPv6(text) && !text.includes("%");

const LOCAL = 0x20;
const PROXY = 0x21;
const FAMILIES = { unspecified: 0x00, tcp4: 0x11, tcp6: 0x21, unix: 0x31 };

function readV2(bytes: Buffer): ProxyHeader | "incomplete" | "malformed" {
  const command = bytes[12];
  const family = bytes[13];
  const end = V2_HEAD_BYTES + bytes.readUInt16BE(14);
  if ((command !== LOCAL && command !== PROXY) || end > V2_BYTES) return "malformed";
  if (bytes.length < end) return "incomplete";
  // Whatever else it says is to be ignored.
  if (command === LOCAL) return { client: undefined, end };
  const addresses = bytes.subarray(V2_HEAD_BYTES, end);
  switch (family) {
    case FAMILIES.tcp4:
      return addresses.length < 12 ? "malformed" : { client: addresses.subarray(0, 4).join("."), end };
    case FAMILIES.tcp6: {
      if (addresses.length < 36) return "malformed";
      const groups = Array.from({ length: 8 }, (_, i) => addresses.readUInt16BE(2 * i).toString(16));
      return { client: canonical(groups.join(":")), end };
    }
    case FAMILIES.unspecified:
      return { client: NOBODY, end };
    case FAMILIES.unix:
      return addresses.length < 216 ? "malformed" : { client: NOBODY, end };
    default:
      return "malformed";
  }
}
