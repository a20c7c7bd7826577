import type { RedisAddress, RedisServer } from "./redis-address.ts";

export interface Credentials {
  /** Certificates in PEM that a server's is checked against, instead of the well-known ones. */
  readonly ca?: string;
  readonly sentinelPassword?: string;
}

const CONNECT_TIMEOUT_MS = 1000;
/** A peer that does not close its side is not waited for. */
const DISCONNECT_TIMEOUT_MS = 100;
const SHORTEST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1000;

/** Milliseconds before the n-th reconnection (from 1): doubling, bounded, and never the same for all instances. */
export const retryDelay = (attempt: number, random: () => number = Math.random): number =>
  Math.round(Math.min(LONGEST_RETRY_MS, SHORTEST_RETRY_MS * 2 ** (attempt - 1)) * (0.5 + random() / 2));

/** What every connection to a server of this address has in common. In a Cluster, the server is not among it. */
export function redisOptions(address: RedisAddress, { ca, sentinelPassword }: Credentials) {
  const tls = address.tls ? { tls: ca === undefined ? {} : { ca } } : {};
  return {
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password }),
    ...tls,
    ...(address.topology === "single" ? at(address.server) : {}),
    ...(address.topology === "sentinel"
      ? {
          sentinels: [...address.sentinels],
          name: address.master,
          ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
          ...(address.tls ? { enableTLSForSentinelMode: true, sentinelTLS: tls.tls } : {}),
          sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
          sentinelRetryStrategy: (attempt: number) => retryDelay(attempt),
        }
      : {}),
    ...(address.topology === "cluster" ? {} : { db: address.db }),
    connectionName: "freshline",
    disableClientInfo: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    // A command that failed was given up: sent again later, it could undo a newer one.
    autoResendUnfulfilledCommands: false,
    retryStrategy: (attempt: number) => retryDelay(attempt),
  };
}

export type CommonOptions = ReturnType<typeof redisOptions>;

export const at = ({ host, port }: RedisServer): { host: string; port: number } => ({ host, port });
