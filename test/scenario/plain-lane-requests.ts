import fc from "fast-check";

/** Requests of HTTP/1.1 that are plain, odd, exotic and malformed, each as bytes, one character per byte, by what it is. */
export type Requests = readonly (readonly [what: string, bytes: string])[];

const request = (line: string, ...lines: readonly string[]): string =>
  `${[line, ...lines].join("\r\n")}\r\n\r\n`;

const HOST = "Host: a.example";
const STORED = "/data?id=1&cache-control=max-age=600";

/** Of a stored resource, with these lines more. */
const get = (...lines: readonly string[]): string => request(`GET ${STORED} HTTP/1.1`, HOST, ...lines);
const asking = (target: string, ...lines: readonly string[]): string =>
  request(`GET ${target} HTTP/1.1`, HOST, ...lines);
const asked = (host: string): string => request(`GET ${STORED} HTTP/1.1`, host);

const PLAIN: Requests = [
  ["nothing but Host", get()],
  ["HEAD", request(`HEAD ${STORED} HTTP/1.1`, HOST)],
  [
    "a browser's lines",
    get(
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0",
      "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
      "Accept-Encoding: gzip, deflate, br",
      "Accept-Language: en-GB,en;q=0.9",
      "Cookie: a=1; b=2",
      "Upgrade-Insecure-Requests: 1",
      "Connection: keep-alive",
    ),
  ],
  ["a request that closes", get("Connection: close")],
  ["a request that closes, in capitals", get("CONNECTION: CLOSE")],
  ["Keep-Alive", get("Connection: Keep-Alive", "Keep-Alive: timeout=5")],
  ["a name in lower case", request(`GET ${STORED} HTTP/1.1`, "host: a.example")],
  ["a name of odd characters", get("!#$%&'*+-.^_`|~: x")],
  ["an empty value", get("X-Empty:")],
  ["a value of whitespace", get("X-Empty: \t ")],
  ["whitespace around a value", get("X-Padded: \t  a  b \t ")],
  ["no whitespace before a value", get("X-Tight:a")],
  ["a value with raw bytes", get("X-Raw: caf\xe9 \xff\x80")],
  ["a value in UTF-8", get("Cookie: name=J\xc3\xbcrgen")],
  ["a value with a tab", get("X-Tab: a\tb")],
  ["lines of the same name", get("X-Twice: a", "X-Twice: b", "x-twice: c")],
  ["many lines", get(...Array.from({ length: 90 }, (_, i) => `X-${i}: ${i}`))],
  ["a long value", get(`Cookie: ${"c".repeat(7000)}`)],
  ["an id", get("X-Request-Id: my-own-id")],
  ["an id as long as ours", get("X-Request-Id: 01234567-89ab-cdef-0123-456789abcdef")],
  ["an id that logs cannot carry", get("X-Request-Id: a b")],
  ["what the client has", get('If-None-Match: "nothing"')],
  ["whatever the client has", get("If-None-Match: *")],
  ["what the client has had since", get("If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT")],
  ["a HEAD with what the client has", request(`HEAD ${STORED} HTTP/1.1`, HOST, "If-None-Match: *")],
  ["a precondition", get('If-Match: "x"')],
  ["a range", get("Range: bytes=0-3")],
  ["two ranges", get("Range: bytes=0-3,5-6")],
  ["a range that is none", get("Range: bytes=abc")],
  ["a range that cannot be satisfied", get("Range: bytes=99999-")],
  ["If-Range", get("Range: bytes=0-3", 'If-Range: "x"')],
  ["no-cache", get("Cache-Control: no-cache")],
  ["no-store", get("Cache-Control: no-store")],
  ["max-age=0", get("Cache-Control: max-age=0")],
  ["only-if-cached", get("Cache-Control: only-if-cached")],
  ["only-if-cached of what is not", asking("/data?id=nothing", "Cache-Control: only-if-cached")],
  ["Pragma", get("Pragma: no-cache")],
  ["Authorization", get("Authorization: Basic YTpi")],
  ["Origin", get("Origin: https://page.example")],
  ["Origin of another site", get("Origin: https://other.example")],
  ["Max-Forwards", get("Max-Forwards: 0")],
  ["Forwarded", get("Forwarded: for=1.2.3.4", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: b.example")],
  ["Via", get("Via: 1.1 other")],
  ["HTTP method override", get("X-HTTP-Method-Override: DELETE")],
  ["Proxy-Authorization", get("Proxy-Authorization: Basic YTpi")],
  ["Accept-Encoding", get("Accept-Encoding: gzip;q=0, identity")],
  ["a resource that is not stored", asking("/data?id=2")],
  ["a resource in chunks", asking("/bytes?n=5000&chunked=1")],
  ["a resource in chunks, by HEAD", request("HEAD /bytes?n=5000&chunked=1 HTTP/1.1", HOST)],
  ["a stored resource in chunks", asking("/bytes?n=5000&chunked=1&cache-control=max-age=600")],
  ["an empty resource", asking("/bytes?n=0&cache-control=max-age=600")],
  ["a stored resource that is long", asking("/bytes?n=100000&cache-control=max-age=600")],
  ["a stored resource that is not short", asking("/bytes?n=20000&cache-control=max-age=600")],
  ["a resource that is long", asking("/bytes?n=300000")],
  ["no such resource", asking("/nothing-here")],
  ["a parameter that the key ignores", asking(`${STORED}&utm_source=x`)],
  ["ignored parameters alone", asking("/nothing-here?utm_source=x&utm_medium=y")],
  ["the root", asking("/")],
];

const TARGETS: Requests = [
  ...[
    "//a//b",
    "/a/../b",
    "/a/./b",
    "/.",
    "/..",
    "/%61",
    "/a%2Fb",
    "/a?",
    "/?",
    "/??",
    "/a?b=%20&&c",
    "/%",
    "/%zz",
  ],
  ...[
    "/a;b=1?x[]=y|z",
    "/*",
    "/a:b@c",
    "/~user/!$&'()*+,;=",
    "/[::1]",
    "/a?b=http://c/d?e",
    "/a%00b",
    "/%e9",
  ],
  ...[
    `/${"a".repeat(3000)}`,
    "/a\\b",
    "/a?b\\c",
    '/"a"',
    "/<a>",
    "/a^b",
    "/a`b",
    "/{a}",
    "/a?{b}",
    "/a#b",
    "/a?b#c",
  ],
  ...["/\xe9", "/a\x7fb", "/a\tb", "/a b", "/a\0b", "*", "a", "http://b.example/a", "HTTP://b.example/a"],
  ...[
    "http://b.example",
    "http://b.example?x",
    "https://b.example/a",
    "ftp://b.example/a",
    "//",
    "/a?#",
    "?a",
    "",
  ],
].map((target) => [`the target ${target.slice(0, 40)}`, asking(target)] as const);

const HOSTS: Requests = [
  ...[
    "a",
    "A.Example",
    "a.example:80",
    "a.example:8080",
    "a.example:080",
    "a.example:0",
    "a.example:65536",
    "a.example:",
  ],
  ...[
    "a.example:99999",
    "a.example:443",
    "127.0.0.1",
    "127.0.0.1:3000",
    "1.2.3.999",
    "999.1",
    "a.1",
    "A.1",
    "0x7f.1",
  ],
  ...[
    "[::1]",
    "[::1]:3000",
    "[::zz]",
    "[::1",
    "a_b",
    "a-",
    "-a",
    "a..b",
    ".",
    "a.example.",
    "a~b",
    "a%41",
    "a b",
    "a/b",
  ],
  ...[
    "a@b",
    "a?b",
    "a#b",
    "a\\b",
    "a,b",
    "xn--a",
    "\xe9.example",
    "",
    " ",
    "a.example\t",
    "x".repeat(256),
    "a:b",
  ],
].map((host) => [`the Host ${host.slice(0, 40)}`, asked(`Host: ${host}`)] as const);

const EXOTIC: Requests = [
  ["POST", `${request("POST /echo HTTP/1.1", HOST, "Content-Length: 5")}hello`],
  [
    "POST in chunks",
    `${request("POST /echo HTTP/1.1", HOST, "Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n\r\n`,
  ],
  ["PUT without content", request("PUT /echo HTTP/1.1", HOST, "Content-Length: 0")],
  ["DELETE", request("DELETE /echo HTTP/1.1", HOST)],
  ["OPTIONS", request("OPTIONS /data HTTP/1.1", HOST)],
  ["OPTIONS of the server", request("OPTIONS * HTTP/1.1", HOST)],
  ["TRACE", request("TRACE /data HTTP/1.1", HOST)],
  ["PURGE", request(`PURGE ${STORED} HTTP/1.1`, HOST)],
  [
    "a preflight",
    request(
      "OPTIONS /data HTTP/1.1",
      HOST,
      "Origin: https://page.example",
      "Access-Control-Request-Method: PUT",
    ),
  ],
  ["a GET with content", `${get("Content-Length: 5")}hello`],
  ["a GET with content in chunks", `${get("Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n\r\n`],
  ["a GET with a length of 0", get("Content-Length: 0")],
  ["Expect", get("Expect: 100-continue", "Connection: close")],
  ["Expect of something else", get("Expect: tea")],
  ["TE", get("TE: trailers")],
  ["TE that Connection names", get("TE: trailers", "Connection: TE")],
  ["Trailer", get("Trailer: X-Sum")],
  [
    "an upgrade to h2c",
    get(
      "Connection: Upgrade, HTTP2-Settings, close",
      "Upgrade: h2c",
      "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
    ),
  ],
  ["Upgrade that Connection does not name", get("Upgrade: websocket")],
  ["Connection that names a field", get("X-Hop: a", "Connection: X-Hop")],
  ["Connection of two words", get("Connection: keep-alive, close")],
  ["an empty Connection", get("Connection:")],
  ["two Connections", get("Connection: keep-alive", "Connection: close")],
  ["Proxy-Connection", get("Proxy-Connection: close")],
  ["Proxy-Connection that keeps", get("Proxy-Connection: keep-alive")],
  ["more lines than are plain", get(...Array.from({ length: 150 }, (_, i) => `X-${i}: ${i}`))],
  ["an empty line before it", `\r\n${get()}`],
  ["a lower-case method", request(`get ${STORED} HTTP/1.1`, HOST)],
  ["a method that begins alike", request(`GETS ${STORED} HTTP/1.1`, HOST)],
  ["another that does", request(`HEA ${STORED} HTTP/1.1`, HOST)],
  ["the version 1.2", request(`GET ${STORED} HTTP/1.2`, HOST)],
  ["the version 2.0", request(`GET ${STORED} HTTP/2.0`, HOST)],
  ["a lower-case version", request(`GET ${STORED} http/1.1`, HOST)],
];

const MALFORMED: Requests = [
  ["no Host", request(`GET ${STORED} HTTP/1.1`)],
  ["two Hosts", get("Host: b.example")],
  ["two equal Hosts", get(HOST)],
  ["a space before the colon", get("X : a")],
  ["no colon", get("X-Name")],
  ["no name", get(": a")],
  ["a name with a space", get("X Y: a")],
  ["a name with a raw byte", get("X\xe9: a")],
  ["a folded line", get("X: a\r\n b")],
  ["a folded first line", `GET ${STORED} HTTP/1.1\r\n Host: a.example\r\n\r\n`],
  ["a NUL in a value", get("X: a\0b")],
  ["a DEL in a value", get("X: a\x7fb")],
  ["a control character in a value", get("X: a\x01b")],
  ["a CR in a value", get("X: a\rb")],
  ["an LF in a value", get("X: a\nb")],
  ["an LF in a value that hides a line", get("X: a\nContent-Length: 5")],
  ["a line that ends with LF alone", `GET ${STORED} HTTP/1.1\n${HOST}\r\n\r\n`],
  ["lines that end with LF alone", `GET ${STORED} HTTP/1.1\n${HOST}\n\n`],
  ["an empty line of LF alone", `GET ${STORED} HTTP/1.1\r\n${HOST}\r\n\n`],
  ["an empty line of CR alone", `GET ${STORED} HTTP/1.1\r\n${HOST}\r\n\rX`],
  ["two spaces after the method", `GET  ${STORED} HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ["two spaces before the version", `GET ${STORED}  HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ["a space after the version", `GET ${STORED} HTTP/1.1 \r\n${HOST}\r\n\r\n`],
  ["a tab in the request line", `GET\t${STORED} HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ["no version", `GET ${STORED}\r\n${HOST}\r\n\r\n`],
  ["no target", `GET HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ["a space before the method", ` GET ${STORED} HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ["two lengths", `${get("Content-Length: 5", "Content-Length: 6")}hello`],
  ["both framings", `${get("Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n`],
  ["a length that is none", get("Content-Length: x")],
  ["an unknown coding", get("Transfer-Encoding: gzip")],
  ["a coding in disguise", get("Transfer-Encoding\xa0: chunked")],
  ["a head that is too long", get(`X: ${"x".repeat(20_000)}`)],
  [
    "a head that is too long in many lines",
    get(...Array.from({ length: 90 }, (_, i) => `X-${i}: ${"x".repeat(250)}`)),
  ],
  ["a target that is too long", asking(`/${"a".repeat(20_000)}`)],
  ["no HTTP", "hello, world\r\n\r\n"],
  ["another protocol", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
  ["the beginning of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["CONNECT", request("CONNECT a:1 HTTP/1.1", HOST)],
];

export const REQUESTS: Requests = [...PLAIN, ...TARGETS, ...HOSTS, ...EXOTIC, ...MALFORMED];

const byte = fc.oneof(
  fc.constantFrom(...'\r\n\t :;,/?#%\\\0\x7f\xa0\xff"GHT1.0a'),
  fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
);
const piece = fc.oneof(
  byte,
  fc.constantFrom(
    ...["\r\n", "\r\n\r\n", "\r\n ", "\n", "Host: b\r\n", "Content-Length: 5\r\n", "X: 1\r\n", " HTTP/1.1"],
    ...[
      "Transfer-Encoding: chunked\r\n",
      "Connection: close\r\n",
      "GET / HTTP/1.1\r\n",
      "\r",
      "X:\r\n",
      ": ",
    ],
  ),
);

/** Ways to put something else into bytes, or to leave some of them out. */
export const mutations: fc.Arbitrary<(bytes: string) => string> = fc
  .array(fc.record({ at: fc.nat(), cut: fc.integer({ min: 0, max: 3 }), put: piece }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((changes) => (bytes) => {
    let changed = bytes;
    for (const { at, cut, put } of changes) {
      const i = at % (changed.length + 1);
      changed = changed.slice(0, i) + put + changed.slice(i + cut);
    }
    return changed;
  });
