import type { Emit } from "../cache/events.ts";
import { primaryKey } from "../policy/key.ts";

/** How many scheme://host pairs are remembered; the one not seen for longest goes first. */
const CAPACITY = 64;

/**
 * Under which hosts is the proxy known?
 *
 * A primary key contains the client's Host, and someone who purges a path seldom knows it:
 * so the hosts of recent requests are remembered.
 */
export function createKnownHosts(defaults: readonly string[]): {
  readonly listen: Emit;
  keysFor(target: string, host?: string): readonly string[];
} {
  const seen = new Set<string>();
  return {
    listen(event) {
      if (event.type !== "answered") return;
      const end = event.uri.indexOf("/", event.uri.indexOf("://") + 3);
      if (end <= 0) return;
      const site = event.uri.slice(0, end);
      seen.delete(site);
      seen.add(site);
      if (seen.size > CAPACITY) for (const oldest of seen.values()) return void seen.delete(oldest);
    },
    keysFor(target, host) {
      if (host !== undefined) return [primaryKey("http", host, target), primaryKey("https", host, target)];
      const sites = new Set([...defaults.map((name) => primaryKey("http", name, "")), ...seen]);
      return [...sites].map((site) => site + target);
    },
  };
}
