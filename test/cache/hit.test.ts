import { describe, expect, it } from "vitest";
import { hiding } from "../../src/cache/hide-fields.ts";
import { createHits, withHits } from "../../src/cache/hit.ts";
import { createLookupNear } from "../../src/cache/lookup.ts";
import { SearchVariances } from "../../src/cache/search-variances.ts";
import type { FieldLines } from "../../src/policy/fields.ts";
import { type Ask, aProxy, settled, uriOf } from "./harness.ts";

const FRESH = { fields: ["Cache-Control", "max-age=60", "ETag", '"x"', "X-Tag", "a"] };

/** A cache that holds one response to `/a`, and what answers at once of it. */
async function aPrimed(answer: { fields: FieldLines } = FRESH, asked: Ask = {}, hidden = new Set<string>()) {
  const proxy = aProxy();
  await proxy.prime("/a", "0123456789", answer, asked);
  let lookups = 0;
  const near = (key: string, request: FieldLines) => {
    lookups++;
    const found = proxy.memory.lookup(key, request);
    return found.type === "found" ? found : undefined;
  };
  const { purges, now, memory } = proxy;
  const store = Object.assign(Object.create(memory) as typeof memory, { near });
  const lookupNear = createLookupNear({ store, purges });
  const hits = createHits({ lookupNear, variances: new SearchVariances(), hide: hiding(hidden), now });
  const find = (ask: Ask = {}, target = "/a") => {
    const request = proxy.request(target, ask);
    return { request, hit: hits.find(request, request.uri) };
  };
  return { ...proxy, hits, find, lookups: () => lookups };
}

describe("a request that a fresh response in memory answers gets the answer of the handler", () => {
  it.each<[string, Ask]>([
    ["to GET", {}],
    ["to HEAD", { method: "HEAD" }],
    ["to a client that has it", { fields: ["If-None-Match", '"x"'] }],
    ["to a client that has another", { fields: ["If-None-Match", '"y"'] }],
    ["to a range", { fields: ["Range", "bytes=2-4"] }],
    ["to a range that cannot be satisfied", { fields: ["Range", "bytes=20-"] }],
    ["to a client that takes it young enough", { fields: ["Cache-Control", "max-age=30"] }],
    ["to only-if-cached", { fields: ["Cache-Control", "only-if-cached"] }],
  ])("%s", async (_, ask) => {
    const { handle, hits, find, advance, origin } = await aPrimed();
    advance(7.5);
    const { request, hit } = find(ask);
    expect(hits.answer(request, hit ?? expect.fail())).toEqual(await handle(request));
    expect(await withHits(handle, hits)(request)).toEqual(await handle(request));
    expect(origin.asked).toEqual([]);
  });

  it("however often it is asked, and by whom", async () => {
    const { handle, hits, request, advance } = await aPrimed();
    const soon = withHits(handle, hits);
    const asks: readonly Ask[] = [
      {},
      {},
      { method: "HEAD" },
      {},
      { fields: ["If-None-Match", '"x"'] },
      { fields: ["Range", "bytes=2-4"] },
      { fields: ["Range", "bytes=5-6"] },
      {},
    ];
    for (const seconds of [0, 0.5, 0.75]) {
      advance(seconds);
      for (const ask of asks)
        expect(await soon(request("/a", ask))).toEqual(await handle(request("/a", ask)));
    }
  });

  it("the very same lines, also when somebody has asked for a part meanwhile", async () => {
    const { handle, hits, request } = await aPrimed();
    const soon = withHits(handle, hits);
    const first = await soon(request("/a"));
    await soon(request("/a", { fields: ["Range", "bytes=2-4"] }));
    const second = await soon(request("/a"));
    expect(second).toEqual(first);
    expect(second.fields).toBe(first.fields);
  });

  it("with the content that is in memory by now: an answer that was given keeps none there", async () => {
    const { handle, hits, request } = await aPrimed();
    const bodies = ["0123456789", "9876543210"].map((text) => Buffer.from(text));
    let found = 0;
    const soon = withHits(handle, {
      ...hits,
      find(facts, uri) {
        const hit = hits.find(facts, uri) ?? expect.fail();
        const body = bodies[found++] as Buffer;
        return { ...hit, found: { ...hit.found, entry: { stored: first.stored, body } } };
      },
    });
    const first = hits.find(request("/a"), request("/a").uri)?.found.entry ?? expect.fail();
    const answers = [await soon(request("/a")), await soon(request("/a"))];
    expect(answers.map(({ body }) => body)).toEqual(bodies.map((bytes) => ({ type: "bytes", bytes })));
    expect(answers[1]?.fields).toBe(answers[0]?.fields);
  });

  it("without what clients do not see", async () => {
    const { hits, find } = await aPrimed(FRESH, {}, new Set(["x-tag"]));
    const { request, hit } = find();
    const { fields } = hits.answer(request, hit ?? expect.fail());
    expect(fields).toContain("ETag");
    expect(fields).not.toContain("X-Tag");
  });
});

describe("nothing is found at once", () => {
  it.each<[string, Ask]>([
    ["for another method", { method: "POST" }],
    ["for a client that wants it from the origin", { fields: ["Cache-Control", "no-cache"] }],
    ["for one that wants nothing stored", { fields: ["Cache-Control", "no-store"] }],
    ["for one that takes it only younger", { fields: ["Cache-Control", "max-age=5"] }],
    ["for a precondition", { fields: ["If-Match", '"x"'] }],
  ])("%s", async (_, ask) => {
    const { find, advance } = await aPrimed();
    advance(10);
    expect(find(ask).hit).toBeUndefined();
  });

  it("where nothing is stored, or nothing that is fresh", async () => {
    const { find, advance } = await aPrimed();
    expect(find({}, "/b").hit).toBeUndefined();
    advance(59);
    expect(find().hit?.age).toBe(59);
    advance(1);
    expect(find().hit).toBeUndefined();
  });

  it("where it must be validated each time", async () => {
    expect(
      (await aPrimed({ fields: ["Cache-Control", "no-cache", "ETag", '"x"'] })).find().hit,
    ).toBeUndefined();
  });

  it("for another variant", async () => {
    const fields = [...FRESH.fields, "Vary", "Accept-Language"];
    const { find } = await aPrimed({ fields }, { fields: ["Accept-Language", "de"] });
    expect(find({ fields: ["Accept-Language", "de"] }).hit).toBeDefined();
    expect(find({ fields: ["Accept-Language", "en"] }).hit).toBeUndefined();
  });

  it.each(["delete", "invalidate"] as const)("behind a purge (%s)", async (mode) => {
    const { find, purges } = await aPrimed();
    expect(find().hit).toBeDefined();
    await purges.purge([{ type: "url", key: uriOf("/a") }], mode);
    expect(find().hit).toBeUndefined();
  });

  it("in the store, of what is not a cache's business", async () => {
    const { handle, hits, request, lookups, origin } = await aPrimed();
    void withHits(handle, hits)(request("/a", { method: "POST" }));
    await settled();
    expect(origin.asked).toHaveLength(1);
    expect(lookups()).toBe(0);
  });
});
