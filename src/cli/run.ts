import type { Settled } from "../config/changes.ts";
import { WarmListError } from "../config/warm-list.ts";
import type { Config, Loaded } from "../config.ts";
import type { Terminal } from "./commands.ts";

/** Starts the proxy; `reread` says how the settings are written by now. Rejects with Node's error when a port cannot be had. */
export type Main = (settled: Settled, reread: () => Loaded) => Promise<void>;

/** Starts the proxy, or says why it cannot be started. Answers the exit code; a started proxy goes on after 0. */
export async function run(
  main: Main,
  settled: Settled,
  reread: () => Loaded,
  terminal: Terminal,
): Promise<number> {
  try {
    await main(settled, reread);
    return 0;
  } catch (error) {
    terminal.err(`freshline: ${settingSentence(error, settled.config) ?? startSentence(error)}`);
    return 1;
  }
}

/** A sentence for the ways in which a start fails by a setting that only trying can prove wrong. */
function settingSentence(error: unknown, config: Config): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof WarmListError) return `WARM_URLS: ${error.message}`;
  const { code, syscall, port, address, hostname } = error as NodeJS.ErrnoException & {
    port?: number;
    address?: string;
    hostname?: string;
  };
  // A name that is not found has no port with it.
  const admin = port === config.ADMIN_PORT || (hostname ?? config.HOST) !== config.HOST;
  const what = `${admin ? "admin port" : "port"} ${port ?? config.PORT}`;
  const [flag, name] = admin ? ["--admin-port", "ADMIN_PORT"] : ["--port", "PORT"];
  switch (code) {
    case "EADDRINUSE":
      return `${what} is taken; choose another with ${flag} or ${name}`;
    case "EACCES":
      return `${what} may not be used by this user; choose another with ${flag} or ${name}`;
    default:
      if (syscall !== "listen" && syscall !== "bind" && syscall !== "getaddrinfo") return undefined;
      return `${address ?? (admin ? config.ADMIN_HOST : config.HOST)} is no address of this machine; choose another with ${
        admin ? "--admin-host or ADMIN_HOST" : "--host or HOST"
      }`;
  }
}

/** What nobody expected is told with its stack, for a bug report. */
const startSentence = (error: unknown): string =>
  `cannot start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
