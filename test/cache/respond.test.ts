import { describe, expect, it } from "vitest";
import { formatHttpDate } from "../../src/policy/http-date.ts";
import { type Ask, aProxy, type Head, settled, T0 } from "./harness.ts";

const LAST_MODIFIED = "Sat, 21 Nov 2026 10:00:00 GMT";
const VALIDATORS: Head = { cc: "max-age=60", etag: '"1"', fields: ["Last-Modified", LAST_MODIFIED] };

async function stored(text = "0123456789", head: Head = VALIDATORS) {
  const proxy = aProxy();
  await proxy.prime("/a", text, head);
  return proxy;
}

async function fresh(text: string, head: Head, ask?: Ask) {
  const proxy = aProxy();
  const answer = proxy.get("/a", ask);
  await settled();
  const body = proxy.origin.last.answer(text, head);
  return { proxy, body, seen: await answer };
}

describe("the lines of an answer", () => {
  const fields = [
    "X-First",
    "1",
    "Via",
    "1.1 inner",
    "X-Cache",
    "HIT from elsewhere",
    "Cache-Status",
    "inner; hit",
    "x-CASE",
    "kept",
    "Set-Odd",
    "a",
    "Set-Odd",
    "b",
    "Connection",
    "X-Hop",
    "X-Hop",
    "not for others",
    "Warning",
    "110 - stale",
  ];
  const ours = (cacheStatus: string, xCacheStatus: string, xCache: string) => [
    "Via",
    "1.1 freshline",
    "X-Cache-Status",
    xCacheStatus,
    "X-Cache",
    xCache,
    "Cache-Status",
    cacheStatus,
  ];
  const theirs = ["X-First", "1", "Via", "1.1 inner", "Cache-Status", "inner; hit", "x-CASE", "kept"];
  const repeated = ["Set-Odd", "a", "Set-Odd", "b"];
  const date = ["Date", formatHttpDate(T0), "Cache-Control", "max-age=60"];

  it("are the origin's in order and case, without its X-Cache and hop-by-hop ones, and then ours", async () => {
    const { proxy, seen } = await fresh("body", { cc: "max-age=60", fields });
    expect(seen.fields).toEqual([
      ...date,
      "Content-Length",
      "4",
      ...theirs,
      ...repeated,
      ...ours("freshline; fwd=uri-miss; fwd-status=200; stored", "MISS", "MISS"),
    ]);
    await proxy.drain();
    proxy.advance(18.5);
    const hit = await proxy.get("/a");
    expect(hit.fields).toEqual([
      ...date,
      ...theirs,
      ...repeated,
      "Content-Length",
      "4",
      "Age",
      "18",
      ...ours("freshline; hit; ttl=42", "HIT", "HIT"),
    ]);
  });

  it("of a passed answer are the origin's, and ours", async () => {
    const { seen } = await fresh("body", { fields }, { method: "POST" });
    expect(seen.fields.slice(-8)).toEqual(ours("freshline; fwd=method; fwd-status=200", "MISS", "BYPASS"));
    expect(seen.field("x-hop")).toBeUndefined();
    expect(seen.text).toBe("body");
  });

  it("carry the Age that the response came with, and never a fraction (RFC 9111 §5.1)", async () => {
    const proxy = await stored("body", { cc: "max-age=60", fields: ["Age", "30"] });
    proxy.advance(1.9);
    const hit = await proxy.get("/a");
    expect([hit.field("age"), hit.cacheStatus]).toEqual(["31", "freshline; hit; ttl=29"]);
    proxy.advance(28.1);
    const stale = await Promise.race([proxy.head("/a"), settled()]);
    expect(stale).toBeUndefined();
    proxy.origin.last.fail();
  });
});

