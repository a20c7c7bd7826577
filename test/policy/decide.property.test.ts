import fc from "fast-check";
import { expect, test } from "vitest";
import type { RequestDirectives } from "../../src/policy/cache-control.ts";
import { type Decision, decide, type RequestFacts } from "../../src/policy/decide.ts";
import type { StoredResponse } from "../../src/policy/stored-response.ts";
import { aRequest, aStored, fieldValues, later } from "./builders.ts";

// Small whole numbers meet at boundaries often; thirds never do.
const seconds = fc.oneof(
  fc.integer({ min: 0, max: 12 }),
  fc.integer({ min: 0, max: 100 }).map((third) => third / 3),
);
const instants = fc.integer({ min: -5, max: 60 }).map(later);

const storedResponses: fc.Arbitrary<StoredResponse> = fc
  .record({
    initialAge: seconds,
    freshnessLifetime: seconds,
    staleWhileRevalidate: seconds,
    staleIfError: seconds,
    mustRevalidate: fc.boolean(),
    noCache: fc.boolean(),
  })
  .map((overrides) => aStored(overrides));

const directives = fc.record(
  {
    maxAge: seconds,
    maxStale: fc.oneof(seconds, fc.constant(Number.POSITIVE_INFINITY)),
    minFresh: seconds,
    noCache: fc.boolean(),
    noStore: fc.constant(false),
    onlyIfCached: fc.boolean(),
  },
  { requiredKeys: ["noCache", "noStore", "onlyIfCached"] },
) as fc.Arbitrary<RequestDirectives>;

const asking = (asked: RequestDirectives): RequestFacts => aRequest({ directives: asked });

const RUNS = { numRuns: 5000 };

test("without a permission nothing stale is served", () => {
  fc.assert(
    fc.property(directives, storedResponses, instants, (asked, any, now) => {
      const stored = { ...any, staleWhileRevalidate: 0 };
      const { maxStale: _, ...unpermitted } = asked;
      const strict = { ...stored, mustRevalidate: true };
      for (const decision of [decide(asking(unpermitted), stored, now), decide(asking(asked), strict, now)]) {
        expect(decision.type).not.toBe("serve-stale");
        if (decision.type === "serve") expect(decision.age).toBeLessThan(stored.freshnessLifetime);
      }
    }),
    RUNS,
  );
});

test("without stale-if-error nothing stale stands in for a failed origin", () => {
  fc.assert(
    fc.property(directives, storedResponses, instants, (asked, any, now) => {
      const decision = decide(asking(asked), { ...any, staleIfError: 0 }, now);
      if (decision.type === "revalidate" && decision.fallback)
        expect(decision.age).toBeLessThan(any.freshnessLifetime);
    }),
    RUNS,
  );
});

test("only-if-cached never reaches an origin", () => {
  const maybe = fc.option(storedResponses, { nil: undefined });
  fc.assert(
    fc.property(directives, maybe, instants, (asked, stored, now) => {
      const decision = decide(asking({ ...asked, onlyIfCached: true }), stored, now);
      expect(["serve", "serve-stale", "refuse"]).toContain(decision.type);
    }),
    RUNS,
  );
});

/** How far from fresh a verdict is. */
function distance(decision: Decision<StoredResponse>): number {
  switch (decision.type) {
    case "serve":
      return 0;
    case "serve-stale":
      return 1;
    case "revalidate":
      return decision.fallback ? 2 : 3;
    case "fetch":
    case "refuse":
    case "pass":
      return 4;
  }
}

test("as time passes, from when the response came, a verdict never gets fresher", () => {
  fc.assert(
    fc.property(directives, storedResponses, instants, instants, (asked, stored, one, other) => {
      const since = (instant: number) => Math.max(instant, stored.responseTime);
      const earlier = decide(asking(asked), stored, since(Math.min(one, other)));
      const later = decide(asking(asked), stored, since(Math.max(one, other)));
      expect(distance(later)).toBeGreaterThanOrEqual(distance(earlier));
    }),
    { numRuns: 10_000 },
  );
});

test("no-cache on either side never serves without validation", () => {
  fc.assert(
    fc.property(directives, storedResponses, instants, (asked, stored, now) => {
      for (const decision of [
        decide(asking({ ...asked, noCache: true }), stored, now),
        decide(asking(asked), { ...stored, noCache: true }, now),
      ]) {
        expect(["revalidate", "refuse"]).toContain(decision.type);
      }
    }),
    RUNS,
  );
});

test("no-cache in the response never falls back on it", () => {
  fc.assert(
    fc.property(directives, storedResponses, instants, (asked, stored, now) => {
      const decision = decide(asking(asked), { ...stored, noCache: true }, now);
      expect(decision).not.toHaveProperty("fallback", true);
    }),
    RUNS,
  );
});

test("every request gets a verdict, whatever its bytes are", () => {
  const types = ["pass", "serve", "serve-stale", "revalidate", "fetch", "refuse"];
  const pairs = fc.array(fc.tuple(fc.oneof(fieldValues, fc.constant("Cache-Control")), fieldValues));
  const methods = fc.oneof(fc.constantFrom("GET", "HEAD", "POST", "get"), fieldValues);
  const maybe = fc.option(storedResponses, { nil: undefined });
  fc.assert(
    fc.property(methods, pairs, fc.boolean(), maybe, instants, (method, fields, hasBody, stored, now) => {
      const { fields: _, directives: __, ...request } = aRequest({ method, hasBody });
      const asked = aRequest({ fields: Object.fromEntries(fields) });
      const facts = { ...request, fields: fields.flat(), directives: asked.directives };
      expect(types).toContain(decide(facts, stored, now).type);
    }),
    RUNS,
  );
});
