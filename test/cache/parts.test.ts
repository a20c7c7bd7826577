import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { followedBy } from "../../src/cache/complete.ts";
import { createParts } from "../../src/cache/parts.ts";
import type { Entry } from "../../src/cache/ports/store.ts";
import { fieldValue } from "../../src/policy/fields.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { TieredStore } from "../../src/store/tiered.ts";
import { type Ask, aProxy, bytesOf, type Head, ScriptedBody, settled, type TestProxy } from "./harness.ts";

const WHOLE = "0123456789";
const TAG = '"1"';
const range = (asked: string, ...more: string[]): Ask => ({ fields: ["Range", `bytes=${asked}`, ...more] });

/** The head of a 206 with these bytes of the whole. */
const part = (first: number, last: number, head: Head = {}): Head => ({
  cc: "max-age=60",
  etag: TAG,
  ...head,
  status: 206,
  fields: ["Content-Range", `bytes ${first}-${last}/${WHOLE.length}`, ...(head.fields ?? [])],
});
const bytes = (first: number, last: number): string => WHOLE.slice(first, last + 1);

/** A client asks for these bytes, and the origin gives just them. */
async function primePart(proxy: TestProxy, first: number, last: number, head: Head = {}) {
  return proxy.prime("/a", bytes(first, last), part(first, last, head), range(`${first}-${last}`));
}

async function withPart(first: number, last: number, head: Head = {}): Promise<TestProxy> {
  const proxy = aProxy();
  await primePart(proxy, first, last, head);
  return proxy;
}

/** What of the whole is stored now: `2-5`, `whole`, or `nothing`. */
function held(proxy: TestProxy): string {
  const found = proxy.stored("/a");
  if (found.type === "none") return "nothing";
  const { stored, body } = found.entry;
  const { first, last } = stored.part ?? { first: 0, last: WHOLE.length - 1 };
  expect(Buffer.from(body as Uint8Array).toString("latin1")).toBe(bytes(first, last));
  expect([stored.status, stored.bodyLength, fieldValue(stored.fields, "content-range")]).toEqual([
    stored.part === undefined ? 200 : 206,
    body.length,
    undefined,
  ]);
  return stored.part === undefined ? "whole" : `${first}-${last}`;
}

