import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { DOCUMENTS, documentedRows } from "../security/documented-rows.ts";
import { ROOT } from "./copy.ts";
import { type Defence, partsOf, piecesOf, without } from "./defence.ts";
import { DEFENCES } from "./table.ts";
import { WITHOUT_DEFENCE } from "./without-defence.ts";

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** A test's file and what of test/ it is made of. */
function textsOf(path: string, seen = new Map<string, string>()): ReadonlyMap<string, string> {
  if (seen.has(path)) return seen;
  const text = read(path);
  seen.set(path, text);
  for (const [, from = ""] of text.matchAll(/from "(\.[^"]*)"/g)) {
    const imported = join(dirname(path), from);
    if (imported.startsWith("test/") || imported.startsWith("mock-origin/")) textsOf(imported, seen);
  }
  return seen;
}

const titled = DEFENCES.map((row) => [`${row.threat} / ${row.defence}`, row] as const);

describe("a defence that is said to be missed", () => {
  it.each(titled)("is there once, and its file can be read without it: %s", (_, row: Defence) => {
    for (const piece of piecesOf(row)) {
      const source = without(piece, read(piece.file));
      expect(() => stripTypeScriptTypes(source)).not.toThrow();
    }
  });

  it.each(titled)("has a test of that name: %s", (_, { test, name }: Defence) => {
    const texts = [...textsOf(test).values()];
    const missing = partsOf(name).filter((part) => !texts.some((text) => text.includes(part)));
    expect(missing).toEqual([]);
  });
});

it("each row is another", () => {
  const rows = DEFENCES.map(({ threat, file, find, without, test, name }) =>
    JSON.stringify([threat, file, find, without, test, name]),
  );
  expect(new Set(rows).size).toBe(rows.length);
});

describe.each(DOCUMENTS)("a threat in %s", (path) => {
  // What a fuzzer looks for has no row, and no defence, yet.
  const threats = documentedRows(path)
    .filter(({ tests }) => !/^`test\/security\/fuzz\/[\w.-]+`$/.test(tests))
    .map(({ what }) => what);

  it.each(threats)("has its defence taken out, or none of ours: %s", (threat) => {
    const isTaken = DEFENCES.some((row) => row.threat === threat);
    expect([isTaken, WITHOUT_DEFENCE.has(threat)]).toContain(true);
    expect(isTaken && WITHOUT_DEFENCE.has(threat)).toBe(false);
  });
});
