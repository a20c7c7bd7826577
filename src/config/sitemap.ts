import { gunzipSync } from "node:zlib";

/** What a sitemap lists: pages, or, where it is an index, sitemaps (https://www.sitemaps.org/protocol.html). */
export interface Sitemap {
  readonly urls: readonly string[];
  readonly sitemaps: readonly string[];
}

/** Begins the text as XML does? A list of paths and URLs does not. */
export const isXml = (text: string): boolean => /^\uFEFF?\s*</.test(text);

/** What is there of <loc> elements. Never throws: what is no sitemap lists nothing. */
export function parseSitemap(xml: string): Sitemap {
  const text = xml.replace(/<!--[\s\S]*?(?:-->|$)/g, "");
  const locations = [...text.matchAll(/<loc>([^<]*|\s*<!\[CDATA\[[^<\]]*\]\]>\s*)<\/loc>/g)]
    .map(([, inner = ""]) => decoded(inner.trim()))
    .filter((url) => url !== "");
  return /<sitemapindex[\s>]/.test(text)
    ? { urls: [], sitemaps: locations }
    : { urls: locations, sitemaps: [] };
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function decoded(inner: string): string {
  const literal = /^<!\[CDATA\[(.*)\]\]>$/s.exec(inner)?.[1];
  if (literal !== undefined) return literal.trim();
  return inner.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{1,8}));/gi, (all, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? all;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}

/** The text of what may be packed by gzip. Throws Node's error when it is longer than `mostBytes`, or damaged. */
export const unpacked = (bytes: Buffer, mostBytes: number): string =>
  (bytes[0] === 0x1f && bytes[1] === 0x8b
    ? gunzipSync(bytes, { maxOutputLength: mostBytes })
    : bytes
  ).toString("utf8");
