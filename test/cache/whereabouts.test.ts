import { expect, it } from "vitest";
import { EVER, NEVER } from "../../src/cache/purge-memory.ts";
import { SearchVariances } from "../../src/cache/search-variances.ts";
import { createWhereabouts, type OtherInstances } from "../../src/cache/whereabouts.ts";
import type { StoredResponse } from "../../src/policy/stored-response.ts";
import { aStored, later, NOW, URI } from "../policy/builders.ts";

interface Setup {
  readonly stored?: readonly StoredResponse[];
  readonly said?: Readonly<Record<string, string | undefined>>;
  /** Epochs of what purges have deleted. */
  readonly deleted?: readonly number[];
}

/** An instance with these in its memory, where others say this. */
function anInstance({ stored = [], said = {}, deleted = [] }: Setup) {
  let answer: (question: string) => Promise<string> = async () => "";
  const asked: string[] = [];
  const others: OtherInstances = {
    name: "a",
    answerWith: (given) => {
      answer = given;
    },
    ask: async (question) => {
      asked.push(question);
      return new Map(Object.entries(said));
    },
  };
  const memory = {
    inspect: async () =>
      stored.map((one) => ({ entry: { stored: one, body: new Uint8Array() }, tier: "memory" as const })),
  };
  const purges = { staleSince: (_: string, epoch: number) => (deleted.includes(epoch) ? EVER : NEVER) };
  const { elsewhere } = createWhereabouts({ others, memory, purges, variances: new SearchVariances() });
  return { elsewhere, asked, answer: (uri: string) => answer(uri) };
}

const fields = ["X-Tongue", "eo"];

it("what one says of itself the other understands", async () => {
  const { answer } = anInstance({
    stored: [
      aStored({ selectingFields: { "x-tongue": "eo" }, responseTime: NOW }),
      aStored({ selectingFields: { "x-tongue": "eo", "x-absent": null }, responseTime: later(5) }),
      aStored({ selectingFields: { "x-tongue": "de" }, responseTime: later(9) }),
    ],
  });
  const { elsewhere, asked } = anInstance({ said: { b: await answer(URI) } });
  expect(await elsewhere({ uri: URI, fields })).toEqual([
    { instance: "b", answered: true, storedAt: later(5) },
  ]);
  expect(asked).toEqual([URI]);
  expect(await elsewhere({ uri: URI, fields: ["X-Tongue", "fr"] })).toEqual([
    { instance: "b", answered: true },
  ]);
});

it("what a purge has deleted, and what answers another URL, is not there", async () => {
  const stored = [aStored({ epoch: 3 }), aStored({ epoch: 9, uri: `${URI}&more=1` })];
  expect(await anInstance({ stored, deleted: [3] }).answer(URI)).toBe("[]");
  expect(await anInstance({ stored }).answer(URI)).toContain("storedAt");
});

it.each([
  undefined,
  "",
  "nonsense",
  "{}",
  "[1]",
  "[null]",
  "[{}]",
  '[{"selecting":{},"storedAt":"1"}]',
  '[{"selecting":null,"storedAt":1}]',
  '[{"selecting":{"a":1},"storedAt":1}]',
])("who says %s has not answered", async (text) => {
  const { elsewhere } = anInstance({ said: { b: text, c: "[]" } });
  expect(await elsewhere({ uri: URI, fields })).toEqual([
    { instance: "b", answered: false },
    { instance: "c", answered: true },
  ]);
});
