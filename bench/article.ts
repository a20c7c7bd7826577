import type { Entry } from "../src/cache/ports/store.ts";
import { SITE } from "./request.ts";

export const SITE_URL = `http://${SITE}`;
export const keyOf = (i: number): string => `${SITE_URL}/catalogue/articles/${i}`;
export const tagOf = (i: number): string => `article-${i}`;

/** An article of its own URL and its own tag, with five header fields, born at epoch 1. */
export function articleOf(i: number, bodyBytes: number, responseTime = Date.now()): Entry {
  const stored = {
    uri: keyOf(i),
    selectingFields: {},
    status: 200,
    statusMessage: "OK",
    fields: [
      ["Content-Type", "text/html; charset=utf-8"],
      ["Cache-Control", "public, max-age=600, stale-while-revalidate=60"],
      ["Date", "Sat, 21 Nov 2026 12:00:00 GMT"],
      ["ETag", `"${i}"`],
      ["Server", "example"],
    ].flat(),
    etag: `"${i}"`,
    bodyLength: bodyBytes,
    responseTime,
    initialAge: 0,
    freshnessLifetime: 3600,
    staleWhileRevalidate: 60,
    staleIfError: 0,
    keep: 3660,
    mustRevalidate: false,
    noCache: false,
    tags: [tagOf(i)],
    epoch: 1,
  };
  return { stored, body: Buffer.alloc(bodyBytes, "x") };
}
