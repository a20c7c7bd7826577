import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { IncomingHttpHeaders } from "node:http2";
import { describe, expect, it } from "vitest";
import { linesWithout, startOrigin } from "./own-origin.ts";
import { exchange } from "./raw.ts";
import { askH1, askH2, h2Client, startSecureSite } from "./secure-site.ts";

const STORED = "/data?id=1&cache-control=max-age=60";

describe("a request of HTTP/2", () => {
  it("reaches an origin as one of HTTP/1.1: Host, one line of cookies, nothing of a connection", async () => {
    const origin = await startOrigin((_, response) => response.end("x"));
    const site = await startSecureSite({ ORIGINS: origin.url, PRESERVE_HOST: "true" });
    const fields = {
      ":path": "/a?b",
      ":authority": "A.example:444",
      cookie: ["a=1", "b=2"],
      te: "trailers",
      "x-raw": "caf\xe9",
      "x-twice": ["1", "2"],
    };
    expect((await askH2(h2Client(site), fields)).status).toBe(200);
    const lines = linesWithout(
      origin.requests[0]?.rawHeaders ?? [],
      "x-forwarded-for",
      "x-request-id",
      "via",
    );
    expect(lines).toEqual([
      ...["host", "a.example:444", "connection", "keep-alive"],
      ...["x-raw", "caf\xe9", "x-twice", "1", "x-twice", "2", "cookie", "a=1; b=2"],
      ...["X-Forwarded-Host", "a.example:444", "X-Forwarded-Proto", "https"],
    ]);
    expect(origin.requests[0]?.url).toBe("/a?b");
    expect(origin.requests[0]?.headers.via).toBe("2 freshline");
  });

  it("carries content, with a length and without", async () => {
    const bodies: string[] = [];
    const lengths: (string | undefined)[] = [];
    const origin = await startOrigin(async (request, response) => {
      lengths.push(request.headers["content-length"]);
      bodies.push(Buffer.concat(await request.toArray()).toString());
      response.end("thanks");
    });
    const site = await startSecureSite({ ORIGINS: origin.url });
    const client = h2Client(site);
    const long = "0123456789".repeat(100_000);
    const posted = { ":method": "POST", ":path": "/" };
    await askH2(client, { ...posted, "content-length": "5" }, "hello");
    await askH2(client, posted, long);
    await askH2(client, { ...posted, "content-length": "0" }, "");
    expect(bodies).toEqual(["hello", long, ""]);
    expect(lengths.slice(0, 2)).toEqual(["5", undefined]);
  });

  it("goes on to an origin that a reload removes in the midst of its content", async () => {
    const [one, other] = await Promise.all(
      ["one", "other"].map((name) =>
        startOrigin(async (request, response) => {
          const content = Buffer.concat(await request.toArray());
          response.end(`${name} ${content}`);
        }),
      ),
    );
    const site = await startSecureSite({ ORIGINS: one?.url ?? "" });
    const client = h2Client(site);
    const stream = client.request({ ":method": "POST", ":path": "/upload" });
    stream.write("half");
    await site.until("it is at the origin", () => one?.requests.length === 1);
    expect((await site.reload({ ORIGINS: other?.url ?? "" })).status).toBe(200);
    expect((await askH2(client, { ":path": "/" })).body.toString()).toBe("other ");
    stream.end("done");
    expect(Buffer.concat(await stream.toArray()).toString()).toBe("one halfdone");
  });

  it("is cut at the origin where its client breaks it off, and never completed", async () => {
    const cut: boolean[] = [];
    const origin = await startOrigin((request) => {
      request.on("error", () => {});
      request.on("close", () => cut.push(!request.complete));
    });
    const site = await startSecureSite({ ORIGINS: origin.url });
    const client = h2Client(site);
    const stream = client.request({ ":method": "POST", ":path": "/upload" });
    stream.on("error", () => {});
    stream.write("part");
    await site.until("it is at the origin", () => origin.requests.length === 1);
    stream.destroy(new Error("enough"));
    await site.until("it is cut", () => cut.length === 1);
    expect(cut).toEqual([true]);
  });

  it.each([
    ["MAX_URL_BYTES", { ":path": `/${"a".repeat(9000)}` }, 414],
    ["MAX_HEADER_BYTES", { ":path": "/", "x-long": "a".repeat(17_000) }, 431],
    [
      "MAX_HEADER_COUNT",
      { ":path": "/", ...Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`x-${i}`, ""])) },
      431,
    ],
    ["MAX_BODY_BYTES", { ":path": "/", ":method": "POST", "content-length": "101" }, 413],
    ["an expectation", { ":path": "/", expect: "miracles" }, 417],
    ["TRACE", { ":path": "/", ":method": "TRACE" }, 405],
    ["an unknown method", { ":path": "/", ":method": "BREW" }, 501],
    ["another scheme", { ":path": "/", ":scheme": "http" }, 400],
    ["a fragment", { ":path": "/a#b" }, 400],
    ["bytes above 127 in the path", { ":path": "/caf\xe9" }, 400],
    ["Host beside another authority", { ":path": "/", host: "b.example", ":authority": "a.example" }, 400],
  ] as const)(
    "is refused for %s alone, and the next one on the connection is answered",
    async (_, fields, status) => {
      const site = await startSecureSite({ MAX_BODY_BYTES: "100B" });
      const client = h2Client(site);
      const body = fields[":path"] === "/" && "content-length" in fields ? "a".repeat(101) : undefined;
      const answer = await askH2(client, fields, body);
      expect([answer.status, JSON.parse(answer.body.toString()).code]).toEqual([status, "bad_request"]);
      expect((await askH2(client, { ":path": STORED })).status).toBe(200);
      expect(await site.asked("GET /")).toBe(0);
    },
  );

  it("may say Host beside the same authority, and ask about the server as a whole", async () => {
    const client = h2Client(await startSecureSite());
    expect(
      (await askH2(client, { ":path": STORED, host: "A.example", ":authority": "a.example" })).status,
    ).toBe(200);
    const options = await askH2(client, { ":method": "OPTIONS", ":path": "*" });
    expect([options.status, options.fields["allow"]]).toEqual([204, expect.stringContaining("GET")]);
  });

  it("is refused where it is too long, or too slow, on the way", async () => {
    const origin = await startOrigin((request) => request.on("error", () => {}).resume());
    const settings = { ORIGINS: origin.url, MAX_BODY_BYTES: "100B", BODY_TIMEOUT: "100ms" };
    const client = h2Client(await startSecureSite(settings));
    const posted = { ":method": "POST", ":path": "/" };
    expect((await askH2(client, posted, "a".repeat(101))).status).toBe(413);
    const slow = client.request(posted);
    slow.write("a");
    const [head] = await once(slow, "response");
    expect(head[":status"]).toBe(408);
  });

  it("is not tunnelled, whatever it asks for", async () => {
    const site = await startSecureSite();
    const stream = h2Client(site).request({ ":method": "CONNECT", ":authority": "inner.example:443" });
    const [head] = await once(stream, "response");
    expect(head[":status"]).toBe(501);
  });
});

