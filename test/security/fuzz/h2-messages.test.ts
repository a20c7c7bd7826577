import { EventEmitter } from "node:events";
import type { OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import fc from "fast-check";
import { expect } from "vitest";
import { H2Request } from "../../../src/server/h2-request.ts";
import { H2Response } from "../../../src/server/h2-response.ts";
import { fuzz } from "./harness.ts";

const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;
const value = fc.constantFrom(
  ...[
    "https",
    "http",
    "GET",
    "OPTIONS",
    "CONNECT",
    "*",
    "/",
    "/a?b",
    "//a",
    "a",
    "",
    "/a b",
    "/\xe9",
    "/a#b",
    "http://a/",
  ],
  ...["a.example", "A.Example", "b.example", "a=1", "b=2; c", "5", "100-continue", "x".repeat(300)],
);
const request = fc.record({
  method: fc.option(fc.constantFrom("GET", "GET", "OPTIONS", "POST", "CONNECT")),
  scheme: fc.option(fc.constantFrom("https", "https", "https", "http", "HTTPS", "ws")),
  path: fc.option(fc.oneof(fc.constantFrom("/", "/a?b", "*"), value)),
  authority: fc.option(fc.oneof(fc.constantFrom("a.example", "A.Example"), value)),
  fields: fc.array(
    fc.tuple(
      fc.constantFrom("host", "cookie", "cookie", "accept", "x", "content-length", "expect", "x"),
      value,
    ),
    { maxLength: 6 },
  ),
});

/** No more of a stream than a head needs. */
const streamOf = (): ServerHttp2Stream =>
  Object.assign(new EventEmitter(), {
    endAfterHeaders: true,
    readableEnded: true,
    resume: () => {},
  }) as unknown as ServerHttp2Stream;

fuzz("a request of HTTP/2 is one of HTTP/1.1 that says the same, or refused", {
  corpus: "h2-requests",
  inputs: request,
  runs: 3000,
  holds: ({ method, scheme, path, authority, fields }) => {
    const pseudo = { ":method": method, ":scheme": scheme, ":path": path, ":authority": authority };
    const lines = [
      ...Object.entries(pseudo).filter(([, said]) => said !== null),
      ...fields,
    ].flat() as string[];
    const { wrong, url, rawHeaders, method: asked } = new H2Request(streamOf(), lines, {}, 1000);
    const hosts = fields.filter(([name]) => name === "host").map(([, host]) => host);
    const bytes = lines.reduce((sum, text) => sum + text.length, 0) + 2 * lines.length;
    // Nothing is made up, nothing left out, and no pseudo-field is a field.
    const cookies = fields.filter(([name]) => name === "cookie").map(([, cookie]) => cookie);
    expect(rawHeaders).toEqual([
      ...(authority === null ? hosts : [authority]).flatMap((host) => ["Host", host]),
      ...fields.filter(([name]) => name !== "host" && name !== "cookie").flat(),
      ...(cookies.length === 0 ? [] : ["cookie", cookies.join("; ")]),
    ]);
    expect(asked).toBe(method ?? "");
    const ofServer = path === "*" && method === "OPTIONS";
    const right =
      bytes <= 1000 &&
      (method === "CONNECT" ||
        (scheme === "https" &&
          (authority === null || hosts.every((host) => host.toLowerCase() === authority.toLowerCase())) &&
          (ofServer || /^\/[!-~]*$/.test(path ?? ""))));
    expect(wrong === undefined).toBe(right);
    if (wrong === undefined && method !== "CONNECT")
      expect(url).toBe(ofServer ? `https://${authority ?? hosts[0]}` : path);
  },
});

const name = fc.constantFrom(
  ...[
    "X-A",
    "x-a",
    "Set-Cookie",
    "set-cookie",
    "Content-Length",
    "Content-Type",
    "__proto__",
    "constructor",
    "Trailer",
  ],
  ...["Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade", "TE", "HTTP2-Settings"],
  ...["", ":status", "X A", "X\xe9", "X\r\n", "X:"],
);
const said = fc.constantFrom(
  "a",
  "",
  "a, b",
  "caf\xe9",
  "\t",
  "a\0",
  "a\r\nX: b",
  "a\nb",
  "\x7f",
  "chunked",
  "5",
);
const FORBIDDEN = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "te",
  "http2-settings",
];

fuzz("an answer of HTTP/2 has no field of a connection, each name once, and no line that is two", {
  corpus: "h2-answers",
  inputs: fc.record({
    status: fc.constantFrom(200, 204, 304, 404),
    lines: fc.array(fc.tuple(name, said), { maxLength: 6 }),
  }),
  runs: 3000,
  holds: ({ status, lines }) => {
    let sent: OutgoingHttpHeaders | undefined;
    const stream = Object.assign(streamOf(), { respond: (fields: OutgoingHttpHeaders) => (sent = fields) });
    const wellFormed = lines.every(
      ([one, text]) => TOKEN.test(one) && /^[\t\x20-\x7e\x80-\xff]*$/.test(text),
    );
    const write = () => new H2Response(stream, "GET").writeHead(status, lines.flat());
    if (!wellFormed) {
      expect(write).toThrow();
      expect(sent).toBeUndefined();
      return;
    }
    write();
    const expected = new Map<string, string | string[] | number>([[":status", status]]);
    for (const [one, text] of lines) {
      const lowerName = one.toLowerCase();
      if (FORBIDDEN.includes(lowerName) || (lowerName === "content-length" && status === 204)) continue;
      const before = expected.get(lowerName);
      if (lowerName === "set-cookie") expected.set(lowerName, [...((before ?? []) as string[]), text]);
      else expected.set(lowerName, before === undefined ? text : `${before}, ${text}`);
    }
    const { ":status": told, ...fields } = sent ?? {};
    expect(told).toBe(status);
    for (const hop of ["proxy-authenticate", "proxy-authorization"])
      expect(Object.keys(fields)).not.toContain(hop);
    expected.delete(":status");
    expect(new Map(Object.entries(fields))).toEqual(expected);
  },
});
