import type { CacheEvent } from "../../src/cache/events.ts";
import type { Entry, Lookup } from "../../src/cache/ports/store.ts";
import type { StoredResponse } from "../../src/policy/stored-response.ts";

/** When the samples' origin answered. */
export const T0 = Date.UTC(2026, 10, 21, 12, 0, 0);

export const KEY = "http://example.test/data?id=1";

/** A plain 200 that is fresh for a minute and kept for two; `changes` make it another. */
export function sampleEntry(
  body: string,
  changes: Partial<StoredResponse> = {},
): Entry & { readonly body: Uint8Array } {
  const bytes = new Uint8Array(Buffer.from(body));
  return {
    stored: {
      uri: KEY,
      selectingFields: {},
      status: 200,
      statusMessage: "OK",
      fields: ["Content-Type", "text/plain", "X-Byte", "\xff", "Cache-Control", "max-age=60"],
      etag: `"${body.length}"`,
      bodyLength: bytes.byteLength,
      responseTime: T0,
      initialAge: 0,
      freshnessLifetime: 60,
      staleWhileRevalidate: 0,
      staleIfError: 0,
      keep: 60,
      mustRevalidate: false,
      noCache: false,
      tags: [],
      epoch: 7,
      ...changes,
    },
    body: bytes,
  };
}

/** So many bytes, no two hundred of which are like the others. */
export function bytes(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[i] = state;
  }
  return new Uint8Array(words.buffer).slice(0, length);
}

/** A sample with this body. */
export const entryOf = (body: Uint8Array, changes: Partial<StoredResponse> = {}) => ({
  stored: { ...sampleEntry("").stored, bodyLength: body.length, ...changes },
  body,
});

/** The body of what was found, where it is in this process, or why nothing was. */
export function textOf(lookup: Lookup): string {
  if (lookup.type === "none") return lookup.fwd;
  const { body } = lookup.entry;
  if (!(body instanceof Uint8Array)) throw new Error("the body lies elsewhere");
  return Buffer.from(body).toString();
}

/** A clock that only the test moves. */
export function testClock(start = T0) {
  let time = start;
  return {
    now: () => time,
    advance: (seconds: number) => {
      time += seconds * 1000;
    },
  };
}

export function eventLog() {
  const events: CacheEvent[] = [];
  return {
    events,
    emit: (event: CacheEvent) => void events.push(event),
    of: <T extends CacheEvent["type"]>(type: T) =>
      events.filter((event): event is Extract<CacheEvent, { type: T }> => event.type === type),
  };
}
