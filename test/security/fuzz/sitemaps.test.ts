import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect } from "vitest";
import { isXml, parseSitemap, unpacked } from "../../../src/config/sitemap.ts";
import { fuzz } from "./harness.ts";

const url = fc
  .tuple(
    fc.constantFrom("http://a/", "https://a.example/b", "/c"),
    fc.array(fc.constantFrom("a", "&", "<", ">", '"', "'", "é", "😀", "?x=1", "%20", "&amp;"), {
      maxLength: 4,
    }),
  )
  .map(([start, rest]) => start + rest.join(""));
const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** How a text may be written in XML. */
const WAYS: Readonly<Record<string, (text: string) => string>> = {
  entities: (text) => text.replace(/[&<>"']/g, (char) => ENTITIES[char] as string),
  decimal: (text) => text.replace(/[&<>"']|[^\x20-\x7e]/gu, (char) => `&#${char.codePointAt(0)};`),
  hexadecimal: (text) =>
    text.replace(
      /[&<>"']|[^\x20-\x7e]/gu,
      (char) => `&#x${char.codePointAt(0)?.toString(16).toUpperCase()};`,
    ),
  literal: (text) => (/[<\]]/.test(text) ? (WAYS["entities"]?.(text) ?? "") : `<![CDATA[${text}]]>`),
};
const spaces = fc.constantFrom("", " ", "\r\n\t");
const page = fc.tuple(
  url,
  fc.constantFrom(...Object.keys(WAYS)),
  spaces,
  fc.constantFrom("", "<lastmod>2026</lastmod>", "<!-- <loc>/no</loc> -->"),
);

fuzz("a sitemap lists the pages that are written in it", {
  corpus: "sitemaps",
  inputs: fc.record({
    pages: fc.array(page, { maxLength: 5 }),
    index: fc.boolean(),
    prolog: fc.constantFrom("", '<?xml version="1.0" encoding="UTF-8"?>\n', "\uFEFF", "\n<!-- a -->"),
    packed: fc.boolean(),
  }),
  runs: 2000,
  holds: ({ pages, index, prolog, packed }) => {
    const [root, one] = index ? ["sitemapindex", "sitemap"] : ["urlset", "url"];
    const written = pages.map(
      ([text, way, space, more]) => `<${one}>${more}<loc>${space}${WAYS[way]?.(text)}${space}</loc></${one}>`,
    );
    const xml = `${prolog}<${root} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">${written.join("\n")}</${root}>`;
    const bytes = packed ? gzipSync(xml) : Buffer.from(xml);
    const text = unpacked(bytes, 1_000_000);
    expect(isXml(text)).toBe(true);
    const urls = pages.map(([page]) => page);
    expect(parseSitemap(text)).toEqual(index ? { urls: [], sitemaps: urls } : { urls, sitemaps: [] });
  },
});

const bits = fc.constantFrom(
  "<loc>",
  "</loc>",
  "<sitemapindex>",
  "<!--",
  "-->",
  "<![CDATA[",
  "]]>",
  "&",
  "&#",
  "&#x110000;",
  "&#0;",
  "&#55296;",
  ";",
  "a",
  " ",
  "<",
  "\0",
);

fuzz("whatever passes for a sitemap, it comes to an end, and lists what is in it", {
  corpus: "broken-sitemaps",
  inputs: fc.array(bits, { maxLength: 20 }).map((all) => all.join("")),
  runs: 3000,
  holds: (xml) => {
    const { urls, sitemaps } = parseSitemap(xml);
    for (const one of [...urls, ...sitemaps]) {
      expect(one).not.toBe("");
      expect(one).toBe(one.trim());
    }
    expect(Math.min(urls.length, sitemaps.length)).toBe(0);
  },
});
