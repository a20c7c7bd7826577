import { describe, expect, it } from "vitest";
import { type Asked, aProxy, type Seen, settled, type TestProxy, tally } from "./harness.ts";

const VARY = { cc: "max-age=60", fields: ["Vary", "Accept-Language"] };
const speaking = (language: string) => ({ fields: ["Accept-Language", language] });
const languageOf = (asked: Asked): string => asked.field("accept-language") ?? "none";
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `x-${i}`);

/** `count` clients that take turns in speaking these languages. */
const crowd = (proxy: TestProxy, count: number, languages: readonly string[]): Promise<Seen>[] =>
  Array.from({ length: count }, (_, i) => proxy.get("/hot", speaking(languages[i % languages.length]!)));

/** Answers what waits for the origin, and says for which languages it was. */
async function answerAll(proxy: TestProxy, answered: number): Promise<string[]> {
  await settled();
  const open = proxy.origin.asked.slice(answered);
  for (const asked of open) asked.answer(languageOf(asked), VARY);
  await settled();
  return open.map(languageOf);
}

/** Everybody has the language that it speaks. */
const expectOwn = async (answers: readonly Promise<Seen>[], languages: readonly string[]) =>
  expect((await Promise.all(answers)).map(({ text }) => text)).toEqual(
    answers.map((_, i) => languages[i % languages.length]),
  );

describe("a burst for several variants of a cold key", () => {
  it.each([1, 2, 3, 20])("costs one request for each of %i, in two round trips", async (count) => {
    const proxy = aProxy();
    const languages = names(count);
    const answers = crowd(proxy, 1000, languages);
    expect(await answerAll(proxy, 0)).toEqual(["x-0"]);
    expect((await answerAll(proxy, 1)).sort()).toEqual(languages.slice(1).sort());
    await expectOwn(answers, languages);
    expect(proxy.origin.asked).toHaveLength(count);
    await proxy.drain();
    expect([proxy.coalescer.size, proxy.timers.pending, proxy.budget.used]).toEqual([0, 0, 0]);
  });

  it("beyond the bound of variants loses nobody, and makes no queue", async () => {
    const proxy = aProxy();
    const languages = names(100);
    const answers = crowd(proxy, 1000, languages);
    await answerAll(proxy, 0);
    await answerAll(proxy, 1);
    await expectOwn(answers, languages);
    await proxy.drain();
    expect([proxy.coalescer.size, proxy.timers.pending]).toEqual([0, 0]);
  });

  it("in which one variant's leader fails elects another for that variant alone", async () => {
    const proxy = aProxy();
    const answers = crowd(proxy, 100, ["de", "en"]);
    await answerAll(proxy, 0);
    expect(proxy.origin.asked.map(languageOf)).toEqual(["de", "en"]);
    const failing = crowd(proxy, 100, ["fr"]);
    await settled();
    proxy.origin.last.fail("reset");
    await settled();
    expect(proxy.origin.asked.map(languageOf)).toEqual(["de", "en", "fr", "fr"]);
    for (const asked of [proxy.origin.asked[1]!, proxy.origin.asked[3]!])
      asked.answer(languageOf(asked), VARY);
    await expectOwn(answers, ["de", "en"]);
    expect(tally((await Promise.all(failing)).map(({ status }) => String(status)))).toEqual({
      "200": 99,
      "502": 1,
    });
  });

  it("that turns out to vary by a second field still gives each its own", async () => {
    const proxy = aProxy();
    const two = { cc: "max-age=60", fields: ["Vary", "Accept-Language, X-Size"] };
    const ask = (language: string, size: string) =>
      proxy.get("/hot", { fields: ["Accept-Language", language, "X-Size", size] });
    const answers = [ask("de", "s"), ask("en", "s"), ask("en", "m"), ask("en", "m"), ask("en", "l")];
    await settled();
    proxy.origin.last.answer("de", VARY);
    await settled();
    expect(proxy.origin.asked).toHaveLength(2);
    proxy.origin.asked[1]!.answer("en s", two);
    await settled();
    expect(proxy.origin.asked).toHaveLength(4);
    for (const asked of proxy.origin.asked.slice(2)) asked.answer(`en ${asked.field("x-size")}`, two);
    expect((await Promise.all(answers)).map(({ text }) => text)).toEqual([
      "de",
      "en s",
      "en m",
      "en m",
      "en l",
    ]);
  });

  it("of which every answer names one more field waits three times, and then for nobody", async () => {
    const proxy = aProxy();
    const SELECTING = ["X-0", "X-1", "X-2", "X-3"];
    const bits = Array.from({ length: 16 }, (_, i) => SELECTING.map((_, bit) => String((i >> bit) & 1)));
    const answers = bits.map((values) =>
      proxy.get("/hot", { fields: SELECTING.flatMap((name, i) => [name, values[i]!]) }),
    );
    await settled();
    const answer = (nth: number, count: number) => {
      const asked = proxy.origin.asked[nth]!;
      const text = SELECTING.map((name) => asked.field(name)).join("");
      asked.answer(text, { cc: "max-age=60", fields: ["Vary", SELECTING.slice(0, count).join(", ")] });
    };
    for (const round of [1, 2, 3]) {
      expect(proxy.origin.asked).toHaveLength(round);
      answer(round - 1, round);
      await settled();
    }
    // The last two are not one behind the other.
    expect(proxy.origin.asked).toHaveLength(5);
    for (const nth of [3, 4]) answer(nth, 4);
    const got = (await Promise.all(answers)).map(({ text }) => text);
    // Each has what fits it by what its answer named.
    for (const [i, text] of got.entries()) expect(text[0]).toBe(bits[i]![0]);
    await proxy.drain();
    expect([proxy.coalescer.size, proxy.timers.pending]).toEqual([0, 0]);
  });
});

describe("who comes while a variant is under way", () => {
  it("waits for its own alone, once the head of another has told what selects", async () => {
    const proxy = aProxy();
    const german = proxy.get("/hot", speaking("de"));
    await settled();
    const body = proxy.origin.last.begin(VARY).push("de");
    const french = crowd(proxy, 10, ["fr"]);
    await settled();
    expect(proxy.origin.asked.map(languageOf)).toEqual(["de", "fr"]);
    // Nobody has waited for the end of what is not for them.
    proxy.origin.last.answer("fr", VARY);
    await expectOwn(french, ["fr"]);
    body.end();
    expect((await german).text).toBe("de");
  });

  it("knows from what is stale which field selects: expired variants are fetched side by side", async () => {
    const proxy = aProxy();
    for (const language of ["de", "en"])
      await proxy.prime("/hot", "old", { ...VARY, etag: '"1"' }, speaking(language));
    proxy.advance(61);
    const answers = crowd(proxy, 100, ["de", "en", "fr"]);
    expect((await answerAll(proxy, 0)).sort()).toEqual(["de", "en", "fr"]);
    await expectOwn(answers, ["de", "en", "fr"]);
  });
});