describe("an answer of HTTP/2", () => {
  it("is the same as over HTTP/1.1, but for what a connection has", async () => {
    const site = await startSecureSite();
    const client = h2Client(site);
    const requests: [string, Record<string, string>][] = [
      [STORED, {}],
      [STORED, { "if-none-match": "*" }],
      [STORED, { range: "bytes=0-3" }],
      [STORED, { range: "bytes=0-3,5-6" }],
      [STORED, { range: "bytes=99999-" }],
      ["/data?id=2", {}],
      ["/data?id=3", { "cache-control": "only-if-cached" }],
      ["/bytes?n=5000&chunked=1", {}],
      ["/bytes?n=0&cache-control=max-age=60", {}],
      ["/bytes?n=300000&cache-control=max-age=60", {}],
      ["/nothing-here", {}],
      ["//a/../b?", {}],
    ];
    for (const [path, fields] of requests) {
      for (const method of ["GET", "HEAD"]) {
        // From then on it is the same each time.
        await askH1(site, path, fields, method);
        {
          const one = await askH1(site, path, fields, method);
          const two = await askH2(client, { ":path": path, ":method": method, ...fields });
          expect([path, method, two.status, alike(two.fields)]).toEqual([
            path,
            method,
            one.status,
            alike(one.headers),
          ]);
          const [left, right] = [one.text, two.body.toString()].map(withoutTimes);
          expect(right).toBe(left);
        }
      }
    }
  });

  it("has no field of a connection, and every name in lower case", async () => {
    const origin = await startOrigin((_, response) => {
      response.writeHead(200, [
        ...[
          "Connection",
          "X-Named",
          "X-Named",
          "1",
          "Keep-Alive",
          "timeout=9",
          "Upgrade",
          "h3",
          "TE",
          "trailers",
        ],
        ...["Proxy-Connection", "close", "X-Case", "1", "ETag", '"a"', "Age", "1", "Age", "2"],
        ...["Set-Cookie", "a=1", "Set-Cookie", "b=2", "X-Raw", "caf\xe9"],
      ]);
      response.end("x");
    });
    const site = await startSecureSite({ ORIGINS: origin.url });
    const { fields } = await askH2(h2Client(site), { ":path": "/" });
    expect(fields).toMatchObject({
      "x-case": "1",
      etag: '"a"',
      "set-cookie": ["a=1", "b=2"],
      "x-raw": "caf\xe9",
    });
    const names = [
      "connection",
      "x-named",
      "keep-alive",
      "upgrade",
      "te",
      "proxy-connection",
      "transfer-encoding",
    ];
    for (const name of names) expect(fields).not.toHaveProperty(name);
  });

  it("has interim responses before it and trailers behind it", async () => {
    const origin = await startOrigin((_, response) => {
      response.writeEarlyHints({ link: "</a.css>; rel=preload" });
      response.writeHead(200, { Trailer: "X-Sum" });
      response.write("x");
      response.addTrailers({ "X-Sum": "1" });
      response.end("y");
    });
    const site = await startSecureSite({ ORIGINS: origin.url });
    const answer = await askH2(h2Client(site), { ":path": "/" });
    expect(answer.interim).toEqual([103]);
    expect([answer.body.toString(), answer.trailers["x-sum"]]).toEqual(["xy", "1"]);
    const expecting = { ":method": "POST", ":path": "/", expect: "100-continue" };
    expect((await askH2(h2Client(site), expecting, "x")).interim).toEqual([100, 103]);
  });

  it("is 204 and 304 without content", async () => {
    const origin = await startOrigin((request, response) => {
      const conditional = request.headers["if-none-match"] !== undefined;
      response.writeHead(request.url === "/204" ? 204 : conditional ? 304 : 200, { ETag: '"x"' }).end();
    });
    const site = await startSecureSite({ ORIGINS: origin.url });
    for (const status of [204, 304]) {
      const fields = { ":path": `/${status}`, "if-none-match": '"x"' };
      expect(await askH2(h2Client(site), fields)).toMatchObject({ status, body: Buffer.alloc(0) });
    }
  });

  it("is a 502 with the same content where its status is none", async () => {
    const origin = await startOrigin((_, response) => {
      response.writeHead(999, { "Cache-Control": "max-age=60" }).end("x");
    });
    const site = await startSecureSite({ ORIGINS: origin.url });
    const client = h2Client(site);
    for (const cache of ["MISS", "HIT"]) {
      const { status, fields, body } = await askH2(client, { ":path": "/" });
      expect([status, fields["x-cache"], body.toString()]).toEqual([502, cache, "x"]);
    }
  });

  it.each([{ "Content-Length": 10 }, {}])("is reset where its body breaks off, with %o", async (head) => {
    const origin = await startOrigin((request, response) => {
      if (request.url === "/whole") response.end("x");
      else response.writeHead(200, { ...head }).write("part", () => response.destroy());
    });
    const site = await startSecureSite({ ORIGINS: origin.url });
    const client = h2Client(site);
    const ended: string[] = [];
    const stream = client.request({ ":path": "/cut" });
    stream.on("data", () => {});
    stream.on("end", () => ended.push("end"));
    stream.on("error", (error) => ended.push(error.message));
    await new Promise((closed) => stream.once("close", closed));
    expect(ended).toEqual(["Stream closed with error code NGHTTP2_INTERNAL_ERROR"]);
    expect((await askH2(client, { ":path": "/whole" })).body.toString()).toBe("x");
  });

  it("comes beside others on the connection, each at its own pace", async () => {
    const waiting: ServerResponse[] = [];
    const origin = await startOrigin((request, response) => {
      if (request.url === "/slow") waiting.push(response);
      else response.end("x");
    });
    const site = await startSecureSite({ ORIGINS: origin.url });
    const client = h2Client(site);
    const slow = askH2(client, { ":path": "/slow" });
    const fast = Array.from({ length: 50 }, (_, i) => askH2(client, { ":path": `/${i}` }));
    expect(new Set((await Promise.all(fast)).map(({ status }) => status))).toEqual(new Set([200]));
    waiting[0]?.end("late");
    expect((await slow).body.toString()).toBe("late");
  });
});

