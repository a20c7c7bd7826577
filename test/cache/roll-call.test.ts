import { expect, it } from "vitest";
import { createRollCall, type OwnWords } from "../../src/cache/roll-call.ts";

const words = (changes: Partial<OwnWords> = {}): OwnWords => ({
  ...{ version: "1.0.0", since: 5, epoch: 7, behind_ms: 0 },
  ...changes,
});

/** An instance named `me` beside others that answer so. */
function among(answers: Readonly<Record<string, string | undefined>>) {
  let answering: (question: string) => Promise<string> = async () => "";
  const asked: string[] = [];
  const { instances, others } = createRollCall(
    {
      name: "me",
      answerWith: (answer) => {
        answering = answer;
      },
      ask: async (question) => {
        asked.push(question);
        return new Map(Object.entries(answers));
      },
    },
    () => words(),
  );
  return { instances, others, asked, answer: (question: string) => answering(question) };
}

it("the roll has this instance first, and the others by their names", async () => {
  const { instances } = among({
    b: JSON.stringify(words({ epoch: 6, behind_ms: 1500 })),
    a: JSON.stringify(words({ version: "0.9.0", behind_ms: null })),
  });
  expect(await instances()).toEqual([
    { instance: "me", self: true, ...words() },
    { instance: "a", self: false, ...words({ version: "0.9.0", behind_ms: null }) },
    { instance: "b", self: false, ...words({ epoch: 6, behind_ms: 1500 }) },
  ]);
});

it.each([
  ["has not answered", undefined],
  ["is of a version that knows no such question", "[]"],
  ["says what nobody understands", "{"],
  ["says null", "null"],
  ["says numbers in words", JSON.stringify({ ...words(), epoch: "7" })],
])("one that %s is there, and nothing is known of it", async (_, answer) => {
  const { instances } = among({ other: answer });
  expect((await instances())[1]).toEqual({
    ...{ instance: "other", self: false, version: null, since: null, epoch: null, behind_ms: null },
  });
});

it("who else asks the others is answered as before, and so are they", async () => {
  const { instances, others, asked, answer } = among({});
  others.answerWith(async (question) => `of ${question}`);
  expect(await answer("http://shop.example/")).toBe("of http://shop.example/");
  await others.ask("http://shop.example/");
  await instances();
  expect(asked).toEqual(["http://shop.example/", expect.not.stringContaining("://")]);
  expect(JSON.parse(await answer(asked[1] ?? ""))).toEqual(words());
});
