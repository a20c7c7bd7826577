import fc from "fast-check";
import { expect, test } from "vitest";
import { admit, type StoredHead } from "../../src/policy/admit.ts";
import { entityTags } from "../../src/policy/entity-tag.ts";
import { fieldLineValues, HOP_BY_HOP, hasField, OWN_RESPONSE_FIELDS } from "../../src/policy/fields.ts";
import { passedResponseFields } from "../../src/policy/forwarding.ts";
import { correctedInitialAge, currentAge } from "../../src/policy/freshness.ts";
import { invalidatedUris } from "../../src/policy/invalidate.ts";
import { freshen, identifies, updatedFields, validationFields } from "../../src/policy/validate.ts";
import { aRequest, aResponse, dateAt, fieldValues, later, NOW, someSettings, URI } from "./builders.ts";

/** Fields that decide something, and one that decides nothing; their values are anything. */
const NAMES = [
  ...["Cache-Control", "CDN-Cache-Control", "Surrogate-Control", "X-Accel-Expires", "Expires", "Age", "Date"],
  ...["Last-Modified", "ETag", "Vary", "Connection", "Set-Cookie", "Content-Length", "Content-Range"],
  ...["Cache-Groups", "No-Vary-Search", "Cache-Status", "Content-Location", "Location", "Warning", "X-Any"],
];
const value = fc.oneof(
  fieldValues,
  fc.constantFrom("max-age=60", "public, s-maxage=5", "max-age=9, stale-if-error=9", "no-store", "60", '"a"'),
  fc.integer({ min: -9, max: 9 }).map(dateAt),
);
const fieldLines = fc
  .array(fc.tuple(fc.constantFrom(...NAMES), value), { maxLength: 8 })
  .map((pairs) => pairs.flat());
const settings = fc
  .record({ profile: fc.constantFrom("safe" as const, "rfc" as const), allowSetCookie: fc.boolean() })
  .map(someSettings);
const statuses = fc.constantFrom(200, 200, 203, 204, 206, 299, 302, 304, 404, 503);
const times = fc
  .tuple(fc.nat(9), fc.nat(9))
  .map(([asked, took]) => ({ requestTime: later(asked), responseTime: later(asked + took) }));
const RUNS = { numRuns: 2000 };

const storedOf = (
  fields: readonly string[],
  status: number,
  at: { requestTime: number; responseTime: number },
  how: ReturnType<typeof someSettings>,
): StoredHead | undefined => {
  const admission = admit(aRequest(), { ...aResponse(), status, fields }, at, 3, how);
  return admission.type === "store" ? admission.head : undefined;
};

test("whatever an origin says, what is stored has windows that are numbers, and one that is open", () => {
  fc.assert(
    fc.property(fieldLines, statuses, times, settings, (fields, status, at, how) => {
      const head = storedOf(fields, status, at, how);
      if (head === undefined) return;
      const { initialAge, freshnessLifetime, staleWhileRevalidate, staleIfError, keep } = head;
      for (const seconds of [initialAge, freshnessLifetime, staleWhileRevalidate, staleIfError, keep])
        expect(seconds).toBeGreaterThanOrEqual(0);
      expect(Number.isFinite(initialAge + freshnessLifetime + keep)).toBe(true);
      expect(freshnessLifetime - initialAge + keep).toBeGreaterThan(0);
      expect([206, 304]).not.toContain(status);
    }),
    RUNS,
  );
});

test("what is stored has one Date, nothing of one hop, and no cookie unless one was allowed (§3.1)", () => {
  const forbidden = [...HOP_BY_HOP, "age", "content-length", "warning", "x-cache"];
  fc.assert(
    fc.property(fieldLines, times, settings, (fields, at, how) => {
      const head = storedOf(fields, 200, at, how);
      if (head === undefined) return;
      expect(fieldLineValues(head.fields, "date")).toHaveLength(1);
      expect(forbidden.filter((name) => hasField(head.fields, name))).toEqual([]);
      if (how.profile === "safe" && !how.allowSetCookie)
        expect(hasField(head.fields, "set-cookie")).toBe(false);
    }),
    RUNS,
  );
});

