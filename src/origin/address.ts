/** A server's origin; throws when it is not plain scheme://host[:port]. */
export function originOf(address: string): string {
  const url = new URL(address);
  const plain = url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  if (!plain || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new TypeError(`origin must be http(s)://host[:port], got ${address}`);
  }
  return url.origin;
}

/** An IPv6 address without the brackets that URLs put around it. */
export const bare = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, "$1");