describe("a part that is stored (RFC 9111 §3.3)", () => {
  it("comes from a Range request, which goes alone and as it is", async () => {
    const proxy = aProxy();
    const answer = proxy.get("/a", range("2-5"));
    await settled();
    expect(proxy.origin.last.field("range")).toBe("bytes=2-5");
    proxy.origin.last.answer("2345", part(2, 5));
    expect(await answer).toMatchObject({
      status: 206,
      text: "2345",
      cache: "MISS/MISS",
      cacheStatus: "freshline; fwd=uri-miss; fwd-status=206; stored",
    });
    await proxy.drain();
    expect(held(proxy)).toBe("2-5");
  });

  it.each([
    ["2-5", "2345", "bytes 2-5/10"],
    ["3-4", "34", "bytes 3-4/10"],
    ["5-5", "5", "bytes 5-5/10"],
  ])("answers bytes=%s within it", async (asked, text, contentRange) => {
    const proxy = await withPart(2, 5);
    proxy.advance(7);
    const hit = await proxy.get("/a", range(asked));
    expect(hit).toMatchObject({ status: 206, text, cache: "HIT/HIT" });
    expect(["content-range", "content-length", "age", "etag"].map(hit.field)).toEqual([
      contentRange,
      String(text.length),
      "7",
      TAG,
    ]);
    expect(proxy.origin.asked).toHaveLength(0);
  });

  it.each([
    ["6-", "6789"],
    ["-1", "9"],
    ["-6", "456789"],
    ["8-99", "89"],
  ])("answers bytes=%s where it reaches the end", async (asked, text) => {
    const proxy = await withPart(4, 9);
    expect(await proxy.get("/a", range(asked))).toMatchObject({ status: 206, text, cache: "HIT/HIT" });
  });

  it("answers several ranges within it", async () => {
    const proxy = await withPart(2, 7);
    const hit = await proxy.get("/a", range("3-4,6-7"));
    expect([hit.status, hit.cache]).toEqual([206, "HIT/HIT"]);
    expect(hit.text.match(/Content-Range: (.*)\r\n\r\n(\d+)/g)).toEqual([
      "Content-Range: bytes 3-4/10\r\n\r\n34",
      "Content-Range: bytes 6-7/10\r\n\r\n67",
    ]);
  });

  it("answers 416 with the complete length (RFC 9110 §15.5.17)", async () => {
    const proxy = await withPart(2, 5);
    const hit = await proxy.get("/a", range("10-"));
    expect([hit.status, hit.field("content-range"), hit.cache]).toEqual([416, "bytes */10", "HIT/HIT"]);
  });

  it("answers HEAD as the whole would, without Range and with", async () => {
    const proxy = await withPart(2, 5);
    for (const fields of [[], ["Range", "bytes=3-4"]]) {
      const head = await proxy.get("/a", { method: "HEAD", fields });
      expect([head.status, head.response.statusMessage, head.text]).toEqual([200, "OK", ""]);
      expect([head.field("content-length"), head.field("content-range")]).toEqual(["10", undefined]);
    }
    expect(proxy.origin.asked).toHaveLength(0);
  });

  it("is 304 to a client that has it, and is asked for with the client's If-Range", async () => {
    const proxy = await withPart(2, 5);
    expect((await proxy.get("/a", range("3-4", "If-None-Match", TAG))).status).toBe(304);
    expect((await proxy.get("/a", range("3-4", "If-Range", TAG))).text).toBe("34");
    const other = proxy.get("/a", range("3-4", "If-Range", '"0"'));
    await settled();
    expect([proxy.origin.last.field("if-range"), proxy.origin.last.field("range")]).toEqual([
      '"0"',
      "bytes=3-4",
    ]);
    proxy.origin.last.answer(WHOLE, { cc: "max-age=60", etag: TAG });
    expect(await other).toMatchObject({ status: 200, text: WHOLE });
    await proxy.drain();
    expect(held(proxy)).toBe("whole");
  });

  it("that is everything is complete (RFC 9110 §15.3.7.3)", async () => {
    const proxy = await withPart(0, 9);
    expect(held(proxy)).toBe("whole");
    expect(await proxy.get("/a")).toMatchObject({ status: 200, text: WHOLE, cache: "HIT/HIT" });
  });

  it("is one variant's (RFC 9111 §4.1)", async () => {
    const proxy = aProxy();
    const en = { fields: ["Vary", "Accept-Language"] };
    await proxy.prime("/a", "01", part(0, 1, en), range("0-1", "Accept-Language", "en"));
    expect((await proxy.get("/a", range("0-1", "Accept-Language", "en"))).cache).toBe("HIT/HIT");
    await proxy.prime("/a", "23", part(2, 3, en), range("2-3", "Accept-Language", "de"));
    expect((await proxy.get("/a", range("0-1", "Accept-Language", "en"))).text).toBe("01");
    const seen = proxy.get("/a", range("0-1", "Accept-Language", "de"));
    await settled();
    proxy.origin.last.answer("01", part(0, 1, { ...en, etag: '"de"' }));
    expect((await seen).cache).toBe("MISS/MISS");
  });

  it("is gone with a purge, and the purge during its fetch covers it", async () => {
    const proxy = await withPart(2, 5);
    await proxy.purges.purge([{ type: "everything" }]);
    const answer = proxy.get("/a", range("6-7"));
    await settled();
    expect(proxy.origin.last.field("range")).toBe("bytes=6-7");
    proxy.origin.last.answer("67", part(6, 7));
    await answer;
    await proxy.drain();
    expect(held(proxy)).toBe("6-7");
    const during = proxy.get("/a", range("0-1"));
    await settled();
    await proxy.purges.purge([{ type: "everything" }]);
    proxy.origin.last.answer("01", part(0, 1));
    await during;
    await proxy.drain();
    expect(proxy.of("not-stored").map(({ reason }) => reason)).toEqual(["purged"]);
  });
});

