import { NOTHING_ASKED } from "../policy/cache-control.ts";
import { authorityOf, primaryKey } from "../policy/key.ts";
import { Cutter } from "./cut.ts";
import type { CacheRequest } from "./exchange.ts";

/** A plain GET that no client asked for, but the proxy itself. */
export const ownRequest = (
  id: string,
  proto: "http" | "https",
  host: string,
  target: string,
): CacheRequest => ({
  id,
  method: "GET",
  uri: primaryKey(proto, host, target),
  target,
  host: authorityOf(proto, host),
  fields: [],
  forwarded: { for: "127.0.0.1", host: authorityOf(proto, host), proto },
  directives: NOTHING_ASKED,
  hasBody: false,
  signal: new Cutter(),
});