describe("304 Not Modified (RFC 9110 §13.1, §15.4.5)", () => {
  const conditions: readonly (readonly [string, string[], number])[] = [
    ["the entity tag", ["If-None-Match", '"1"'], 304],
    ["one of a list, weakly", ["If-None-Match", '"0", W/"1"'], 304],
    ["anything", ["If-None-Match", "*"], 304],
    ["another entity tag", ["If-None-Match", '"2"'], 200],
    ["the date", ["If-Modified-Since", LAST_MODIFIED], 304],
    ["a later date", ["If-Modified-Since", "Sat, 21 Nov 2026 11:00:00 GMT"], 304],
    ["an earlier date", ["If-Modified-Since", "Sat, 21 Nov 2026 09:59:59 GMT"], 200],
    ["no date at all", ["If-Modified-Since", "yesterday"], 200],
    [
      "another tag and the date: the tag alone counts",
      ["If-None-Match", '"2"', "If-Modified-Since", LAST_MODIFIED],
      200,
    ],
  ];

  it.each(conditions)("from the cache to a client with %s", async (_name, fields, status) => {
    const proxy = await stored();
    proxy.advance(7);
    const answer = await proxy.get("/a", { fields });
    expect([answer.status, answer.text, answer.cache]).toEqual([
      status,
      status === 304 ? "" : "0123456789",
      "HIT/HIT",
    ]);
    if (status === 304) {
      expect([answer.field("etag"), answer.field("age"), answer.field("content-length")]).toEqual([
        '"1"',
        "7",
        undefined,
      ]);
    }
  });

  it.each(conditions)(
    "from a fetch for a client with %s; the cache gets the whole",
    async (_name, fields, status) => {
      const { proxy, seen } = await fresh("0123456789", VALIDATORS, { fields });
      expect([seen.status, seen.text, seen.cache]).toEqual([
        status,
        status === 304 ? "" : "0123456789",
        "MISS/MISS",
      ]);
      expect(proxy.origin.last.field("if-none-match")).toBeUndefined();
      expect(proxy.origin.last.field("if-modified-since")).toBeUndefined();
      await proxy.drain();
      expect((await proxy.get("/a")).text).toBe("0123456789");
    },
  );

  it("is not for an error, whatever its entity tag", async () => {
    const proxy = await stored("gone", { ...VALIDATORS, status: 404 });
    const answer = await proxy.get("/a", { fields: ["If-None-Match", '"1"'] });
    expect([answer.status, answer.text]).toEqual([404, "gone"]);
  });

  it("is for each waiting client by its own copy", async () => {
    const proxy = aProxy();
    const answers = ['"1"', '"0"', undefined].map((tag) =>
      proxy.get("/a", tag === undefined ? {} : { fields: ["If-None-Match", tag] }),
    );
    await settled();
    proxy.origin.last.answer("body", VALIDATORS);
    expect((await Promise.all(answers)).map(({ status, text }) => `${status} ${text}`)).toEqual([
      "304 ",
      "200 body",
      "200 body",
    ]);
    expect(proxy.origin.asked).toHaveLength(1);
  });
});

describe("HEAD", () => {
  it("is answered from a stored GET: its fields and its length, no body", async () => {
    const proxy = await stored();
    const head = await proxy.get("/a", { method: "HEAD", fields: ["Range", "bytes=0-1"] });
    const get = await proxy.get("/a");
    expect([head.status, head.text, head.fields]).toEqual([200, "", get.fields]);
    expect(head.response.body).toEqual({ type: "none" });
    expect(proxy.origin.asked).toHaveLength(0);
  });

  it("that misses passes with the client's conditions, and stores nothing", async () => {
    const { proxy, seen, body } = await fresh(
      "",
      { ...VALIDATORS, fields: [] },
      { method: "HEAD", fields: ["If-None-Match", '"9"'] },
    );
    expect([seen.status, seen.cache]).toEqual([200, "MISS/MISS"]);
    expect(proxy.origin.last.field("if-none-match")).toBe('"9"');
    await proxy.drain();
    expect(proxy.stored("/a").type).toBe("none");
    expect(body.returned).toBe(true);
  });
});

describe("ranges (RFC 9110 §14)", () => {
  it.each([
    ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
    ["bytes=4-", 206, "456789", "bytes 4-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=8-99", 206, "89", "bytes 8-9/10"],
    ["bytes=10-", 416, "", "bytes */10"],
    ["bytes=-0", 416, "", "bytes */10"],
    ["bytes=3-1", 200, "0123456789", undefined],
    ["bytes=0-1,99-", 206, "01", "bytes 0-1/10"],
    ["bytes=0-5,0-5", 200, "0123456789", undefined],
    ["lines=0-1", 200, "0123456789", undefined],
  ] as const)("%s of a stored response: %i", async (range, status, text, contentRange) => {
    const proxy = await stored();
    const answer = await proxy.get("/a", { fields: ["Range", range] });
    expect([answer.status, answer.text, answer.field("content-range"), answer.cache]).toEqual([
      status,
      text,
      contentRange,
      "HIT/HIT",
    ]);
    expect(answer.field("content-length")).toBe(String(text.length));
  });

  it.each([
    ['"1"', 206],
    ['W/"1"', 200],
    ['"2"', 200],
    [LAST_MODIFIED, 206],
  ])("with If-Range %s: %i", async (condition, status) => {
    const proxy = await stored();
    const fields = ["Range", "bytes=0-1", "If-Range", condition];
    expect((await proxy.get("/a", { fields })).status).toBe(status);
  });

  it.each([
    ["bytes=0-1,4-5", ["bytes 0-1/10", "01"], ["bytes 4-5/10", "45"]],
    ["bytes=-2, 0-0", ["bytes 8-9/10", "89"], ["bytes 0-0/10", "0"]],
  ])("%s of a stored response is multipart/byteranges, in that order", async (range, ...parts) => {
    const fields = ["Content-Type", "text/\xfcber"];
    const proxy = await stored("0123456789", { cc: "max-age=60", etag: '"1"', fields });
    const answer = await proxy.get("/a", { fields: ["Range", range] });
    expect([answer.status, answer.field("content-range"), answer.field("etag")]).toEqual([
      206,
      undefined,
      '"1"',
    ]);
    const [, boundary] =
      /^multipart\/byteranges; boundary=([\w-]+)$/.exec(answer.field("content-type") ?? "") ?? [];
    const expected = parts.map(
      ([contentRange, bytes]) =>
        `--${boundary}\r\nContent-Type: text/\xfcber\r\nContent-Range: ${contentRange}\r\n\r\n${bytes}\r\n`,
    );
    expect(answer.text).toBe(`${expected.join("")}--${boundary}--\r\n`);
    expect(answer.field("content-length")).toBe(String(answer.text.length));
    expect(proxy.origin.asked).toHaveLength(0);
  });

  it("in several parts have another boundary each time, and no Content-Type where there is none", async () => {
    const proxy = await stored("0123456789", { cc: "max-age=60" });
    const ask = { fields: ["Range", "bytes=0-1,4-5"] };
    const [one, two] = [await proxy.get("/a", ask), await proxy.get("/a", ask)];
    expect(one.field("content-type")).not.toBe(two.field("content-type"));
    expect(one.text).not.toContain("Content-Type");
  });

  it("that the origin ignores bring the whole, which is stored", async () => {
    const { proxy, seen } = await fresh("0123456789", VALIDATORS, { fields: ["Range", "bytes=0-1"] });
    expect([seen.status, seen.text]).toEqual([200, "0123456789"]);
    await proxy.drain();
    expect((await proxy.get("/a", { fields: ["Range", "bytes=0-1"] })).text).toBe("01");
  });

  it("of a stale response are cut from what the origin validated", async () => {
    const proxy = await stored();
    proxy.advance(60);
    proxy.origin.script = (asked) => void asked.notModified({ cc: "max-age=60", etag: '"1"' });
    const part = await proxy.get("/a", { fields: ["Range", "bytes=2-3"] });
    expect([part.status, part.text, part.cache]).toEqual([206, "23", "HIT/REVALIDATED"]);
    expect(proxy.origin.last.field("range")).toBeUndefined();
  });
});

