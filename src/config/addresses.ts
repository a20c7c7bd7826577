import { BlockList, isIP, isIPv6 } from "node:net";
import { type Kind, list, type Parsed, value, wrong } from "./kinds.ts";

const hasScheme = (text: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(text);

/** The host[:port] at the beginning of a text, when it may be shown in a sentence as it stands. */
const plainAuthority = (text: string): string | undefined =>
  /^[\w.-]{1,100}(:\d{1,5})?(?=$|[/?#])(?!.*@)/s.exec(text)?.[0];

/** A longer host is none. */
const LONGEST_HOST = 255;

/** Is its host one, and no part of a password? There may be a `/` in that, and it looks like a host then. */
const hasPlainHost = ({ host }: URL, text: string): boolean =>
  host.length <= LONGEST_HOST &&
  (!text.includes("@") || text.toLowerCase().startsWith(host, text.lastIndexOf("@") + 1));

/** A server as scheme://host[:port], lower-case, without a default port: no path, query or credentials. */
export const originUrl: Kind<string> = {
  name: "url",
  flag: "value",
  parse(text) {
    if (!hasScheme(text) && !/^https?:/i.test(text)) {
      return wrong(text, "has no scheme", `http://${plainAuthority(text) ?? "host:port"}`);
    }
    const url = hasScheme(text) ? URL.parse(text) : null;
    if (url === null) return wrong(text, "is not a URL", "one such as http://localhost:4001");
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      return wrong(text, `has the scheme ${url.protocol.slice(0, -1)}`, "http or https");
    }
    const origin = hasPlainHost(url, text) ? url.origin : `${url.protocol}//host:port`;
    if (url.username !== "" || url.password !== "") return wrong(text, "has credentials", origin);
    if (url.pathname !== "/" || url.search !== "") return wrong(text, "has a path or a query", origin);
    if (url.hash !== "") return wrong(text, "has a fragment", origin);
    if (url.port === "0") return wrong(text, "has port 0", "a port from 1 to 65535");
    return value(url.origin);
  },
};

/** `address/prefix`; a lone address is a range of one. */
export const addressRange: Kind<string> = {
  name: "ranges",
  flag: "value",
  parse(text) {
    const [address = "", prefix, ...rest] = text.split("/");
    const family = address.includes("%") ? 0 : isIP(address);
    const bits = family === 4 ? 32 : 128;
    const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    return family !== 0 && length <= bits && rest.length === 0
      ? value(`${address}/${length}`)
      : wrong(text, "is not an address range", "one such as 10.0.0.0/8 or 2001:db8::/32");
  },
};

const originUrls = list("urls", originUrl);

/** `*`, or a list of origins in the browser's sense (RFC 6454 §7). */
export const corsOrigins: Kind<"*" | readonly string[]> = {
  name: "*|urls",
  flag: "list",
  parse(text): Parsed<"*" | readonly string[]> {
    const members = text.split(",").map((member) => member.trim());
    if (!members.includes("*")) return originUrls.parse(text);
    return members.every((member) => member === "*" || member === "")
      ? value("*")
      : wrong(text, "names origins beside *", "* alone, or a list without it");
  },
};

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8);
LOOPBACK.addAddress("::1", "ipv6");

/** Can only this machine reach it? */
export const isLoopback = (host: string): boolean =>
  host.toLowerCase() === "localhost" ||
  (isIP(host) !== 0 && LOOPBACK.check(host, isIPv6(host) ? "ipv6" : "ipv4"));
