import { describe, expect, it } from "vitest";
import { type RawClient, rawClient } from "./raw.ts";
import { answerOf, startRawOrigin } from "./raw-origin.ts";
import { startSite } from "./site.ts";

const HINTS = [
  ...["HTTP/1.1 103 Early Hints", "Link: </a.css>; rel=preload", "link: </caf\xe9>", "X-Cache: theirs"],
  ...["Connection: X-Named", "X-Named: secret", "Keep-Alive: timeout=7", "Content-Length: 9", "", ""],
].join("\r\n");
/** What is left of them for the client. */
const PASSED = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nlink: </caf\xe9>\r\n\r\n";
const PROCESSING = "HTTP/1.1 102 Processing\r\n\r\n";
const FRESH = answerOf("200 OK", ["Cache-Control: max-age=60"], "final");

const HOST = { Host: "a.example" };
const asking = (path: string, ...lines: readonly string[]) =>
  `${[`GET ${path} HTTP/1.1`, "Host: a.example", ...lines].join("\r\n")}\r\n\r\n`;

/** A proxy before an origin that writes these bytes in answer to each request. */
async function siteBefore(bytes: (nth: number) => string, settings: Record<string, string> = {}) {
  const origin = await startRawOrigin(({ socket }, _head, nth) =>
    socket.write(Buffer.from(bytes(nth), "latin1")),
  );
  const site = await startSite({ settings: { ORIGINS: origin.url, ...settings } });
  return { origin, site };
}

const interimIn = (seen: string): number => seen.match(/^HTTP\/1\.1 1\d\d/gm)?.length ?? 0;

