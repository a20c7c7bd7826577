import type { Entry } from "../src/cache/ports/store.ts";

/** A string of its own, as a parser makes one. */
const fresh = (text: string): string => Buffer.from(text, "latin1").toString("latin1");

export const urlOf = (i: number): string =>
  fresh(`http://www.example.test/catalogue/articles/${i}?page=${i % 7}`);

/** An entry as an origin of articles would give it, with strings and a body of its own. */
export function plainEntry(i: number, bodyBytes: number): Entry {
  const uri = urlOf(i);
  const etag = fresh(`"${i.toString(16).padStart(16, "0")}"`);
  const lines = [
    ["Content-Type", "text/html; charset=utf-8"],
    ["Cache-Control", "public, max-age=600, stale-while-revalidate=60"],
    ["Date", "Sat, 21 Nov 2026 12:00:00 GMT"],
    ["Last-Modified", "Fri, 20 Nov 2026 12:00:00 GMT"],
    ["ETag", etag],
    ["Server", "example"],
    ["X-Request-Id", `req-${i.toString(16).padStart(24, "0")}`],
    ["Cache-Groups", `"article-${i}"`],
  ];
  return {
    stored: {
      uri,
      selectingFields: {},
      status: 200,
      statusMessage: fresh("OK"),
      fields: lines.flat().map(fresh),
      etag,
      lastModified: fresh("Fri, 20 Nov 2026 12:00:00 GMT"),
      bodyLength: bodyBytes,
      responseTime: 1_795_262_400_000 + i,
      initialAge: 0.25,
      freshnessLifetime: 600,
      staleWhileRevalidate: 60,
      staleIfError: 0,
      keep: 660,
      mustRevalidate: false,
      noCache: false,
      tags: [fresh(`article-${i}`)],
      epoch: 7,
    },
    body: new Uint8Array(bodyBytes).fill(i & 0xff),
  };
}
