import type { Emit } from "../cache/events.ts";
import type { Hits } from "../cache/hit.ts";
import type { FixedConfig } from "../config.ts";
import type { AppSettings, ProxiedApp } from "../server/app.ts";
import { createAtOnce } from "../server/lane/at-once.ts";
import { type Listening, listen } from "../server/listen.ts";
import type { createUpgradeHandler } from "../server/upgrade.ts";
import { type Certificates, tlsSettings } from "./certificates.ts";
import type { TicketSecrets } from "./ticket-secrets.ts";
import type { Tracing } from "./tracing.ts";

type OnUpgrade = ReturnType<typeof createUpgradeHandler>["onUpgrade"];

interface ProxiedDeps {
  readonly config: FixedConfig;
  readonly app: ProxiedApp;
  readonly onUpgrade: OnUpgrade;
  readonly hits: Hits;
  readonly hold: (body: Uint8Array) => () => void;
  readonly settings: AppSettings;
  readonly certificates: Certificates;
  readonly tickets: TicketSecrets;
  /** Other workers of this program listen on the port as well. */
  readonly portIsShared: boolean;
  /** Absent where nobody wants traces. */
  readonly tracing: Tracing | undefined;
  readonly emit: Emit;
  readonly elapsed: () => number;
}

/** Opens the ports that clients ask. Rejects with Node's error when one cannot be had. */
export async function openProxied(deps: ProxiedDeps): Promise<Listening> {
  const { config, app, onUpgrade, hits, hold, settings, certificates, tickets, tracing, emit, elapsed } =
    deps;
  const keepAliveTimeoutMs = config.KEEP_ALIVE_TIMEOUT;
  const tls = tlsSettings(config, certificates, tickets.secret);
  const listening = {
    port: config.PORT,
    host: config.HOST,
    maxConnections: config.MAX_CONNECTIONS,
    maxHeaderBytes: config.MAX_HEADER_BYTES,
    maxUrlBytes: config.MAX_URL_BYTES,
    headersTimeoutMs: config.HEADERS_TIMEOUT,
    requestTimeoutMs: config.REQUEST_TIMEOUT,
    keepAliveTimeoutMs,
    portIsShared: deps.portIsShared,
    ...(tls === undefined ? {} : { tls }),
    ...(config.PROXY_PROTOCOL === "on" ? { proxies: settings } : {}),
  };
  const atOnce = createAtOnce({ hits, emit, hold, settings, keepAliveTimeoutMs, elapsed });
  const lane = config.PLAIN_LANE === "on" ? (tracing?.lane(atOnce) ?? atOnce) : undefined;
  const proxied = await listen(app, tracedUpgrade(onUpgrade, tracing), listening, lane);
  if (proxied.replaceCertificates !== undefined) certificates.follow(proxied.replaceCertificates);
  if (proxied.renewTickets !== undefined) tickets.follow(proxied.renewTickets);
  return proxied;
}

const tracedUpgrade = (onUpgrade: OnUpgrade, tracing: Tracing | undefined): OnUpgrade =>
  tracing === undefined
    ? onUpgrade
    : (incoming, ...rest) =>
        tracing.request(incoming.rawHeaders, undefined, () => onUpgrade(incoming, ...rest));
