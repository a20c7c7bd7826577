import { describe, expect, it } from "vitest";
import type { CacheResponse } from "../../src/cache/exchange.ts";
import type { StoredResponse } from "../../src/policy/stored-response.ts";
import { ID_LENGTH } from "../../src/server/fresh-id.ts";
import { PreparedAnswers, prepare, retime } from "../../src/server/lane/prepared.ts";
import { aStored } from "../policy/builders.ts";

const KEY = { aspect: "GET", age: 1, ttl: 59 };
const DATE = "Sat, 21 Nov 2026 12:00:00 GMT";

const anAnswer = (overrides: Partial<CacheResponse> = {}): CacheResponse => ({
  status: 200,
  statusMessage: "Fine",
  fields: ["Content-Length", "5", "Date", DATE],
  body: { type: "bytes", bytes: Buffer.from("hello") },
  outcome: { word: "HIT", body: "cache", ttl: 59 },
  ...overrides,
});

const prepared = (overrides: Partial<CacheResponse> = {}) =>
  prepare(anAnswer(overrides), ["X-Own", "1"], 65, KEY);

describe("a prepared answer", () => {
  it("is all that goes over the wire, with a place for the id", () => {
    const { bytes, idAt, bodyBytes, bodyApart } = prepared() ?? expect.fail();
    bytes.write("i".repeat(ID_LENGTH), idAt, "latin1");
    expect(bytes.toString("latin1")).toBe(
      [
        ...["HTTP/1.1 200 Fine", "Content-Length: 5", `Date: ${DATE}`, `X-Request-Id: ${"i".repeat(36)}`],
        ...["X-Own: 1", "Connection: keep-alive", "Keep-Alive: timeout=65", "", "hello"],
      ].join("\r\n"),
    );
    expect([bodyBytes, bodyApart]).toEqual([5, false]);
  });

  it("finds its place for the id behind a field that looks like it", () => {
    const fields = [...anAnswer().fields, "X-Odd", `X-Request-Id: ${"#".repeat(ID_LENGTH)}`];
    const { bytes, idAt } = prepared({ fields }) ?? expect.fail();
    expect(bytes.toString("latin1", idAt - 16, idAt)).toBe("\r\nX-Request-Id: ");
  });

  it("finds it before a body that looks like it", () => {
    const { bytes, idAt } =
      prepared({ body: { type: "bytes", bytes: Buffer.from("#".repeat(100)) } }) ?? expect.fail();
    expect(idAt).toBeLessThan(bytes.indexOf("X-Own"));
  });

  it("says what a status without words means", () => {
    expect(prepared({ statusMessage: "" })?.bytes.toString("latin1")).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(prepared({ statusMessage: "", status: 299 })?.bytes.toString("latin1")).toMatch(
      /^HTTP\/1\.1 299 unknown\r\n/,
    );
  });

  it("leaves out a long body, which is sent from where it is", () => {
    const bytes = Buffer.alloc(10_000, "b");
    const long = prepared({ body: { type: "bytes", bytes } }) ?? expect.fail();
    expect([long.bodyApart, long.bodyBytes, long.bytes.indexOf("b".repeat(9))]).toEqual([true, 10_000, -1]);
  });

  it.each([
    ["no Date", { fields: ["Content-Length", "5"] }],
    ["a field that Node reads as an order", { fields: ["Date", DATE, "Trailer", "X"] }],
    ["a byte that no head may have", { fields: ["Date", DATE, "X", "a\u0001"] }],
    ["one in its status line", { statusMessage: "a\nb" }],
    ["a body that comes later", { body: { type: "stream", stream: { async *[Symbol.asyncIterator]() {} } } }],
  ] as const)("is none for an answer with %s", (_, overrides) => {
    expect(prepared(overrides as Partial<CacheResponse>)).toBeUndefined();
  });
});

