import { expect, it } from "vitest";
import type { Incoming } from "../../src/server/incoming.ts";
import { createRepeatedLines } from "../../src/server/repeated-lines.ts";
import { APP_SETTINGS } from "./app-settings.ts";

const HOST = ["Host", "a.example"];
const CLIENT = { remoteAddress: "127.0.0.1" };

const asking = (rawHeaders: readonly string[], socket = CLIENT): Incoming => ({
  httpVersion: "1.1",
  method: "GET",
  url: "/",
  // Another array each time, as Node's parser makes one.
  rawHeaders: [...rawHeaders],
  headers: {},
  complete: true,
  socket,
  iterator: () => {
    throw new Error("not to be read");
  },
});

it("field lines are known when their connection repeats them, and on no other", () => {
  const factsOf = createRepeatedLines(APP_SETTINGS);
  expect(factsOf(asking(HOST))).toBeUndefined();
  expect(factsOf(asking(HOST))?.site).toBe("http://a.example");
  expect(factsOf(asking(HOST))).toBe(factsOf(asking(HOST)));
  expect(factsOf(asking(HOST, { ...CLIENT }))).toBeUndefined();
});

it.each([
  ["a value", ["Host", "a.example", "Accept", "b"]],
  ["the case of a name", ["Host", "a.example", "accept", "a"]],
  ["one line more", ["Host", "a.example", "Accept", "a", "Cookie", "a=1"]],
  ["one line less", HOST],
  ["the order", ["Accept", "a", "Host", "a.example"]],
])("%s that differs makes them others", (_, lines) => {
  const factsOf = createRepeatedLines(APP_SETTINGS);
  const before = ["Host", "a.example", "Accept", "a"];
  factsOf(asking(before));
  expect(factsOf(asking(before))).toBeDefined();
  expect(factsOf(asking(lines))).toBeUndefined();
  expect(factsOf(asking(lines))?.aspects.GET.facts.fields).toEqual(lines);
});

it.each([
  ["a length", [...HOST, "Content-Length", "0"]],
  ["a coding", [...HOST, "transfer-encoding", "chunked"]],
  ["an expectation", [...HOST, "Expect", "100-continue"]],
  ["a wish to change protocols", [...HOST, "Upgrade", "websocket"]],
  ["no Host", ["Accept", "*/*"]],
  ["two Hosts", [...HOST, ...HOST]],
  ["a Host that is none", ["Host", "a b"]],
  ["more than is kept for a connection", [...HOST, "Cookie", "c".repeat(4096)]],
])("nothing is known of lines with %s", (_, lines) => {
  const factsOf = createRepeatedLines(APP_SETTINGS);
  for (let time = 0; time < 3; time++) expect(factsOf(asking(lines))).toBeUndefined();
});

it("what was told by settings that have changed is told anew", () => {
  const settings = { ...APP_SETTINGS };
  const factsOf = createRepeatedLines(settings);
  factsOf(asking(HOST));
  const before = factsOf(asking(HOST));
  settings.revision++;
  const behind = factsOf(asking(HOST));
  expect([before?.revision, behind?.revision]).toEqual([0, 1]);
});
