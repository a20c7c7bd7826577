import { expect, it } from "vitest";
import { explanation } from "../../src/cli/explain.ts";

const AT = Date.UTC(2026, 10, 21, 12);
const NEVER = { at: null, because: "never: neither the response nor a setting says so" };

const SAID = {
  key: "http://shop.example/a?id=1",
  key_parts: { ignored: ["utm_source=x", "sid=***"] },
  selecting: ["accept-language"],
  variants: [
    { selecting: { "accept-language": "de" }, size: 10 },
    { selecting: { "accept-language": null }, size: 20 },
  ],
  stored: {
    status: 200,
    etag: '"1"',
    size: 10,
    tags: ["shoes", "sale"],
    tier: ["memory", "redis"],
    stored_at: AT,
    age: 7,
    fresh_until: { at: AT + 60_000, because: "Cache-Control: max-age=60" },
    refreshing_until: NEVER,
    usable_on_error_until: { at: null, because: "Cache-Control: must-revalidate" },
    kept_until: { at: AT + 660_000, because: "CACHE_KEEP" },
  },
  instances: [
    { instance: "a-1", answered: true, tier: ["memory", "redis"], stored_at: AT },
    { instance: "b-2", answered: true, tier: [], stored_at: null },
    { instance: "c-3", answered: false, tier: [], stored_at: null },
  ],
  purges: [{ epoch: 9, mode: "invalidate", target: { type: "path", path: "/a?id=1" } }],
  next: { decision: "serve", reason: "fresh", sentence: "It is fresh.", clause: "RFC 9111 §4.2" },
  last: {
    time: AT,
    status: 200,
    reason: "stored",
    sentence: "The origin's answer may be stored.",
    clause: "RFC 9111 §3",
    advice: null,
  },
  goes_alone: true,
  advice: ["Do this.", "Then that."],
  causes: ["one", "two"],
};

it("what is known of a URL is a few lines, those first that say what will happen and what to do", () => {
  expect(explanation(SAID)).toEqual([
    "http://shop.example/a?id=1",
    "",
    "next      serve: It is fresh. (fresh; RFC 9111 §4.2)",
    "last      2026-11-21T12:00:00.000Z: The origin's answer may be stored. (stored; RFC 9111 §3)",
    "advice    Do this.",
    "          Then that.",
    "",
    'stored    200, 10 bytes, in memory and redis, 7 s old, since 2026-11-21T12:00:00.000Z, ETag "1"',
    "          fresh until 2026-11-21T12:01:00.000Z (Cache-Control: max-age=60)",
    "          served on error until: Cache-Control: must-revalidate",
    "          kept until 2026-11-21T12:11:00.000Z (CACHE_KEEP)",
    "",
    "ignored   utm_source=x, sid=***",
    "tags      shoes, sale",
    "selecting accept-language",
    "variants  2: accept-language: de, 10 bytes | accept-language: (absent), 20 bytes",
    'purges    invalidate {"type":"path","path":"/a?id=1"} (9)',
    "instances a-1: memory and redis | b-2: nothing | c-3: no answer",
    "alone     nobody waits for another's fetch of it",
  ]);
});

it("neither a field nor a body of an origin steers the terminal", () => {
  const lines = explanation({
    ...SAID,
    stored: { ...SAID.stored, etag: '"\x1b[2J"', body: "{\n\t1\x1b]0;x\x07\n}" },
    fetched: { fields: ["X-A: \x9b2J"] },
  });
  expect(lines.join("").replaceAll("\t", "")).not.toMatch(/\p{Cc}/u);
  expect(lines.slice(-3)).toEqual(["{", "\t1\\x1b]0;x\\x07", "}"]);
});