describe("a 206 that is passed on, and not stored", () => {
  const odd: readonly (readonly [string, string, Head])[] = [
    ["says another length than it has", "01234", part(4, 9)],
    ["has no Content-Range", "01", { ...part(0, 1), fields: [] }],
    ["has no complete length", "01", { ...part(0, 1), fields: ["Content-Range", "bytes 0-1/*"] }],
    ["has several parts", "01", part(0, 1, { fields: ["Content-Type", "multipart/byteranges; boundary=x"] })],
    ["may not be stored", "01", part(0, 1, { cc: "no-store" })],
    ["ends by closing", "01", part(0, 1, { closeDelimited: true })],
  ];
  it.each(odd)("%s", async (_id, text, head) => {
    const proxy = aProxy();
    const seen = await proxy.prime("/a", text, head, range("0-1"));
    expect(seen).toMatchObject({ status: 206, text, cache: "MISS/MISS" });
    expect(seen.cacheStatus).toBe("freshline; fwd=uri-miss; fwd-status=206; detail=partial");
    expect(held(proxy)).toBe("nothing");
    expect(proxy.uncacheable.has("http://cache.test/a", proxy.now())).toBe(false);
  });

  it.each([
    ["shorter", "012"],
    ["longer", "012345"],
  ])("has a body that is %s than it says, which is known at its end", async (_id, text) => {
    const proxy = aProxy();
    const answer = proxy.get("/a", range("0-4"));
    await settled();
    proxy.origin.last.begin(part(0, 4)).push(text).end();
    expect((await answer).text).toBe(text);
    await proxy.drain();
    expect(held(proxy)).toBe("nothing");
    expect(proxy.of("not-stored")).toMatchObject([{ reason: "partial" }]);
  });

  it("breaks off", async () => {
    const proxy = aProxy();
    const answer = proxy.get("/a", range("0-4"));
    await settled();
    proxy.origin.last.begin(part(0, 4)).push("01").fail();
    expect((await answer).broken).toBe(true);
    await proxy.drain();
    expect(held(proxy)).toBe("nothing");
  });

  it("was not asked for, and costs the stored whole nothing", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", WHOLE, { cc: "max-age=60", etag: TAG });
    await proxy.prime("/a", "01", part(0, 1), range("0-1", "Cache-Control", "no-cache"));
    expect(held(proxy)).toBe("whole");
  });

  it("answers a request that asked for no range", async () => {
    const proxy = aProxy();
    const seen = await proxy.prime("/a", "01", part(0, 1));
    expect(seen.cacheStatus).toBe("freshline; fwd=uri-miss; fwd-status=206; detail=partial");
    expect(held(proxy)).toBe("nothing");
  });
});

