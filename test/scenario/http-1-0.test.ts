import { describe, expect, it } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { exchange, rawClient } from "./raw.ts";
import { startSite } from "./site.ts";

/** An origin that streams in chunks, unless it is asked for a length. */
const startChunked = () =>
  startOrigin((request, response) => {
    response.setHeader("Cache-Control", "max-age=60");
    if (request.url === "/length") response.end("hello");
    else if (request.url === "/none") response.writeHead(204).end();
    else {
      response.write("hel");
      response.end("lo");
    }
  });

const siteBefore = async (url: string) => startSite({ settings: { ORIGINS: url } });
const words = (text: string): string[] => text.match(/^(?:HTTP|Connection|X-Cache:|Transfer).*$/gim) ?? [];

describe("a client of HTTP/1.0 gets no chunks and a closed connection", () => {
  it.each([
    "",
    "TE: chunked\r\n",
    "Connection: keep-alive\r\n",
    "Accept: */*\r\nConnection: keep-alive, TE\r\nTE: chunked\r\n",
  ])("on a miss, a hit, a pass and an error; with %j", async (lines) => {
    const origin = await startChunked();
    const site = await siteBefore(origin.url);
    const ask = (method: string) => exchange(site.proxy.port, `${method} /a HTTP/1.0\r\n${lines}\r\n`);
    const miss = await ask("GET");
    expect(words(miss)).toEqual(["HTTP/1.1 200 OK", "X-Cache: MISS", "Connection: close"]);
    expect(miss).toMatch(/\r\n\r\nhello$/);
    const pass = await ask("OPTIONS");
    expect(words(pass)).toEqual(["HTTP/1.1 200 OK", "X-Cache: BYPASS", "Connection: close"]);
    expect(pass).toMatch(/\r\n\r\nhello$/);
    if (lines.includes("keep-alive")) return;
    const hit = await ask("GET");
    expect(words(hit)).toEqual(["HTTP/1.1 200 OK", "X-Cache: HIT", "Connection: close"]);
    expect(hit).toMatch(/\r\nContent-Length: 5\r\n.*\r\n\r\nhello$/s);
    const refused = await exchange(site.proxy.port, `GET ftp://a/ HTTP/1.0\r\n${lines}\r\n`);
    expect(words(refused)).toContain("HTTP/1.1 400 Bad Request");
    expect(refused).toMatch(/^Connection: close\r$/im);
  });

  it("when no origin can be had", async () => {
    const site = await siteBefore("http://127.0.0.1:1");
    const failed = await exchange(site.proxy.port, "GET /a HTTP/1.0\r\n\r\n");
    expect(words(failed)).toEqual(["HTTP/1.1 502 Bad Gateway", "X-Cache: MISS", "Connection: close"]);
    expect(failed).toMatch(/\r\n\r\n\{"code":.*\}\n$/);
  });
});

it("a client of HTTP/1.0 keeps its connection when it asks to, and the length of the answer is known", async () => {
  const origin = await startChunked();
  const site = await siteBefore(origin.url);
  await site.get("/a", { Host: "localhost" });
  const client = await rawClient(site.proxy.port);
  const asking = (path: string) => `GET ${path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`;
  for (const [nth, path] of ["/a", "/length", "/a"].entries()) {
    client.write(asking(path));
    await client.sees(new RegExp(`(?:hello.*){${nth + 1}}`, "s"));
  }
  expect(client.received().match(/^Connection: keep-alive\r$/gim)).toHaveLength(3);
  expect(client.received().match(/^Content-Length: 5\r$/gim)).toHaveLength(3);
});

it("a request of HTTP/1.0 in chunks is refused, and nothing of it reaches the origin (RFC 9112 §6.1)", async () => {
  const origin = await startChunked();
  const site = await siteBefore(origin.url);
  const head = "POST /a HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n";
  const seen = await exchange(site.proxy.port, `${head}3\r\nabc\r\n0\r\n\r\nGET /hidden HTTP/1.0\r\n\r\n`);
  expect(words(seen)).toEqual(["HTTP/1.1 400 Bad Request", "X-Cache: BYPASS", "Connection: close"]);
  expect(origin.requests).toEqual([]);
});

it("a wish of HTTP/1.0 to change protocols is ignored, and the request answered (RFC 9110 §7.8)", async () => {
  const origin = await startChunked();
  const site = await siteBefore(origin.url);
  const lines = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  const seen = await exchange(site.proxy.port, `GET /a HTTP/1.0\r\n${lines}\r\n`);
  expect(seen).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nhello$/s);
  expect(origin.requests[0]?.headers).not.toHaveProperty("upgrade");
});
