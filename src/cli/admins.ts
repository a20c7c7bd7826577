import { type AdminConfig, adminUrl, askAdmin } from "./admin-client.ts";
import { complain, saidIn, type Terminal } from "./commands.ts";

/** One admin listener of those that a command asks. */
export interface Admin {
  /** host:port */
  readonly name: string;
  readonly config: AdminConfig;
}

/** The listeners that are named, all with the token of the settings; else the one of the settings. */
export function adminsOf(config: AdminConfig, urls: readonly URL[]): readonly Admin[] {
  if (urls.length === 0) return [{ name: new URL(adminUrl(config)).host, config }];
  return urls.map((url) => ({
    name: url.host,
    config: {
      ADMIN_HOST: url.hostname.replace(/^\[(.*)\]$/, "$1"),
      ADMIN_PORT: Number(url.port || 80),
      ADMIN_TOKEN: config.ADMIN_TOKEN,
    },
  }));
}

const PATIENCE_MS = 10_000;

/**
 * What each of them answers, without those that do not, or without these members, which are told; `undefined` when
 * that is all of them.
 */
export async function askAll<T>(
  admins: readonly Admin[],
  { path, members }: { readonly path: string; readonly members: readonly (keyof T & string)[] },
  signal: AbortSignal,
  terminal: Terminal,
): Promise<T[] | undefined> {
  const answers = await Promise.all(
    admins.map(async ({ config }) => {
      const answer = await askAdmin(config, { method: "GET", path, timeout: PATIENCE_MS, signal });
      const said = saidIn(answer);
      if (said !== undefined && members.every((member) => Object.hasOwn(said, member))) return [said as T];
      if (!signal.aborted) complain(config, answer, terminal);
      return [];
    }),
  );
  const said = answers.flat();
  return said.length === 0 ? undefined : said;
}