describe("answers without content", () => {
  it("204 has neither body nor length, fetched and from the cache", async () => {
    const proxy = aProxy();
    const answer = proxy.get("/a");
    await settled();
    proxy.origin.last.begin({ status: 204, cc: "max-age=60" }).end();
    const first = await answer;
    await proxy.drain();
    const hit = await proxy.get("/a");
    for (const seen of [first, hit]) {
      expect([seen.status, seen.response.body.type, seen.field("content-length")]).toEqual([
        204,
        "none",
        undefined,
      ]);
    }
    expect(hit.cache).toBe("HIT/HIT");
  });

  it("an empty 200 says that its length is 0", async () => {
    const hit = await (await stored("", VALIDATORS)).get("/a");
    expect([hit.status, hit.text, hit.field("content-length")]).toEqual([200, "", "0"]);
  });

  it("an error of ours to HEAD has its length, and no body", async () => {
    const proxy = aProxy();
    proxy.origin.script = (asked) => asked.fail("refused");
    const head = await proxy.get("/a", { method: "HEAD" });
    expect([head.status, head.text, Number(head.field("content-length")) > 0]).toEqual([502, "", true]);
  });
});

describe("a request that the cache has no part in", () => {
  it.each<[string, Ask, string]>([
    ["a client's no-store", { fields: ["Cache-Control", "no-store"] }, "client-no-store"],
    ["If-Match", { fields: ["If-Match", '"1"'] }, "precondition"],
    ["If-Unmodified-Since", { fields: ["If-Unmodified-Since", LAST_MODIFIED] }, "precondition"],
  ])("%s passes as the client sent it, and touches no store", async (_name, ask, reason) => {
    const proxy = await stored();
    proxy.store.failing.add("lookup");
    const answer = proxy.get("/a", ask);
    await settled();
    const [name = "", value = ""] = ask.fields ?? [];
    expect(proxy.origin.last.field(name.toLowerCase())).toBe(value);
    proxy.origin.last.answer("new", { cc: "max-age=60" });
    const seen = await answer;
    expect([seen.text, seen.cache, seen.cacheStatus]).toEqual([
      "new",
      "MISS/BYPASS",
      `freshline; fwd=bypass; fwd-status=200; detail=${reason}`,
    ]);
    await proxy.drain();
    expect(proxy.of("store-failed")).toEqual([]);
    proxy.store.failing.clear();
    expect((await proxy.get("/a")).text).toBe("0123456789");
  });

  it("is told to the origin with the client's own 304 passed on", async () => {
    const proxy = aProxy();
    const answer = proxy.get("/a", { fields: ["Cache-Control", "no-store", "If-None-Match", '"1"'] });
    await settled();
    proxy.origin.last.notModified({ etag: '"1"' });
    expect(await answer).toMatchObject({ status: 304, text: "", cache: "MISS/BYPASS" });
  });
});

describe("a refusal", () => {
  it.each([
    ["overloaded", 503, "1"],
    ["refused", 502, undefined],
    ["timeout", 504, undefined],
  ] as const)(
    "because the origin is %s is a %i, and says when to come again where that may help",
    async (code, status, after) => {
      const proxy = aProxy();
      const answer = proxy.get("/a");
      await settled();
      proxy.origin.last.fail(code);
      const seen = await answer;
      expect([seen.status, seen.field("retry-after")]).toEqual([status, after]);
    },
  );
});
