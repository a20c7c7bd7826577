import { createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { freePort } from "../free-port.ts";
import { startOrigin } from "./own-origin.ts";
import { exchange, rawClient } from "./raw.ts";
import { type Site, startSite } from "./site.ts";

const answered = (site: Site) => site.events.filter((event) => event.type === "answered");
const asking = (line: string, ...lines: readonly string[]) =>
  `${[`${line} HTTP/1.1`, ...lines, "Connection: close"].join("\r\n")}\r\n\r\n`;
const upgrading = ["Connection: Upgrade", "Upgrade: websocket"];

/** Every way in which a request ends before the cache: what it says, and what is known of it. */
const REFUSED: readonly (readonly [string, number, string, string, string])[] = [
  ["has a field that is none", 400, asking("GET /a?b", "Host: a", "X : y"), "GET", "/a?b"],
  ["has two Hosts", 400, asking("GET /a", "Host: a", "Host: b"), "GET", "/a"],
  ["has a Host that is none", 400, asking("GET /a", "Host: a b"), "GET", "/a"],
  ["has a target that is no URL", 400, asking("GET http://[/a", "Host: a"), "GET", "http://[/a"],
  ["is no HTTP", 400, "hello, world\r\n\r\n", "-", "-"],
  ["has too long a head", 431, asking("PUT /a", "Host: a", `X: ${"x".repeat(20_000)}`), "PUT", "/a"],
  [
    "has a chunk that is none",
    400,
    `${asking("POST /a", "Host: a", "Transfer-Encoding: chunked")}zz\r\n`,
    "POST",
    "/a",
  ],
  [
    "has endless chunk extensions",
    413,
    `${asking("POST /a", "Host: a", "Transfer-Encoding: chunked")}5;${"x".repeat(20_000)}`,
    "POST",
    "/a",
  ],
  [
    "expects what nobody can give",
    417,
    asking("POST /a", "Host: a", "Expect: tea", "Content-Length: 0"),
    "POST",
    "/a",
  ],
  ["has a method that nobody knows", 501, asking("FOO /a?b", "Host: a"), "FOO", "/a?b"],
  ["has a method in lower case", 501, asking("get /a", "Host: a"), "get", "/a"],
  ["has a method that is no token", 400, asking("F(O /a", "Host: a"), "-", "-"],
  ["wants a tunnel", 501, asking("CONNECT a.example:443", "Host: a"), "CONNECT", "a.example:443"],
  ["wants its own request back", 405, asking("TRACE /a", "Host: a"), "TRACE", "/a"],
  [
    "changes protocols without a Host",
    400,
    `GET /a HTTP/1.1\r\n${upgrading.join("\r\n")}\r\n\r\n`,
    "GET",
    "/a",
  ],
  ["does not come to its end", 408, "GET /a HTTP/1.1\r\nHost: a", "-", "-"],
  [
    "does not come to its body's end",
    408,
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe",
    "POST",
    "/a",
  ],
];

it.each(REFUSED)(
  "a request that %s is refused with a %i, and told once",
  async (_, status, bytes, method, uri) => {
    const origin = await startOrigin(() => {});
    const site = await startSite({
      settings: {
        ORIGINS: origin.url,
        HEADERS_TIMEOUT: "300ms",
        REQUEST_TIMEOUT: "300ms",
        SECURITY_HEADERS: "true",
        CORS_ORIGINS: "*",
      },
    });
    const seen = await exchange(site.proxy.port, bytes);
    await site.until("it is told", () => answered(site).length > 0);
    const [head = "", body = ""] = seen.split("\r\n\r\n");
    expect(seen.match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`]);
    expect(head).toMatch(/\r\nX-Content-Type-Options: nosniff\r\n/);
    expect(head).toMatch(/\r\nX-Frame-Options: SAMEORIGIN\r\n/);
    expect(head).toMatch(/\r\nAccess-Control-Allow-Origin: \*\r\n/);
    expect(head).toContain(`\r\nContent-Length: ${body.length}\r\n`);
    expect(body).toMatch(/^\{"code":"bad_request","message":".+","requestId":".+"\}\n$/);
    const { requestId } = JSON.parse(body) as { requestId: string };
    expect(head).toContain(`\r\nX-Request-Id: ${requestId}`);
    // A second one would be told by now: an answer that nobody gets ends with its connection.
    await site.proxy.stop();
    expect(answered(site)).toMatchObject([
      { requestId, method, uri: expect.stringContaining(uri), status, bytes: body.length, aborted: false },
    ]);
    expect(answered(site)[0]?.outcome).toMatchObject({ word: "BYPASS", body: "none", reason: "bad_request" });
  },
);

it("a connection that is opened in advance and never asks is closed, and is no request", async () => {
  const site = await startSite({ settings: { HEADERS_TIMEOUT: "200ms", REQUEST_TIMEOUT: "200ms" } });
  const client = await rawClient(site.proxy.port);
  expect(await client.end()).toBe("");
  expect(answered(site)).toEqual([]);
});

it.each([
  ["nobody listens at", "origin_unreachable", 502],
  ["hangs up", "origin_unreachable", 502],
  ["talks nonsense", "origin_unreachable", 502],
  ["says nothing", "origin_timeout", 504],
])(
  "of an origin that %s neither the address nor a library's words reach the client",
  async (what, code, status) => {
    const port = await freePort();
    if (what !== "nobody listens at") {
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.on("data", (chunk) => {
          if (chunk.includes("/health-check"))
            socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
          else if (what === "hangs up") socket.destroy();
          else if (what === "talks nonsense") socket.end("nonsense\r\n\r\n");
        });
      });
      await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
      onTestFinished(() => void server.close());
    }
    const site = await startSite({
      settings: { ORIGINS: `http://127.0.0.1:${port}`, ORIGIN_TIMEOUT: "200ms" },
    });
    const upgrade = { Connection: "Upgrade", Upgrade: "websocket" };
    for (const [headers, method] of [
      [{}, "GET"],
      [{}, "POST"],
      [upgrade, "GET"],
    ] as const) {
      const answer = await site.ask("/a", { headers, method });
      const error = answer.json<{ code: string; message: string }>();
      // Where nobody listens, the health check or the first request has found out.
      expect([code, "no_healthy_origin"]).toContain(error.code);
      expect([status, 502]).toContain(answer.status);
      expect(error.message).toMatch(/^(the server behind this proxy|no server is there) [a-z ]+$/);
      expect(answer.text).toMatch(/\}\n$/);
      expect(answer.header("x-content-type-options")).toBe("nosniff");
    }
    const failures = site.events.filter((event) => event.type === "origin-failed");
    expect(failures.length).toBeGreaterThan(0);
  },
);
