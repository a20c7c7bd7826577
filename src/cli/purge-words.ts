import type { OwnFlag, OwnFlags } from "./own-flags.ts";

/** The body of POST /purge, as the admin API takes it. */
export interface PurgeWords {
  readonly targets: readonly Readonly<Record<string, string | true>>[];
  readonly mode: "delete" | "invalidate" | "refresh";
}

/** Flags of `freshline purge`, and whether they take a value; there --host is not the setting. */
export const PURGE_FLAGS: OwnFlags = new Map([
  ["--prefix", "text"],
  ["--host", "text"],
  ["--tag", "text"],
  ["--everything", "switch"],
  ["--soft", "switch"],
  ["--refresh", "switch"],
]);

/** What `freshline purge <url|path>… [flags]` asks for, or what is wrong with it, in one sentence. */
export function readPurge(urls: readonly string[], flags: readonly OwnFlag[]): PurgeWords | string {
  const has = (name: string): boolean => flags.some(({ flag }) => flag === name);
  const targets = [
    ...urls.map((url) => ({ url })),
    ...flags.flatMap(({ flag, value }): Record<string, string | true>[] => {
      if (value !== undefined) return [{ [flag.slice(2)]: value }];
      return flag === "--everything" ? [{ everything: true }] : [];
    }),
  ];
  if (targets.length === 0)
    return "freshline purge needs URLs or paths, --prefix, --host, --tag or --everything";
  if (has("--soft") && has("--refresh")) return "--refresh is soft already; leave --soft away";
  return { targets, mode: has("--refresh") ? "refresh" : has("--soft") ? "invalidate" : "delete" };
}
