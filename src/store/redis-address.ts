/** Where one Redis server, or one Sentinel, listens. */
export interface RedisServer {
  readonly host: string;
  readonly port: number;
}

/** What REDIS_URL says: which servers, in which topology, and as whom. */
export type RedisAddress = {
  readonly username?: string;
  readonly password?: string;
  readonly tls: boolean;
} & (
  | { readonly topology: "single"; readonly server: RedisServer; readonly db: number }
  /** Some of the cluster's nodes; they name the others. */
  | { readonly topology: "cluster"; readonly seeds: readonly RedisServer[] }
  | {
      readonly topology: "sentinel";
      readonly sentinels: readonly RedisServer[];
      /** What the Sentinels call the servers that they watch. */
      readonly master: string;
      readonly db: number;
    }
);

const EXPECTED =
  "expected redis://[user:password@]host[:port][/database], redis-cluster://host:port,… or redis-sentinel://host:port,…[/database]?master=name; rediss… for TLS";

const FORM =
  /^redis(?<tls>s?)(?:-(?<topology>cluster|sentinel))?:\/\/(?:(?<user>[^/?#:]*)(?::(?<password>[^/?#]*))?@)?(?<hosts>[^/?#@]+)(?:\/(?<db>\d{0,4}))?(?:\?master=(?<master>[\w.-]+))?$/i;

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26379;

/** Throws one sentence, without the password, when it is not a Redis URL. */
export function addressOf(url: string): RedisAddress {
  const refuse = (what = ""): never => {
    throw new Error(`not a Redis URL: "${maskPassword(url)}"${what} (${EXPECTED})`);
  };
  const parts = FORM.exec(url)?.groups ?? refuse();
  const { topology, db = "", master } = parts;
  const decoded = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      return refuse(' has a "%" that encodes nothing');
    }
  };
  const servers = (parts["hosts"] ?? "").split(",").map((host) => {
    const parsed = URL.parse(`redis://${host}`) ?? refuse();
    if (parsed.hostname === "") refuse();
    const standard = topology === "sentinel" ? SENTINEL_PORT : REDIS_PORT;
    return {
      host: decoded(parsed.hostname).replace(/^\[(.*)\]$/, "$1"),
      port: parsed.port === "" ? standard : Number(parsed.port),
    };
  });
  const common = {
    ...(parts["user"] ? { username: decoded(parts["user"]) } : {}),
    ...(parts["password"] ? { password: decoded(parts["password"]) } : {}),
    tls: parts["tls"] !== "",
  };
  const [server] = servers;
  switch (topology?.toLowerCase()) {
    case "cluster":
      if (Number(db) !== 0) refuse(" names a database, and a Cluster has only one");
      if (master !== undefined) refuse();
      return { ...common, topology: "cluster", seeds: servers };
    case "sentinel":
      if (master === undefined) return refuse(" does not name the master");
      return { ...common, topology: "sentinel", sentinels: servers, master, db: Number(db) };
    default:
      if (server === undefined || servers.length !== 1 || master !== undefined) return refuse();
      return { ...common, topology: "single", server, db: Number(db) };
  }
}

/** The URL as it may be shown: whatever stands before the last "@" may be a secret. */
export const maskPassword = (url: string): string => url.replace(/(:\/\/).*@/s, "$1***@");

/** What a server is called among others: `host:port`. */
export const serverName = ({ host, port }: RedisServer): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
