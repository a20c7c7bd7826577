import { describe, expect, it } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { exchange, rawClient } from "./raw.ts";
import { startSite } from "./site.ts";

const bodyOf = (seen: string): string => seen.slice(seen.indexOf("\r\n\r\n") + 4);

/** The request-targets that an origin saw, with the bodies it sent for them. */
const startPlain = () =>
  startOrigin((request, response) => {
    response.writeHead(200, { "Cache-Control": "max-age=60" });
    response.end(`<${request.url}>`);
  });

describe("a client that", () => {
  it("expects 100-continue is told to go on, and the origin is not asked to", async () => {
    const site = await startSite();
    const client = await rawClient(site.proxy.port);
    const expecting = "Content-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    client.write(`POST /echo HTTP/1.1\r\nHost: a.example\r\n${expecting}`);
    await client.sees("HTTP/1.1 100 Continue\r\n\r\n");
    client.write("hello");
    const seen = await client.end();
    expect(seen).toContain("HTTP/1.1 200 OK");
    expect(seen).toContain('"body":"hello"');
    expect(seen).not.toMatch(/"expect"/i);
  });

  it("expects anything else gets a 417", async () => {
    const site = await startSite();
    const head = "POST /echo HTTP/1.1\r\nHost: a.example\r\nExpect: tea\r\nContent-Length: 0\r\n";
    const seen = await exchange(site.proxy.port, `${head}Connection: close\r\n\r\n`);
    expect(seen).toMatch(/^HTTP\/1\.1 417 /);
    expect(await site.asked("POST /echo")).toBe(0);
  });

  it("speaks HTTP/1.0, with or without Host, gets no chunks and a closed connection", async () => {
    const site = await startSite();
    const path = "/bytes?n=5&chunked=1";
    for (const host of ["", "Host: a.example\r\n"]) {
      const seen = await exchange(site.proxy.port, `GET ${path} HTTP/1.0\r\n${host}\r\n`);
      expect(seen).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(seen).not.toMatch(/transfer-encoding/i);
      expect(bodyOf(seen)).toHaveLength(5);
    }
  });

  it("names the whole URL gets what its path would get, and the URL's host counts", async () => {
    const origin = await startPlain();
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    await site.get("/a", { Host: "b.example" });
    const absolute =
      "GET http://b.example/a HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n";
    const seen = await exchange(site.proxy.port, absolute);
    expect(seen).toContain("X-Cache: HIT");
    expect(bodyOf(seen)).toBe("</a>");
    await exchange(site.proxy.port, absolute.replace("b.example/a", "c.example?x"));
    expect(origin.requests[1]?.url).toBe("/?x");
    expect(origin.requests[1]?.headers["x-forwarded-host"]).toBe("c.example");
  });

  it("sends requests without waiting gets the answers in their order", async () => {
    const site = await startSite();
    const asking = (id: number, more = "") => `GET /data?id=${id} HTTP/1.1\r\nHost: a.example\r\n${more}\r\n`;
    const posting = "POST /echo HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello";
    const seen = await exchange(
      site.proxy.port,
      `${asking(1)}${asking(2)}${posting}${asking(3, "Connection: close\r\n")}`,
    );
    const order = ['"id":"1"', '"id":"2"', '"body":"hello"', '"id":"3"'].map((part) => seen.indexOf(part));
    expect(order.every((at) => at > 0)).toBe(true);
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  it("keeps its connection gets one answer after the other on it", async () => {
    const site = await startSite();
    const client = await rawClient(site.proxy.port);
    for (const id of [1, 2, 3]) {
      client.write(`GET /data?id=${id}&cache-control=max-age=60 HTTP/1.1\r\nHost: a.example\r\n\r\n`);
      await client.sees(`"id":"${id}"`);
    }
  });

  it("asks for a path that a careless hop would tidy up gets that very path asked", async () => {
    const origin = await startPlain();
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const paths = ["//a//b", "/a/../b", "/a/./b", "/%61", "/a%2Fb", "/a?b=%20&&c", "/a?", "/a;b=1?x[]=y|z"];
    for (const path of paths) {
      const seen = await exchange(
        site.proxy.port,
        `GET ${path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`,
      );
      expect(bodyOf(seen)).toContain(`<${path}>`);
    }
    expect(origin.requests.map(({ url }) => url)).toEqual(paths);
  });
});

describe("a request that is none", () => {
  const asking = (target: string, ...lines: readonly string[]) =>
    `${[`${target} HTTP/1.1`, ...lines, "Connection: close"].join("\r\n")}\r\n\r\n`;
  const posting = (...lines: readonly string[]) => asking("POST /echo", "Host: a", ...lines);

  it.each([
    ["is no HTTP", 400, "hello, world\r\n\r\n"],
    ["is another version of HTTP", 505, "GET / HTTP/3.7\r\nHost: a\r\n\r\n"],
    ["is the beginning of HTTP/2", 400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["has a method that nobody knows", 501, asking("FROB /", "Host: a")],
    ["has a space in its target", 400, asking("GET /a b", "Host: a")],
    ["has raw bytes in its target", 400, asking("GET /\xe9", "Host: a")],
    ["has another scheme", 400, asking("GET ftp://a/b", "Host: a")],
    ["asks about the server itself by another method", 400, asking("GET *", "Host: a")],
    ["has no Host", 400, asking("GET /")],
    ["has two", 400, asking("GET /", "Host: a", "Host: b")],
    ["has an empty one", 400, asking("GET /", "Host:")],
    ["has one with a path", 400, asking("GET /", "Host: a/b")],
    ["has one with a user", 400, asking("GET /", "Host: a@b")],
    ["has a space in one", 400, asking("GET /", "Host: a b")],
    ["has a folded field", 400, asking("GET /", "Host: a", "X: a\r\n b")],
    ["has a NUL in a field", 400, asking("GET /", "Host: a", "X: a\0b")],
    ["has a space before the colon", 400, asking("GET /", "Host: a", "X : a")],
    ["has two lengths", 400, `${posting("Content-Length: 3", "Content-Length: 4")}abcd`],
    ["has no number as length", 400, `${posting("Content-Length: x")}`],
    [
      "has both length and chunks",
      400,
      `${posting("Content-Length: 3", "Transfer-Encoding: chunked")}0\r\n\r\n`,
    ],
    ["has a fragment in its target", 400, asking("GET /a#b", "Host: a")],
    ["has a fragment in its URL", 400, asking("GET http://a/b#c", "Host: a")],
    ["has an unknown transfer coding", 400, `${posting("Transfer-Encoding: gzip")}abc`],
    [
      "has another coding under its chunks",
      501,
      `${posting("Transfer-Encoding: gzip, chunked")}3\r\nabc\r\n0\r\n\r\n`,
    ],
    [
      "has another coding in a line of its own",
      501,
      `${posting("Transfer-Encoding: x", "Transfer-Encoding: chunked")}3\r\nabc\r\n0\r\n\r\n`,
    ],
    ["has a chunk without a size", 400, `${posting("Transfer-Encoding: chunked")}zz\r\nabc`],
    ["has a head that is too long", 431, asking("GET /", "Host: a", `X: ${"x".repeat(20_000)}`)],
    ["wants a tunnel", 501, asking("CONNECT a:80", "Host: a")],
  ])("because it %s gets a clean %i, and the connection ends", async (_, status, bytes) => {
    const origin = await startPlain();
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const seen = await exchange(site.proxy.port, bytes);
    expect(seen.match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`]);
    const error = JSON.parse(bodyOf(seen).replace(/^[0-9a-f]+\r\n(.*)\r\n0\r\n\r\n$/s, "$1")) as object;
    expect(error).toEqual({
      code: "bad_request",
      message: expect.stringMatching(/\w/),
      requestId: /X-Request-Id: (\S+)/i.exec(seen)?.[1],
    });
    // The proxy is none the worse for it.
    expect((await site.get("/fine")).status).toBe(200);
  });

  it("does not reach the origin, nor does what hides behind it", async () => {
    const origin = await startPlain();
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    const both = posting("Content-Length: 5", "Transfer-Encoding: chunked");
    await exchange(site.proxy.port, `${both}0\r\n\r\n${hidden}`);
    await exchange(site.proxy.port, `${asking("GET /a b", "Host: a")}${hidden}`);
    await exchange(site.proxy.port, `${asking("GET /", "Host: a", "Host: b")}${hidden}`);
    expect(origin.requests).toEqual([]);
  });

  it("never ends up in an answer that is on its way", async () => {
    let finish = () => {};
    const origin = await startOrigin((_, response) => {
      response.writeHead(200);
      response.write("begun");
      finish = () => response.end(" and ended");
    });
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const client = await rawClient(site.proxy.port);
    client.write("GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n");
    await client.sees("begun");
    client.write("nonsense\r\n\r\n");
    await site.ask("/other", { method: "OPTIONS", headers: { "Max-Forwards": "0" } });
    finish();
    const seen = await client.end();
    expect(seen).toMatch(/begun\r\na\r\n and ended\r\n0\r\n\r\nHTTP\/1\.1 400 /);
  });
});
