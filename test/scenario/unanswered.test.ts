import { expect, it } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { rawClient } from "./raw.ts";
import { answerOf, startRawOrigin } from "./raw-origin.ts";
import { type Site, startSite } from "./site.ts";

const STORABLE = answerOf("200 OK", ["Cache-Control: max-age=60"], "old");

/** What unsafe requests meet instead of an answer. */
const WAYS: readonly (readonly [
  string,
  (socket: { destroy(): void; write(bytes: string): void }) => void,
])[] = [
  ["a connection that breaks", (socket) => socket.destroy()],
  ["nothing in time", () => {}],
  ["nonsense", (socket) => socket.write("nonsense\r\n\r\n")],
];

async function siteWith(
  meet: (socket: { destroy(): void; write(bytes: string): void }) => void,
): Promise<Site> {
  const origin = await startRawOrigin(({ socket }, head) =>
    head.startsWith("GET") ? socket.write(STORABLE) : meet(socket),
  );
  const site = await startSite({ settings: { ORIGINS: origin.url, ORIGIN_TIMEOUT: "300ms" } });
  for (const path of ["/written", "/other"]) {
    await site.get(path);
    expect((await site.get(path)).cache).toBe("HIT/HIT");
  }
  return site;
}

it.each(WAYS)("a write that meets %s makes what it was for invalid, and nothing else", async (_, meet) => {
  const site = await siteWith(meet);
  expect([502, 504]).toContain((await site.ask("/written", { method: "PUT", body: "new" })).status);
  expect((await site.get("/written")).cache).toBe("MISS/MISS");
  expect((await site.get("/other")).cache).toBe("HIT/HIT");
});

it("a write whose client leaves before the answer makes what it was for invalid", async () => {
  let written = false;
  const origin = await startOrigin((request, response) => {
    if (request.method === "GET") response.writeHead(200, { "Cache-Control": "max-age=60" }).end("old");
    else written = true;
  });
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  for (const cache of ["MISS/MISS", "HIT/HIT"]) expect((await site.get("/written")).cache).toBe(cache);
  const client = await rawClient(site.proxy.port);
  client.write(`DELETE /written HTTP/1.1\r\nHost: 127.0.0.1:${site.proxy.port}\r\n\r\n`);
  await site.until("the origin has it", () => written);
  client.socket.destroy();
  await site.until("it is invalid", () => site.events.some(({ type }) => type === "purged"));
  expect((await site.get("/written")).cache).toBe("MISS/MISS");
});

it("a write that found no room on its way to the origin makes nothing invalid", async () => {
  const held: (() => void)[] = [];
  const origin = await startOrigin((request, response) => {
    const answer = () => response.writeHead(200, { "Cache-Control": "max-age=60" }).end("old");
    if (request.url === "/slow") held.push(answer);
    else answer();
  });
  const site = await startSite({
    settings: { ORIGINS: origin.url, ORIGIN_CONNECTIONS: "1", ORIGIN_QUEUE: "0" },
  });
  await site.get("/written");
  const slow = site.get("/slow");
  await site.until("the one connection is taken", () => held.length === 1);
  expect((await site.ask("/written", { method: "PUT", body: "new" })).status).toBe(503);
  expect((await site.get("/written")).cache).toBe("HIT/HIT");
  held[0]!();
  await slow;
});
