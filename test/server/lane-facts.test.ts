import { expect, it } from "vitest";
import { factsOf } from "../../src/server/lane/facts.ts";
import { readHead } from "../../src/server/lane/head.ts";
import { APP_SETTINGS } from "./app-settings.ts";

function aspectWith(line = "") {
  const head = readHead(
    Buffer.from(`GET / HTTP/1.1\r\nHost: a.example\r\n${line}\r\n`),
    0,
    undefined,
    16_384,
  );
  if (typeof head === "string") throw new Error(head);
  return factsOf(
    head.section,
    { remoteAddress: "127.0.0.1" },
    { ...APP_SETTINGS, clientDirectives: "honour" },
  ).aspects.GET;
}

it.each([
  ["nothing", "", true],
  ["an entity tag", 'If-None-Match: "a"\r\n', true],
  ["a date", "If-Modified-Since: Friday, 20-Nov-26 12:00:00 GMT\r\n", false],
])("where %s is asked about, from one second to the next only the times may change", (_, line, isSteady) => {
  expect(aspectWith(line).isSteady).toBe(isSteady);
  expect(aspectWith(line).name).toBeDefined();
});