describe("interim responses (RFC 9110 §15.2)", () => {
  it("reach the client at once, in their order, with end-to-end fields alone", async () => {
    const origin = await startRawOrigin(({ socket }) =>
      socket.write(Buffer.from(HINTS + PROCESSING, "latin1")),
    );
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const client = await rawClient(site.proxy.port);
    client.write(asking("/a"));
    await client.sees(PROCESSING);
    expect(client.received()).toBe(PASSED + PROCESSING);
    origin.connections.at(-1)?.socket.write(FRESH);
    expect(await client.sees("final")).toMatch(/102 Processing\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  });

  it("are not stored: who is served from the cache gets none", async () => {
    const { site, origin } = await siteBefore(() => HINTS + FRESH);
    const client = await rawClient(site.proxy.port);
    client.write(asking("/a"));
    await client.sees("final");
    expect(interimIn(client.received())).toBe(1);
    client.write(asking("/a", "Connection: close"));
    const seen = await client.end();
    expect(seen).toContain("X-Cache: HIT");
    expect(interimIn(seen)).toBe(1);
    expect(origin.heads).toHaveLength(1);
  });

  it.each(["POST", "HEAD", "OPTIONS"])("reach who asks by %s", async (method) => {
    const { site } = await siteBefore(() => `${HINTS}HTTP/1.1 204 No Content\r\nX-Final: 1\r\n\r\n`);
    const client = await rawClient(site.proxy.port);
    client.write(`${method} /a HTTP/1.1\r\nHost: a.example\r\n\r\n`);
    expect(await client.sees("X-Final: 1")).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\n.*\r\n\r\nHTTP\/1\.1 204 /s,
    );
  });

  it("to a validation reach the one who is then served what is stored", async () => {
    const stored = answerOf("200 OK", ["Cache-Control: max-age=1", 'ETag: "1"'], "final");
    const valid = 'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nCache-Control: max-age=1\r\n\r\n';
    const { site } = await siteBefore((nth) => (nth === 0 ? stored : HINTS + valid));
    await site.get("/a", HOST);
    site.advance(2);
    const client = await rawClient(site.proxy.port);
    client.write(asking("/a"));
    const seen = await client.sees("final");
    expect(seen.startsWith(PASSED)).toBe(true);
    expect(seen).toContain("X-Cache: REVALIDATED");
  });

  it("reach the one whose request was sent, and nobody who waits for the same answer", async () => {
    const origin = await startRawOrigin(({ socket }, head) => {
      if (head.startsWith("GET /other ")) socket.write(FRESH);
    });
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const [leader, follower] = [await rawClient(site.proxy.port), await rawClient(site.proxy.port)];
    leader.write(asking("/a"));
    await site.until("the leader's request is there", () => origin.heads.length === 1);
    follower.write(asking("/a"));
    // Written later and answered already: then the follower waits.
    expect((await site.get("/other", HOST)).status).toBe(200);
    origin.connections
      .find((connection) => connection.received().includes("GET /a "))
      ?.socket.write(Buffer.from(HINTS + FRESH, "latin1"));
    expect(interimIn(await leader.sees("final"))).toBe(1);
    const seen = await follower.sees("final");
    expect(seen).toContain("collapsed");
    expect(interimIn(seen)).toBe(0);
    expect(origin.heads).toHaveLength(2);
  });

  it("to a refresh in the background reach nobody", async () => {
    const stale = answerOf("200 OK", ["Cache-Control: max-age=1, stale-while-revalidate=60"], "final");
    const { site } = await siteBefore((nth) => (nth === 0 ? stale : HINTS + FRESH));
    await site.get("/a", HOST);
    site.advance(2);
    const client = await rawClient(site.proxy.port);
    client.write(asking("/a"));
    await client.sees("X-Cache: UPDATING");
    await site.until("it is refreshed", () => site.events.some(({ type }) => type === "refreshed"));
    client.write(asking("/a", "Connection: close"));
    const seen = await client.end();
    expect(seen).toContain("X-Cache: HIT");
    expect(interimIn(seen)).toBe(0);
  });

  it("do not reach a client of HTTP/1.0", async () => {
    const { site } = await siteBefore(() => HINTS + PROCESSING + FRESH);
    const client = await rawClient(site.proxy.port);
    client.write("GET /a HTTP/1.0\r\n\r\n");
    expect(await client.end()).toMatch(/^HTTP\/1\.1 200 OK\r\n.*final$/s);
  });

  it("wait for the turn of their request on its connection", async () => {
    const { site, origin } = await siteBefore((nth) => (nth === 0 ? "" : HINTS + FRESH));
    const client = await rawClient(site.proxy.port);
    client.write(asking("/slow"));
    await site.until("the first is asked for", () => origin.heads.length === 1);
    client.write(asking("/a", "Connection: close"));
    await site.until("the second is answered", () => origin.heads.length === 2);
    expect((await site.get("/a", HOST)).cache).toMatch(/^(?:HIT|MISS)\//);
    expect(client.received()).toBe("");
    origin.connections
      .find((connection) => connection.received().includes("GET /slow "))
      ?.socket.write(answerOf("200 OK", [], "slow one\r\n"));
    const seen = await client.end();
    expect(seen.indexOf(PASSED)).toBeGreaterThan(seen.indexOf("slow one\r\n"));
    expect(seen.match(/^HTTP\/1\.1 \d+/gm)).toEqual(["HTTP/1.1 200", "HTTP/1.1 103", "HTTP/1.1 200"]);
  });

  it("in a flood are cut to a bounded number, and the answer comes all the same", async () => {
    const { site } = await siteBefore(() => HINTS.repeat(2000) + FRESH);
    const client = await rawClient(site.proxy.port);
    client.write(asking("/a", "Connection: close"));
    const seen = await client.end();
    expect(interimIn(seen)).toBe(16);
    expect(seen).toMatch(/HTTP\/1\.1 200 OK\r\n.*final$/s);
  });

  it("reach who wants to change protocols, ahead of the change", async () => {
    const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello";
    const { site } = await siteBefore(() => HINTS + switching);
    const client = await rawClient(site.proxy.port);
    client.write(asking("/a", "Connection: upgrade", "Upgrade: x"));
    expect(await client.sees("hello")).toMatch(/^HTTP\/1\.1 103 .*\r\n\r\nHTTP\/1\.1 101 .*\r\n\r\nhello$/s);
    expect(client.received().startsWith(PASSED)).toBe(true);
  });
});

describe("100 Continue", () => {
  const posting = (client: RawClient, version: string) =>
    client.write(
      `POST /a HTTP/${version}\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n`,
    );

  it("comes once, from the proxy, and the origin hears of no expectation", async () => {
    const { site, origin } = await siteBefore(() => answerOf("200 OK", [], "final"));
    const client = await rawClient(site.proxy.port);
    posting(client, "1.1");
    await client.sees("HTTP/1.1 100 Continue\r\n\r\n");
    client.write("hello");
    expect(interimIn(await client.end())).toBe(1);
    expect(origin.heads[0]).not.toMatch(/expect/i);
  });

  it("does not come to a client of HTTP/1.0, whose expectation does not count (RFC 9110 §10.1.1)", async () => {
    const { site } = await siteBefore(() => answerOf("200 OK", [], "final"));
    const client = await rawClient(site.proxy.port);
    posting(client, "1.0");
    client.write("hello");
    expect(await client.end()).toMatch(/^HTTP\/1\.1 200 OK\r\n.*final$/s);
  });
});