it("a client that leaves is told of as one that has aborted, and its request at the origin ends", async () => {
  let closed = 0;
  const origin = await startOrigin((_, response) => {
    response.on("close", () => closed++);
    response.write("x");
  });
  const site = await startSecureSite({ ORIGINS: origin.url });
  const stream = h2Client(site).request({ ":path": "/" });
  await once(stream, "data");
  stream.close(8);
  await site.until("the origin sees it", () => closed === 1);
  const aborted = () => site.events.some((event) => event.type === "answered" && event.aborted);
  await site.until("it is told", aborted);
});

it("a PURGE is answered, and who may send it is told by the connection", async () => {
  const site = await startSecureSite({ PURGE_ALLOW: "127.0.0.1" });
  const client = h2Client(site);
  await askH2(client, { ":path": STORED });
  expect((await askH2(client, { ":path": STORED, ":method": "PURGE" })).status).toBe(200);
  expect((await askH2(client, { ":path": STORED })).fields["x-cache"]).toBe("MISS");
  const other = await startSecureSite({ PURGE_ALLOW: "192.0.2.1" });
  const asked = { ":path": STORED, ":method": "PURGE", "x-forwarded-for": "192.0.2.1" };
  expect((await askH2(h2Client(other), asked)).status).toBe(403);
});

it("HTTP/2 without TLS is not spoken", async () => {
  const site = await startSecureSite();
  const said = await exchange(site.proxy.port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  expect(said).toMatch(/^HTTP\/1\.1 (400|505) /);
});

const OF_A_CONNECTION = ["connection", "keep-alive", "transfer-encoding"];
const ANEW = ["date", "x-request-id", "last-modified", "age", "cache-status", "content-type"];

/** What is another each time taken out. */
const alike = (fields: IncomingHttpHeaders): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).filter(
      ([name]) => !name.startsWith(":") && !OF_A_CONNECTION.includes(name) && !ANEW.includes(name),
    ),
  );

const withoutTimes = (text: string | undefined): string =>
  (text ?? "")
    .replace(/("(?:updated_at|served_at|now|time|port|request_id|id)":)"?[^",}]*"?/g, "$1-")
    .replace(/--[\w-]{16,}/g, "--boundary");
