import { isHostName, type Kind, value, wrong } from "./kinds.ts";

const FORM =
  /^(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?:(?<credentials>[^/?#]*)@)?(?<hosts>[^/?#]*)(?<path>[^?#]*)(?<query>\??[^#]*)(?<fragment>.*)$/is;

const EXAMPLE = "redis://localhost:6379";

/**
 * Where the shared Redis is, as the user wrote it: one server (redis:), some nodes of a Cluster
 * (redis-cluster:), or some Sentinels and the name of their master (redis-sentinel:); rediss… for TLS.
 */
export const redisUrl: Kind<string> = {
  name: "url",
  flag: "value",
  parse(text) {
    const parts = FORM.exec(text)?.groups;
    if (parts === undefined) return wrong(text, "has no scheme", `one such as ${EXAMPLE}`);
    // As they stand: the URL class would tidy them, and take away what the connection refuses.
    const { scheme = "", credentials = "", hosts = "", path = "", query = "", fragment = "" } = parts;
    const topology = /^rediss?(?<many>-(?:cluster|sentinel))?$/i.exec(scheme);
    if (topology === null) {
      return wrong(
        text,
        `has the scheme ${scheme}`,
        "redis, redis-cluster or redis-sentinel, or rediss… for TLS",
      );
    }
    const many = topology.groups?.["many"]?.toLowerCase();
    for (const host of many === undefined ? [hosts] : hosts.split(",")) {
      const url = /\s/.test(host) ? null : URL.parse(`redis://${host}`);
      if (url === null || url.hostname === "") {
        return wrong(
          text,
          "is not a URL",
          `one such as ${EXAMPLE} (in a password, write / as %2F, # as %23 and @ as %40)`,
        );
      }
      if (!isHostName(url.hostname.replace(/^\[(.*)\]$/, "$1"))) {
        return wrong(text, "names no host", "a name or an IP address, such as localhost or [::1]");
      }
      if (url.port === "0") return wrong(text, "has port 0", "a port from 1 to 65535");
    }
    if (!/^(\/\d{0,4})?$/.test(path)) {
      return wrong(text, "does not end in a database number", `one from 0 to 9999: ${EXAMPLE}/0`);
    }
    if (many === "-cluster" && Number(path.slice(1)) !== 0) {
      return wrong(text, "names a database", "none, since a Cluster has only one");
    }
    if (many === "-sentinel" && !/^\?master=[\w.-]+$/.test(query)) {
      return wrong(text, "does not name the master", "?master= and what the Sentinels call it at the end");
    }
    if (many !== "-sentinel" && query !== "") {
      return wrong(text, "has a query", "user and password before the host: redis://user:password@localhost");
    }
    if (fragment !== "") return wrong(text, "has a fragment", "# in a password to be written %23");
    if (!decodes(credentials)) {
      return wrong(text, "has a broken %-escape in its credentials", "% in a password to be written %25");
    }
    return value(text);
  },
};

/** Are its servers to be spoken to over TLS? Of a URL that `redisUrl` has taken. */
export const asksForTls = (url: string): boolean => /^rediss/i.test(url);

function decodes(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
