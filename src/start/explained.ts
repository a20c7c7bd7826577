import type { ShownEntries } from "../admin/answers.ts";
import type { EntriesPage } from "../cache/entries.ts";
import type { Explanation, ShownStored, ShownTrial } from "../cache/explanation.ts";
import type { PurgeTarget } from "../cache/ports/purge-log.ts";
import { shownUrl } from "../observe/live.ts";
import { isSecret, redactQuery } from "../observe/redact.ts";

/** Of a sentence, where it may be a URL. */
const WORD = /\S+/g;
const HIDDEN = "(not shown)";
/** Request fields with somebody's secrets, besides those that their names give away. */
const SECRET_FIELDS: ReadonlySet<string> = new Set(["cookie", "proxy-authorization"]);

/**
 * An explanation as others may see it: secrets in a query are as masked as they are in the log, also
 * those of the URL that was asked for, and of a selecting header field like Cookie no value is shown.
 */
export function withoutSecrets(said: Explanation): Explanation {
  const { url, key, key_parts: parts, variants, stored, purges, fetched, advice } = said;
  const query = (text: string) => redactQuery(`?${text}`).slice(1);
  return {
    ...said,
    url: shownUrl(url),
    key: shownUrl(key),
    key_parts: {
      ...parts,
      path: redactQuery(parts.path),
      query: parts.query === null ? null : query(parts.query),
      ignored: parts.ignored.map(query),
    },
    variants: variants.map((variant) => ({ ...variant, selecting: shownSelecting(variant.selecting) })),
    stored: stored === null ? null : withShownFields(stored),
    purges: purges.map((purge) => ({ ...purge, target: shownTarget(purge.target) })),
    ...(fetched === undefined ? {} : { fetched: withShownFields(fetched) }),
    advice: advice.map((sentence) => sentence.replace(WORD, redactQuery)),
  };
}

/** The same of a list; a URL that is not shown as it is cannot be purged by what is shown of it, and says so. */
export function entriesWithoutSecrets(
  page: EntriesPage | { readonly problem: string },
): ShownEntries | { readonly problem: string } {
  if ("problem" in page) return page;
  const entries = page.entries.map((entry) => {
    const url = shownUrl(entry.url);
    const masked = url === entry.url ? {} : { masked: true as const };
    return { ...entry, url, ...masked, selecting: shownSelecting(entry.selecting) };
  });
  return { ...page, entries };
}

const shownSelecting = (fields: Readonly<Record<string, string | null>>): Record<string, string | null> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value !== null && (SECRET_FIELDS.has(name) || isSecret(name)) ? HIDDEN : value,
    ]),
  );

/** A field like Location has a URL for its value. */
const withShownFields = <T extends ShownStored | ShownTrial>(head: T): T =>
  head.fields === undefined ? head : { ...head, fields: head.fields.map(shownLine) };

function shownLine(line: string): string {
  const name = line.slice(0, line.indexOf(":"));
  return isSecret(name) ? `${name}: ${HIDDEN}` : redactQuery(line);
}

function shownTarget(target: PurgeTarget): PurgeTarget {
  switch (target.type) {
    case "url":
      return { ...target, key: shownUrl(target.key) };
    case "path":
    case "prefix":
      return { ...target, path: redactQuery(target.path) };
    case "site":
    case "tag":
    case "group":
    case "everything":
      return target;
  }
}
