import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { withUnkeyedTable } from "../../scripts/unkeyed-table.ts";
import { UNKEYED } from "../../src/policy/unkeyed.ts";
import { type UnkeyedSettings, unkeyedFields } from "../../src/policy/unkeyed-fields.ts";
import { lines } from "./builders.ts";

const NOTHING: UnkeyedSettings = { stripped: [], keyed: [], passed: [] };
const ALL = [
  "X-Host",
  "1",
  "x-forwarded-new",
  "2",
  "X_Y",
  "3",
  "Cookie",
  "4",
  "Accept",
  "5",
  "X-Method-Override",
  "6",
];

const kept = (settings: Partial<UnkeyedSettings>, method = "GET") =>
  unkeyedFields({ ...NOTHING, ...settings })
    .withoutStripped(ALL, method)
    .filter((_, i) => i % 2 === 1)
    .join("");

const why = (
  request: Record<string, string>,
  response: Record<string, string>,
  { method = "GET", shareable = false, uri = "http://a.example/x", settings = {} } = {},
) =>
  unkeyedFields({ ...NOTHING, ...settings }).whyAlone(
    { method, fields: lines(request) },
    { uri, fields: lines(response), shareable },
  );

describe("the table", () => {
  it("is the one in docs/security.md; scripts/unkeyed-table.ts writes it", () => {
    const document = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
    expect(withUnkeyedTable(document)).toBe(document);
  });

  it("names each field once, in lower case, and says why", () => {
    const names = UNKEYED.flatMap(({ fields }) => fields);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^(?:[a-z0-9-]+\*?|\*_\*)$/.test(name))).toEqual([]);
    expect(UNKEYED.every(({ because }) => because !== "")).toBe(true);
  });
});

describe("what an origin gets", () => {
  it.each([
    [{}, "GET", "45"],
    [{}, "HEAD", "45"],
    [{}, "POST", "456"],
    [{ passed: ["x-host"] }, "GET", "145"],
    [{ passed: ["x-forwarded-new"] }, "GET", "245"],
    [{ passed: ["x-*"] }, "GET", "12456"],
    [{ passed: ["*_*"] }, "GET", "345"],
    [{ passed: ["*"] }, "GET", "123456"],
    [{ keyed: ["x-host"] }, "GET", "145"],
    [{ stripped: ["cookie"] }, "GET", "5"],
    [{ stripped: ["x-host"], keyed: ["x-host"], passed: ["x-host"] }, "GET", "45"],
  ])("with %o and %s", (settings, method, expected) => {
    expect(kept(settings, method)).toBe(expected);
  });
});

describe("what selects beside Vary", () => {
  const selecting = (response: Record<string, string>, settings: Partial<UnkeyedSettings> = {}) =>
    unkeyedFields({ ...NOTHING, ...settings }).selecting(lines(response));
  it.each([
    [{}, {}, []],
    [{ "Content-Encoding": "br" }, {}, ["accept-encoding"]],
    [{ "Content-Encoding": "Identity" }, {}, []],
    [{ "Content-Encoding": "" }, {}, []],
    [{ "Content-Encoding": "br" }, { passed: ["accept-encoding"] }, []],
    [{ "Access-Control-Allow-Origin": "*" }, {}, []],
    [{ "Access-Control-Allow-Origin": "https://a.example" }, {}, ["origin"]],
    [{ "Access-Control-Allow-Origin": "null" }, {}, ["origin"]],
    [{}, { keyed: ["x-a", "x-b"] }, ["x-a", "x-b"]],
    [{ "Content-Encoding": "br" }, { keyed: ["accept-encoding"] }, ["accept-encoding"]],
  ])("%o with %o", (response, settings, expected) => {
    expect(selecting(response, settings)).toEqual(expected);
  });
});

describe("why an answer is for one alone", () => {
  const HTML = { "Content-Type": "text/html" };
  const CSS = { uri: "http://a.example/x.css?a.html" };
  it.each([
    [{}, HTML, {}, undefined],
    [{ "X-Host": "a" }, HTML, {}, undefined],
    [{ Cookie: "a" }, HTML, {}, undefined],
    [{ Cookie: "a" }, HTML, CSS, "cookie"],
    [{ Cookie: "a" }, {}, CSS, "cookie"],
    [{ Cookie: "a" }, HTML, { ...CSS, shareable: true }, "cookie"],
    [{}, HTML, CSS, undefined],
    [{ Cookie: "a" }, { "Content-Type": "IMAGE/png" }, CSS, undefined],
    [{ Cookie: "a" }, { "Content-Type": "text/css; charset=utf-8" }, CSS, undefined],
    [{ Cookie: "a" }, { ...HTML, Vary: "Cookie" }, CSS, undefined],
    [{ Cookie: "a" }, HTML, { uri: "http://a.example/x.JPEG" }, "cookie"],
    [{ Cookie: "a" }, HTML, { uri: "http://a.example/x?y=a.css" }, undefined],
    [{ Cookie: "a" }, HTML, { ...CSS, settings: { passed: ["cookie"] } }, undefined],
    [{ Cookie: "a" }, HTML, { ...CSS, settings: { stripped: ["cookie"] } }, undefined],
    [{ RSC: "1" }, HTML, { shareable: true }, "unkeyed-field"],
    [{ RSC: "1" }, { ...HTML, Vary: "RSC" }, {}, undefined],
    [{ RSC: "1" }, HTML, { settings: { keyed: ["rsc"] } }, undefined],
    [{ "X-Api-Key": "a" }, HTML, {}, "unkeyed-field"],
    [{ "X-Api-Key": "a" }, HTML, { shareable: true }, undefined],
    [{ "X-Method-Override": "PUT" }, HTML, {}, undefined],
    [{ "X-Method-Override": "PUT" }, HTML, { method: "POST" }, "unkeyed-field"],
  ] as const)("asked with %o, answered %o, %o", (request, response, more, expected) => {
    expect(why(request as Record<string, string>, response as Record<string, string>, more)).toBe(expected);
  });
});
