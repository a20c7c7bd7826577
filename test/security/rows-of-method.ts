import {
  answered,
  bytes,
  get,
  HOST,
  passed,
  passedAll,
  passedLast,
  passedPerhapsLast,
  post,
  type Row,
  refused,
} from "./rows.ts";

const EXPECT = "RFC 9110 §10.1.1";
const UPGRADE = "RFC 9110 §7.8";
const CONNECTION = "RFC 9110 §7.6.1";
const FORWARDS = "RFC 9110 §7.6.2";
const METHOD = "RFC 9110 §9";

const method = (name: string, ...fields: readonly string[]): Row =>
  passed(
    { line: `${name} /a` },
    `the method ${name}`,
    METHOD,
    bytes(`${name} /a HTTP/1.1`, [HOST, ...fields]),
  );
const optionsOf = (target: string, ...fields: readonly string[]): string =>
  bytes(`OPTIONS ${target} HTTP/1.1`, [HOST, ...fields]);

export const METHOD_ROWS: readonly Row[] = [
  refused(
    501,
    "CONNECT",
    "RFC 9110 §9.3.6",
    bytes("CONNECT a.example:443 HTTP/1.1", ["Host: a.example:443"]),
  ),
  refused(501, "CONNECT with a path", "RFC 9110 §9.3.6", bytes("CONNECT /a HTTP/1.1", [HOST])),
  refused(
    501,
    "CONNECT with a length",
    "RFC 9110 §9.3.6",
    bytes("CONNECT a.example:443 HTTP/1.1", [HOST, "Content-Length: 0"]),
  ),
  refused(
    501,
    "CONNECT to the origin's own port",
    "RFC 9110 §9.3.6",
    bytes("CONNECT 127.0.0.1:80 HTTP/1.1", [HOST]),
  ),
  answered(405, "TRACE", "RFC 9110 §9.3.8", bytes("TRACE /a HTTP/1.1", [HOST])),
  answered(
    405,
    "TRACE with credentials",
    "RFC 9110 §9.3.8",
    bytes("TRACE /a HTTP/1.1", [HOST, "Cookie: a=1"]),
  ),
  answered(405, "TRACE with Max-Forwards", FORWARDS, bytes("TRACE /a HTTP/1.1", [HOST, "Max-Forwards: 5"])),
  answered(
    405,
    "TRACE with content",
    "RFC 9110 §9.3.8",
    bytes("TRACE /a HTTP/1.1", [HOST, "Content-Length: 5"], "hello"),
  ),
  refused(417, "an expectation that nobody knows", EXPECT, post("", "Expect: tea", "Content-Length: 0")),
  refused(
    417,
    "an expectation of another length",
    EXPECT,
    post("", "Expect: 100-continued", "Content-Length: 0"),
  ),
  refused(417, "an expectation of 200-ok of a GET", EXPECT, get("Expect: 200-ok")),
  passed(
    { line: "POST /a", body: "hello", lacks: ["expect"] },
    "100-continue",
    EXPECT,
    post("hello", "Expect: 100-continue", "Content-Length: 5"),
  ),
  passed(
    { line: "POST /a", body: "hello", lacks: ["expect"] },
    "100-Continue in capitals",
    EXPECT,
    post("hello", "Expect: 100-CONTINUE", "Content-Length: 5"),
  ),
  passed({ line: "GET /a", lacks: ["expect"] }, "100-continue of a GET", EXPECT, get("Expect: 100-continue")),
  passedPerhapsLast(
    { line: "GET /a", lacks: ["upgrade", "http2-settings"] },
    "Upgrade: h2c",
    "RFC 9113 §3.1",
    get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
  ),
  passed(
    { line: "GET /a", lacks: ["upgrade"] },
    "Upgrade: h2c without Connection",
    "RFC 9113 §3.1",
    get("Upgrade: h2c"),
  ),
  passedPerhapsLast(
    { line: "GET /a", lacks: ["upgrade"] },
    "Upgrade: H2C among others",
    "RFC 9113 §3.1",
    get("Connection: Upgrade", "Upgrade: websocket, H2C"),
  ),
  passedPerhapsLast(
    { line: "POST /a", body: "hello", lacks: ["upgrade"] },
    "Upgrade: h2c of an upload",
    UPGRADE,
    post("hello", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 5"),
  ),
  passedPerhapsLast(
    { line: "POST /a", body: "hello", lacks: ["upgrade"] },
    "a WebSocket with content",
    UPGRADE,
    post("hello", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 5"),
  ),
  passedPerhapsLast(
    { line: "GET /a", body: "hello", lacks: ["upgrade"] },
    "a WebSocket of a GET with content",
    UPGRADE,
    bytes(
      "GET /a HTTP/1.1",
      [HOST, "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 5"],
      "hello",
    ),
  ),
  passedPerhapsLast(
    { line: "DELETE /a", lacks: ["upgrade"] },
    "a WebSocket of another method",
    UPGRADE,
    bytes("DELETE /a HTTP/1.1", [HOST, "Connection: Upgrade", "Upgrade: websocket"]),
  ),
  passed(
    { line: "GET /a", lacks: ["upgrade"] },
    "Upgrade that Connection does not name",
    UPGRADE,
    get("Upgrade: websocket"),
  ),
  passedLast(
    { line: "GET /a", lacks: ["upgrade"] },
    "an upgrade of HTTP/1.0",
    UPGRADE,
    bytes("GET /a HTTP/1.0", [HOST, "Connection: Upgrade", "Upgrade: websocket"]),
  ),
  passed(
    { line: "GET /a", body: "hello" },
    "a GET with content",
    "RFC 9110 §9.3.1",
    bytes("GET /a HTTP/1.1", [HOST, "Content-Length: 5"], "hello"),
  ),
  passed(
    { line: "GET /a", body: "hello" },
    "a GET with chunks",
    "RFC 9110 §9.3.1",
    bytes("GET /a HTTP/1.1", [HOST, "Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\n\r\n"),
  ),
  passed(
    { line: "HEAD /a", body: "hello" },
    "a HEAD with content",
    "RFC 9110 §9.3.2",
    bytes("HEAD /a HTTP/1.1", [HOST, "Content-Length: 5"], "hello"),
  ),
  passed(
    { line: "DELETE /a", body: "hello" },
    "a DELETE with content",
    "RFC 9110 §9.3.5",
    bytes("DELETE /a HTTP/1.1", [HOST, "Content-Length: 5"], "hello"),
  ),
  passed(
    { line: "OPTIONS /a", body: "hello" },
    "an OPTIONS with content",
    "RFC 9110 §9.3.7",
    bytes("OPTIONS /a HTTP/1.1", [HOST, "Content-Length: 5"], "hello"),
  ),
  ...[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
  ].map((name) => method(name)),
  ...["MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "M-SEARCH", "PURGE", "QUERY", "LINK"].map((name) =>
    method(name),
  ),
  answered(204, "OPTIONS *", "RFC 9110 §9.3.7", optionsOf("*")),
  answered(204, "OPTIONS with Max-Forwards: 0", FORWARDS, optionsOf("/a", "Max-Forwards: 0")),
  answered(204, "OPTIONS of a host", "RFC 9112 §3.2.4", optionsOf("http://a.example")),
  passed(
    { line: "OPTIONS /a", has: { "max-forwards": "4" } },
    "OPTIONS with Max-Forwards: 5",
    FORWARDS,
    optionsOf("/a", "Max-Forwards: 5"),
  ),
  passed(
    { line: "OPTIONS /a", has: { "max-forwards": "254" } },
    "OPTIONS with an enormous Max-Forwards",
    FORWARDS,
    optionsOf("/a", `Max-Forwards: ${"9".repeat(50)}`),
  ),
  passed(
    { line: "OPTIONS /a", has: { "max-forwards": "-1" } },
    "OPTIONS with a Max-Forwards that is none",
    FORWARDS,
    optionsOf("/a", "Max-Forwards: -1"),
  ),
  passed(
    { line: "GET /a", has: { "max-forwards": "0" } },
    "a GET with Max-Forwards",
    FORWARDS,
    get("Max-Forwards: 0"),
  ),
  passed(
    { line: "GET /a", has: { y: "2" }, lacks: ["x"] },
    "a field that Connection names",
    CONNECTION,
    get("Connection: X", "X: 1", "Y: 2"),
  ),
  passed(
    { line: "GET /a", lacks: ["x", "y", "z"] },
    "fields that several Connections name",
    CONNECTION,
    get("Connection: x, Y", "connection: Z", "X: 1", "Y: 2", "Z: 3"),
  ),
  passed({ line: "GET /a" }, "Connection: Host", CONNECTION, get("Connection: Host")),
  passed(
    { line: "POST /a", body: "hello", has: { "content-length": "5" } },
    "Connection: Content-Length",
    CONNECTION,
    post("hello", "Connection: Content-Length", "Content-Length: 5"),
  ),
  passed(
    { line: "GET /a", lacks: ["keep-alive", "proxy-connection", "te"] },
    "hop-by-hop fields",
    CONNECTION,
    get("Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: trailers", "Trailer: X"),
  ),
  passed({ line: "GET /a" }, "an empty Connection", CONNECTION, get("Connection:")),
  passed({ line: "GET /a" }, "a Connection of commas", CONNECTION, get("Connection: ,, ,")),
  passed({ line: "GET /a" }, "a Connection that is no token", CONNECTION, get('Connection: "a b", @')),
  passedLast({ line: "GET /a" }, "Connection: close", "RFC 9112 §9.6", get("Connection: close")),
  passedLast(
    { line: "GET /a" },
    "Connection: keep-alive, close",
    "RFC 9112 §9.6",
    get("Connection: keep-alive, close"),
  ),
  passedAll(
    [{ line: "GET /a" }, { line: "GET /b" }, { line: "GET /c" }],
    "three requests at once",
    "RFC 9112 §9.3.2",
    get() + bytes("GET /b HTTP/1.1", [HOST]) + bytes("GET /c HTTP/1.1", [HOST]),
  ),
  passedAll(
    [{ line: "POST /a", body: "hello" }, { line: "GET /b" }, { line: "POST /a", body: "you" }],
    "uploads of both framings and a GET at once",
    "RFC 9112 §9.3.2",
    post("hello", "Content-Length: 5") +
      bytes("GET /b HTTP/1.1", [HOST]) +
      post("3\r\nyou\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
  ),
  passedAll(
    [{ line: "POST /a", body: "hello" }, { line: "GET /b" }],
    "an empty line between two requests",
    "RFC 9112 §2.2",
    `${post("hello", "Content-Length: 5")}\r\n${bytes("GET /b HTTP/1.1", [HOST])}`,
  ),
];
