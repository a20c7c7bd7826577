import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { Cutter } from "../../src/cache/cut.ts";
import { factsOf } from "../../src/server/lane/facts.ts";
import { readHead } from "../../src/server/lane/head.ts";
import { LaneRequest } from "../../src/server/lane/request.ts";
import { trustedPeers } from "../../src/server/peer.ts";
import { type ReadingSettings, readRequest } from "../../src/server/read-request.ts";
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

describe("a request whose lines are known is read as one whose are not", () => {
  const socket = { remoteAddress: "192.0.2.1" } as Socket;
  const id = "X-Request-Id: abc\r\n";

  it.each<[target: string, lines: string, settings: Partial<ReadingSettings>]>([
    ["/", "Host: a.example\r\n", {}],
    ["/a?b=1&utm_source=x", "Host: A.example:80\r\nAccept: */*\r\n", { ignoredParameters: ["utm_*"] }],
    ["/a", "Host: a.example\r\nCache-Control: no-store, max-age=1\r\n", { clientDirectives: "honour" }],
    ["/a", "Host: a.example\r\nPragma: no-cache\r\n", { clientDirectives: "honour" }],
    ["/a", "Host: a.example\r\nCache-Control: no-store\r\n", { clientDirectives: "ignore" }],
    [
      "/a",
      "Host: a.example\r\nX-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: B\r\n",
      { trustedProxies: trustedPeers(["192.0.2.0/24"]) },
    ],
    ["/a", "Host: a.example\r\nX-Forwarded-For: 198.51.100.7\r\n", {}],
    ["/toolong", "Host: a.example\r\n", { maxUrlBytes: 7 }],
    ["/a", "Host: a.example\r\nA: 1\r\nB: 2\r\n", { maxHeaderCount: 3 }],
  ])("%s %j", (target, lines, changed) => {
    const settings = { ...APP_SETTINGS, ...changed };
    for (const method of ["GET", "HEAD"]) {
      const bytes = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}${id}\r\n`);
      const head = readHead(bytes, 0, undefined, 16_384);
      if (typeof head === "string") throw new Error(head);
      const facts = factsOf(head.section, socket, settings);
      const read = (request: LaneRequest) => {
        const { spoilt, ...rest } = { spoilt: undefined, ...readRequest(request, client, settings) };
        return { ...rest, spoilt: spoilt?.() };
      };
      const client = { signal: new Cutter() };
      const known = new LaneRequest(head, socket, facts);
      expect(read(known)).toEqual(read(new LaneRequest(head, socket)));
      expect(Object.keys(read(known))).toEqual(Object.keys(read(new LaneRequest(head, socket))));
    }
  });

  it("and is read anew where the settings are others", () => {
    const head = readHead(Buffer.from("GET /a?b=1 HTTP/1.1\r\nHost: a\r\n\r\n"), 0, undefined, 16_384);
    if (typeof head === "string") throw new Error(head);
    const facts = factsOf(head.section, socket, APP_SETTINGS);
    const settings = {
      ...APP_SETTINGS,
      revision: APP_SETTINGS.revision + 1,
      clientDirectives: "honour" as const,
    };
    const stale = { ...facts, directives: { noCache: true, noStore: true, onlyIfCached: true } };
    const read = readRequest(new LaneRequest(head, socket, stale), { signal: new Cutter() }, settings);
    expect(read).toMatchObject({ type: "request", request: { directives: { noStore: false } } });
  });
});
