import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { DOCUMENTS, documentedRows } from "./documented-rows.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), "utf8");

/** Every file of tests and what they are made of, but for this one. */
const FILES: ReadonlyMap<string, string> = new Map(
  readdirSync(new URL("test/", ROOT), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.endsWith("documented.test.ts"))
    .map((path) => [`test/${path}`, read(`test/${path}`)]),
);

/** `connections.test.ts` and `test/scenario/tls.test.ts` alike. */
const filesIn = (cell: string): string[] =>
  [...cell.matchAll(/`([\w./-]+\.test\.ts)`/g)].map(([, path]) => path as string);
/** The parts of names; `…` stands for anything. */
const namesIn = (cell: string): string[] =>
  [...cell.matchAll(/(?<!\*)\*([^*]+)\*/g)].flatMap(([, name = ""]) =>
    name.split("…").map((part) => part.trim()),
  );

const isThere = (file: string): boolean =>
  [...FILES.keys()].some((path) => path === file || (!file.includes("/") && basename(path) === file));
const isTold = (name: string): boolean => [...FILES.values()].some((text) => text.includes(name));

describe.each(DOCUMENTS)("what %s says that tests show", (path) => {
  const rows = documentedRows(path);

  it("is in tables", () => {
    expect(rows.length).toBeGreaterThan(30);
  });

  it("is in files that exist", () => {
    const missing = rows.flatMap(({ tests }) => filesIn(tests)).filter((file) => !isThere(file));
    expect(missing).toEqual([]);
  });

  it("is said by tests of these names", () => {
    const missing = rows.flatMap(({ tests }) => namesIn(tests)).filter((name) => !isTold(name));
    expect(missing).toEqual([]);
  });
});