describe("parts are put together (RFC 9111 §3.4)", () => {
  it.each([
    ["touch", [2, 3], [4, 5], "2-5"],
    ["touch, the other way round", [4, 5], [2, 3], "2-5"],
    ["overlap", [2, 5], [4, 7], "2-7"],
    ["are everything", [0, 5], [6, 9], "whole"],
    ["have a gap: the newer stays", [0, 1], [4, 5], "4-5"],
  ] as const)("when they %s", async (_id, [a, b], [c, d], expected) => {
    const proxy = await withPart(a, b);
    await primePart(proxy, c, d);
    expect(held(proxy)).toBe(expected);
  });

  it.each<[string, Head, Head]>([
    ["of another tag", { etag: '"0"' }, {}],
    ["of a weak tag", { etag: 'W/"1"' }, { etag: 'W/"1"' }],
  ])("not with one %s: the newer replaces it", async (_id, older, newer) => {
    const proxy = await withPart(0, 3, older);
    await primePart(proxy, 4, 5, newer);
    expect(held(proxy)).toBe("4-5");
  });

  it("not with one that is purged: a group's members are found only when they are asked for", async () => {
    const proxy = await withPart(0, 3, { fields: ["Cache-Groups", '"g"'] });
    await proxy.purges.purge([{ type: "tag", site: "http://cache.test", tag: "g" }]);
    expect(held(proxy)).toBe("0-3");
    await primePart(proxy, 4, 5);
    expect(held(proxy)).toBe("4-5");
  });

  it("not with one that was selected otherwise", async () => {
    const proxy = await withPart(0, 3);
    proxy.advance(1);
    const german = ["Accept-Language", "de"];
    await proxy.prime(
      "/a",
      "45",
      part(4, 5, { fields: ["Vary", "Accept-Language"] }),
      range("4-5", ...german),
    );
    expect(proxy.stored("/a", german)).toMatchObject({ entry: { stored: { part: { first: 4, last: 5 } } } });
  });

  it("a range that is partly stored is fetched whole, and then all of it is stored", async () => {
    const proxy = await withPart(0, 3);
    const answer = proxy.get("/a", range("2-7"));
    await settled();
    expect(proxy.origin.last.field("range")).toBe("bytes=2-7");
    proxy.origin.last.answer("234567", part(2, 7));
    expect(await answer).toMatchObject({ status: 206, text: "234567", cache: "MISS/MISS" });
    await proxy.drain();
    expect(held(proxy)).toBe("0-7");
    expect((await proxy.get("/a", range("0-7"))).text).toBe("01234567");
  });

  it("also when they arrive at once, and none is lost", async () => {
    const proxy = aProxy();
    let release = () => {};
    proxy.store.holdPuts = new Promise((resolve) => {
      release = resolve;
    });
    const asked = [range("0-2"), range("3-5"), range("6-9")].map((ask) => proxy.get("/a", ask));
    await settled();
    for (const [i, [first, last]] of (
      [
        [0, 2],
        [3, 5],
        [6, 9],
      ] as const
    ).entries())
      proxy.origin.asked[i]!.answer(bytes(first, last), part(first, last));
    await Promise.all(asked);
    await settled();
    release();
    await proxy.drain();
    expect(held(proxy)).toBe("whole");
  });

  it("any two of the whole, as they are cut from it", async () => {
    const cut = fc.tuple(fc.nat(9), fc.nat(9)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    await fc.assert(
      fc.asyncProperty(cut, cut, async ([a, b], [c, d]) => {
        fc.pre(b - a < 9);
        const proxy = await withPart(a, b);
        await proxy.prime("/a", bytes(c, d), part(c, d), range(`${c}-${d}`, "Cache-Control", "no-cache"));
        const touch = a <= d + 1 && c <= b + 1;
        const [first, last] = touch ? [Math.min(a, c), Math.max(b, d)] : [c, d];
        expect(held(proxy)).toBe(last - first + 1 === WHOLE.length ? "whole" : `${first}-${last}`);
      }),
      { numRuns: 60 },
    );
  });

  it("a lookup that fails costs the older part, not the newer", async () => {
    const proxy = await withPart(0, 3);
    const answer = proxy.get("/a", range("4-5"));
    await settled();
    proxy.store.failing.add("lookup");
    proxy.origin.last.answer("45", part(4, 5));
    expect((await answer).text).toBe("45");
    await proxy.drain();
    expect(held(proxy)).toBe("4-5");
    expect(proxy.of("store-failed")).toMatchObject([{ operation: "lookup" }]);
  });

  it("a part does not replace the whole that came meanwhile", async () => {
    const proxy = aProxy();
    const ranged = proxy.get("/a", range("2-5"));
    await settled();
    const body = proxy.origin.last.begin(part(2, 5));
    const asked = proxy.origin.asked.length;
    const whole = proxy.get("/a");
    await settled();
    proxy.origin.asked[asked]!.answer(WHOLE, { cc: "max-age=60", etag: TAG });
    await whole;
    body.push("2345").end();
    expect((await ranged).text).toBe("2345");
    await proxy.drain();
    expect(held(proxy)).toBe("whole");
  });
});

it("a part in a near tier does not hide from a new part the whole that is in a far one", async () => {
  const proxy = await withPart(0, 3);
  const near = proxy.stored("/a", []);
  if (near.type === "none") throw new Error("no part");
  const { part: _, ...head } = near.entry.stored;
  const { now, purges, memory } = proxy;
  const far = new MemoryStore({ capacity: 1e6, now });
  const { responseTime } = head;
  const whole = { ...head, status: 200, bodyLength: WHOLE.length, responseTime: responseTime + 1 };
  await far.put(head.uri, { stored: whole, body: bytesOf(WHOLE) });
  const emit = () => {};
  const store = new TieredStore({ memory, redis: far, now, emit });
  const withStored = createParts({ store, purges, limits: { maxObjectBytes: 1e6 }, emit, now });
  const arrived: Entry = {
    stored: { ...near.entry.stored, part: { first: 2, last: 3, length: WHOLE.length }, bodyLength: 2 },
    body: bytesOf("23"),
  };
  // Undefined: what is stored is better.
  expect(await withStored(head.uri, arrived, ["Range", "bytes=2-3"])).toBeUndefined();
  expect(held(proxy)).toBe("whole");
});

describe("a request for the whole where a part is stored (RFC 9111 §3.4)", () => {
  const REST = part(5, 9);

  it("asks for the rest under the strong validator, and both are stored as one", async () => {
    const proxy = await withPart(0, 4);
    proxy.advance(10);
    const answer = proxy.get("/a");
    await settled();
    const { last } = proxy.origin;
    expect([last.field("range"), last.field("if-range"), last.field("if-none-match")]).toEqual([
      "bytes=5-",
      TAG,
      undefined,
    ]);
    last.answer("56789", { ...REST, cc: "max-age=30" });
    const seen = await answer;
    expect(seen).toMatchObject({ status: 200, text: WHOLE, cache: "MISS/MISS" });
    expect(seen.cacheStatus).toBe("freshline; fwd=partial; fwd-status=206; stored");
    expect([seen.field("content-length"), seen.field("content-range")]).toEqual(["10", undefined]);
    await proxy.drain();
    expect(held(proxy)).toBe("whole");
    const hit = await proxy.get("/a");
    expect([hit.text, hit.cacheStatus]).toEqual([WHOLE, "freshline; hit; ttl=30"]);
  });

  it("also when the part is stale, and by a strong date", async () => {
    const dated: Head = { fields: ["Last-Modified", "Sat, 21 Nov 2026 10:00:00 GMT"] };
    const proxy = aProxy();
    const { etag: _, ...head } = part(0, 4, dated);
    await proxy.prime("/a", "01234", head, range("0-4"));
    proxy.advance(61);
    const answer = proxy.get("/a");
    await settled();
    expect(proxy.origin.last.field("if-range")).toBe("Sat, 21 Nov 2026 10:00:00 GMT");
    const { etag: _etag, ...rest } = part(5, 9, dated);
    proxy.origin.last.answer("56789", rest);
    expect((await answer).text).toBe(WHOLE);
    await proxy.drain();
    expect(held(proxy)).toBe("whole");
  });

  it("is one fetch for all who ask meanwhile", async () => {
    const proxy = await withPart(0, 4);
    const answers = [proxy.get("/a"), proxy.get("/a")];
    await settled();
    proxy.origin.last.answer("56789", REST);
    for (const seen of await Promise.all(answers)) {
      expect([seen.status, seen.text, seen.field("content-length")]).toEqual([200, WHOLE, "10"]);
    }
    expect(proxy.origin.asked).toHaveLength(1);
  });

  it.each<[string, number, number, Head]>([
    ["it begins later", 2, 5, {}],
    ["its tag is weak", 0, 4, { etag: 'W/"1"' }],
  ])("is a plain fetch where %s", async (_id, first, last, head) => {
    const proxy = await withPart(first, last, head);
    const answer = proxy.get("/a");
    await settled();
    expect(["range", "if-range"].map((name) => proxy.origin.last.field(name))).toEqual([
      undefined,
      undefined,
    ]);
    proxy.origin.last.answer(WHOLE, { cc: "max-age=60" });
    expect(await answer).toMatchObject({ status: 200, text: WHOLE });
    await proxy.drain();
    expect(held(proxy)).toBe("whole");
  });

  it("is a plain fetch where the whole is too large to be stored", async () => {
    const proxy = aProxy({ maxObjectBytes: 9 });
    await primePart(proxy, 0, 4);
    const answer = proxy.get("/a");
    await settled();
    expect(proxy.origin.last.field("range")).toBeUndefined();
    proxy.origin.last.answer(WHOLE, { cc: "max-age=60" });
    expect((await answer).text).toBe(WHOLE);
  });

  it("is answered by the origin's 200, which replaces the part", async () => {
    const proxy = await withPart(0, 4);
    const answer = proxy.get("/a");
    await settled();
    proxy.origin.last.answer("abcdefghijk", { cc: "max-age=60", etag: '"2"' });
    expect(await answer).toMatchObject({ status: 200, text: "abcdefghijk" });
    await proxy.drain();
    expect(await proxy.get("/a")).toMatchObject({ text: "abcdefghijk", cache: "HIT/HIT" });
  });

  it("drops the part where the origin's 200 may not be stored", async () => {
    const proxy = await withPart(0, 4);
    const answer = proxy.get("/a");
    await settled();
    proxy.origin.last.answer("new", { cc: "no-store" });
    expect((await answer).text).toBe("new");
    await proxy.drain();
    expect(held(proxy)).toBe("nothing");
  });

  it.each<[string, Head]>([
    ["another representation", part(5, 9, { etag: '"2"' })],
    ["no validator", { ...part(5, 9), etag: undefined as never }],
    ["other bytes", part(4, 8)],
    ["a part that lies", part(5, 8)],
    ["416", { status: 416, fields: ["Content-Range", "bytes */3"] }],
  ])("asks again for the whole when the answer is %s", async (_id, head) => {
    const proxy = await withPart(0, 4);
    const answer = proxy.get("/a");
    await settled();
    const { etag, ...rest } = head;
    const refused = proxy.origin.last.answer("56789", etag === undefined ? rest : head);
    await settled();
    expect(proxy.origin.asked).toHaveLength(2);
    expect(refused.returned).toBe(true);
    expect(proxy.origin.last.field("range")).toBeUndefined();
    proxy.origin.last.answer(WHOLE, { cc: "max-age=60", etag: TAG });
    expect(await answer).toMatchObject({ status: 200, text: WHOLE });
    await proxy.drain();
    expect(held(proxy)).toBe("whole");
  });

  it.each([
    ["shorter", "567"],
    ["longer", "56789x"],
  ])("breaks off where the rest is %s than its head says, and nothing is stored of it", async (_id, text) => {
    const proxy = await withPart(0, 4);
    const answer = proxy.get("/a");
    await settled();
    proxy.origin.last.begin(REST).push(text).end();
    expect((await answer).broken).toBe(true);
    await proxy.drain();
    expect(held(proxy)).toBe("0-4");
  });

  it("is an error where the origin fails: a part is no answer, however stale it may be served", async () => {
    const proxy = await withPart(0, 4, { cc: "max-age=60, stale-if-error=600, stale-while-revalidate=600" });
    proxy.advance(61);
    const answer = proxy.get("/a");
    await settled();
    proxy.origin.last.fail();
    expect((await answer).status).toBe(502);
    proxy.origin.healthy = false;
    expect((await proxy.get("/a")).status).toBe(502);
    expect(held(proxy)).toBe("0-4");
  });

  it("is refused to a client that wants only what is stored", async () => {
    const proxy = await withPart(0, 4);
    expect((await proxy.get("/a", { fields: ["Cache-Control", "only-if-cached"] })).status).toBe(504);
  });
});

describe("a stale part", () => {
  const stale = async (cc = "max-age=60"): Promise<TestProxy> => {
    const proxy = await withPart(2, 5, { cc });
    proxy.advance(60);
    return proxy;
  };

  it("is validated as a part, and stays (RFC 9111 §4.3.4)", async () => {
    const proxy = await stale();
    const answer = proxy.get("/a", range("3-4"));
    await settled();
    expect([proxy.origin.last.field("if-none-match"), proxy.origin.last.field("range")]).toEqual([
      TAG,
      "bytes=3-4",
    ]);
    proxy.origin.last.notModified({ cc: "max-age=60", etag: TAG });
    expect(await answer).toMatchObject({ status: 206, text: "34", cache: "HIT/REVALIDATED" });
    await proxy.drain();
    expect(held(proxy)).toBe("2-5");
    proxy.advance(59);
    expect((await proxy.get("/a", range("2-5"))).cache).toBe("HIT/HIT");
  });

  it("is replaced by a part of the new representation", async () => {
    const proxy = await stale();
    const answer = proxy.get("/a", range("3-4"));
    await settled();
    proxy.origin.last.answer("34", part(3, 4, { etag: '"2"' }));
    expect(await answer).toMatchObject({ status: 206, text: "34", cache: "MISS/EXPIRED" });
    await proxy.drain();
    expect(held(proxy)).toBe("3-4");
  });

  it("is gone when its bytes are (416)", async () => {
    const proxy = await stale();
    const answer = proxy.get("/a", range("3-4"));
    await settled();
    proxy.origin.last.answer("", { status: 416, fields: ["Content-Range", "bytes */1"] });
    expect((await answer).status).toBe(416);
    await proxy.drain();
    expect(held(proxy)).toBe("nothing");
  });

  it("is served when the origin fails, to those whom it answers", async () => {
    const proxy = await stale("max-age=60, stale-if-error=600");
    const answer = proxy.get("/a", range("3-4"));
    await settled();
    proxy.origin.last.fail();
    expect(await answer).toMatchObject({ status: 206, text: "34", cache: "HIT/STALE" });
  });

  it("is refreshed as a part in the background", async () => {
    const proxy = await stale("max-age=60, stale-while-revalidate=600");
    expect(await proxy.get("/a", range("3-4"))).toMatchObject({ text: "34", cache: "HIT/UPDATING" });
    await settled();
    expect([proxy.origin.last.field("if-none-match"), proxy.origin.last.field("range")]).toEqual([
      TAG,
      "bytes=3-4",
    ]);
    // Whoever wants the whole meanwhile does not wait for a part.
    const whole = proxy.get("/a");
    await settled();
    expect(proxy.origin.asked).toHaveLength(2);
    proxy.origin.asked[1]!.answer(WHOLE, { cc: "max-age=60", etag: TAG });
    expect(await whole).toMatchObject({ status: 200, text: WHOLE });
    await proxy.keep.drain();
    proxy.origin.asked[0]!.notModified({ cc: "max-age=60", etag: TAG });
    await proxy.drain();
    expect(proxy.of("refreshed")).toMatchObject([{ result: "validated" }]);
    expect(held(proxy)).toBe("whole");
  });
});

describe("stored bytes and those that follow", () => {
  const read = async (stream: AsyncIterable<Uint8Array>) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks).toString("latin1");
  };

  it("come in order, large ones in slices", async () => {
    const stored = "x".repeat(150_000);
    const rest = new ScriptedBody().push("a", "b").end();
    expect(await read(followedBy(bytesOf(stored), rest, 150_002, "o"))).toBe(`${stored}ab`);
  });

  it("are let go at once, also while the rest is awaited", async () => {
    const rest = new ScriptedBody();
    const bytes = followedBy(bytesOf("01"), rest, 5, "o")[Symbol.asyncIterator]();
    expect((await bytes.next()).value).toEqual(bytesOf("01"));
    const waiting = bytes.next();
    await bytes.return?.();
    expect(rest.returned).toBe(true);
    await expect(waiting).rejects.toThrow("length");
  });
});