describe("a prepared answer of another second", () => {
  const STATUS = ["Cache-Status", "other; hit; ttl=59"];
  const at = (age: number, ttl: number, more: readonly string[] = []) =>
    prepare(
      anAnswer({
        fields: [
          "Age",
          String(age),
          "Date",
          DATE,
          ...STATUS,
          "Cache-Status",
          `freshline; hit; ttl=${ttl}`,
          ...more,
        ],
        outcome: { word: "HIT", body: "cache", ttl, age },
      }),
      ["X-Own", "1"],
      65,
      { aspect: "GET", age, ttl },
    ) ?? expect.fail();

  it("is what would be prepared anew", () => {
    const answer = at(1, 59);
    for (const age of [2, 3, 9, 4]) {
      expect(retime(answer, age, 60 - age)).toBe(true);
      expect(answer).toEqual(at(age, 60 - age));
    }
    expect(answer.bytes.toString("latin1")).toContain(
      "Age: 4\r\n" +
        `Date: ${DATE}\r\nCache-Status: other; hit; ttl=59\r\nCache-Status: freshline; hit; ttl=56\r\n`,
    );
  });

  it("leaves what was told of the last one as it was told", () => {
    const answer = at(1, 59);
    const { outcome } = answer;
    retime(answer, 2, 58);
    expect([outcome.age, outcome.ttl, answer.outcome.age, answer.outcome.ttl]).toEqual([1, 59, 2, 58]);
  });

  it.each([
    ["its age is longer", 10, 50],
    ["its ttl is shorter", 9, 9],
  ])("is none, and as it was, where %s", (_, age, ttl) => {
    const answer = at(1, 59);
    expect(retime(answer, age, ttl)).toBe(false);
    expect(answer).toEqual(at(1, 59));
  });

  it("says no times where it has said none", () => {
    const answer = prepared() ?? expect.fail();
    const bytes = Buffer.from(answer.bytes);
    expect([retime(answer, 2, 58), answer.age, answer.bytes.equals(bytes)]).toEqual([true, 2, true]);
  });

  it.each([
    ["another age", ["Age", "7"]],
    ["more behind its ttl", ["Cache-Status", "freshline; hit; ttl=59; detail=x"]],
  ])("is none where it says %s", (_, more) => {
    expect(retime(at(1, 59, more), 2, 58)).toBe(false);
  });
});

describe("prepared answers", () => {
  const answer = (aspect = "GET") => ({ ...(prepared() ?? expect.fail()), aspect });

  it("are found by their stored response and aspect", () => {
    const answers = new PreparedAnswers();
    const [one, other] = [aStored({}), aStored({})];
    const [get, head] = [answer(), answer("HEAD")];
    answers.set(one, get);
    answers.set(one, head);
    expect(answers.get(one, "GET")).toBe(get);
    expect(answers.get(one, "HEAD")).toBe(head);
    expect(answers.get(other, "GET")).toBeUndefined();
    const newer = answer();
    answers.set(one, newer);
    expect(answers.get(one, "GET")).toBe(newer);
  });

  it("of many stored responses take up no more than their bound, and the newest stay", () => {
    const answers = new PreparedAnswers(20_000);
    const all: StoredResponse[] = Array.from({ length: 1000 }, () => aStored({}));
    for (const stored of all) {
      answers.set(stored, answer());
      expect(answers.bytes).toBeLessThanOrEqual(20_000);
    }
    expect(answers.get(all.at(-1) as StoredResponse, "GET")).toBeDefined();
    expect(answers.get(all[0] as StoredResponse, "GET")).toBeUndefined();
    expect(all.filter((stored) => answers.get(stored, "GET") !== undefined).length).toBeGreaterThan(10);
  });

  it("of one stored response for many clients are bounded as well", () => {
    const answers = new PreparedAnswers();
    const stored = aStored({});
    for (let i = 0; i < 1000; i++) answers.set(stored, answer(`GET ${i}`));
    expect(answers.bytes).toBeLessThan(10_000);
    expect(answers.get(stored, "GET 999")).toBeDefined();
  });
});