test("the case of field names changes nothing of what is decided", () => {
  fc.assert(
    fc.property(fieldLines, statuses, times, settings, (fields, status, at, how) => {
      const shouted = fields.map((text, i) => (i % 2 === 0 ? text.toUpperCase() : text));
      const { fields: as, ...head } = storedOf(fields, status, at, how) ?? { fields: [] };
      const { fields: shoutedAs, ...shoutedHead } = storedOf(shouted, status, at, how) ?? { fields: [] };
      expect(shoutedHead).toEqual(head);
      expect(shoutedAs.map((text) => text.toLowerCase())).toEqual(as.map((text) => text.toLowerCase()));
    }),
    RUNS,
  );
});

test("what is stored once would be stored again as it is", () => {
  fc.assert(
    fc.property(fieldLines, times, settings, (fields, at, how) => {
      const head = storedOf(fields, 200, at, how);
      if (head === undefined) return;
      expect(storedOf(head.fields, 200, at, how)?.fields ?? head.fields).toEqual(head.fields);
    }),
    RUNS,
  );
});

test("a 304 that comes twice leaves what it left the first time (§3.2)", () => {
  fc.assert(
    fc.property(fieldLines, fieldLines, (fields, update) => {
      const once = updatedFields(fields, update);
      expect(updatedFields(once, update)).toEqual(once);
    }),
    RUNS,
  );
});

test("a response is what its own validators and its own 304 say (§4.3.4), and nothing throws on any other", () => {
  fc.assert(
    fc.property(fieldLines, fieldLines, times, settings, (fields, update, at, how) => {
      const head = storedOf(fields, 200, at, how);
      if (head === undefined) return;
      const stored = { ...head, bodyLength: 0 };
      const own = validationFields(stored);
      const named: Record<string, string> = { "If-None-Match": "ETag", "If-Modified-Since": "Last-Modified" };
      const answer = own.map((text, i) => (i % 2 === 0 ? (named[text] ?? text) : text));
      if (own[1] !== "" && !(own[1] ?? "").startsWith("W/"))
        expect(identifies(answer, stored, NOW)).toBe(true);
      identifies(update, stored, NOW);
      freshen(stored, aRequest(), update, at, 4, how);
    }),
    RUNS,
  );
});

test("a response is never younger for an Age, and grows old at the pace of the clock (§4.2.3)", () => {
  fc.assert(
    fc.property(fieldLines, times, fc.nat(1e6), fc.nat(1e6), (fields, at, age, seconds) => {
      const without = fields.filter((_, i) => fields[i - (i % 2)] !== "Age");
      const initialAge = correctedInitialAge(without, at);
      expect(correctedInitialAge([...without, "Age", String(age)], at)).toBeGreaterThanOrEqual(
        Math.max(initialAge, age),
      );
      const stored = { initialAge, responseTime: at.responseTime };
      expect(currentAge(stored, at.responseTime + seconds * 1000)).toBeCloseTo(initialAge + seconds, 6);
    }),
    RUNS,
  );
});

test("what is invalidated lies on the origin that was written to (§4.4)", () => {
  fc.assert(
    fc.property(
      fieldLines,
      fc.constantFrom("POST", "PUT", "GET", "FROB"),
      statuses,
      (fields, method, status) => {
        const uris = invalidatedUris({ method, uri: URI }, { status, fields }, ["a*"]);
        expect(uris.every((uri) => new URL(uri).origin === new URL(URI).origin)).toBe(true);
      },
    ),
    RUNS,
  );
});

test("what reaches a client has nothing that ends here, and passing it on again changes nothing", () => {
  fc.assert(
    fc.property(fieldLines, (fields) => {
      const passed = passedResponseFields(fields);
      for (const name of [...HOP_BY_HOP, ...OWN_RESPONSE_FIELDS]) expect(hasField(passed, name)).toBe(false);
      expect(passedResponseFields(passed)).toEqual(passed);
    }),
    RUNS,
  );
});

test("every list of entity tags is read back (RFC 9110 §8.8.3), and no text throws", () => {
  const tag = fc
    .tuple(fc.constantFrom("", "W/"), fc.stringMatching(/^[!#-~\x80-\xff]*$/))
    .map(([weak, opaque]) => `${weak}"${opaque}"`);
  fc.assert(
    fc.property(fc.array(tag), fc.constantFrom(",", ", ", " ,, "), fieldValues, (tags, comma, text) => {
      expect([...entityTags(tags.join(comma))]).toEqual(tags);
      entityTags(text);
    }),
    RUNS,
  );
});
