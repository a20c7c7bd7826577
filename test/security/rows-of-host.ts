import { bytes, HOST, passed, type Row, refused } from "./rows.ts";

const HOSTS = "RFC 9112 §3.2";
const AUTHORITY = "RFC 9110 §4.2.1";
const to = (...hosts: readonly string[]): string =>
  bytes(
    "GET /a HTTP/1.1",
    hosts.map((host) => `Host: ${host}`),
  );
const noHost = (what: string, host: string): Row => refused(400, `a Host ${what}`, AUTHORITY, to(host));
const host = (text: string, heard = text): Row =>
  passed({ line: "GET /a", has: { "x-forwarded-host": heard } }, `the Host ${text}`, AUTHORITY, to(text));

export const HOST_ROWS: readonly Row[] = [
  refused(400, "no Host", HOSTS, bytes("GET /a HTTP/1.1", ["X: 1"])),
  refused(400, "no field at all", HOSTS, "GET /a HTTP/1.1\r\n\r\n"),
  refused(400, "an absolute target and no Host", HOSTS, bytes("GET http://a.example/a HTTP/1.1", ["X: 1"])),
  refused(400, "two Hosts", HOSTS, to("a.example", "b.example")),
  refused(400, "two Hosts that agree", HOSTS, to("a.example", "a.example")),
  refused(400, "two Hosts, one empty", HOSTS, to("a.example", "")),
  refused(
    400,
    "two Hosts in other cases",
    HOSTS,
    bytes("GET /a HTTP/1.1", ["host: a.example", "HOST: b.example"]),
  ),
  refused(
    400,
    "two Hosts and an absolute target",
    HOSTS,
    bytes("GET http://a.example/a HTTP/1.1", [HOST, HOST]),
  ),
  refused(400, "two Hosts in HTTP/1.0", HOSTS, bytes("GET /a HTTP/1.0", [HOST, "Host: b.example"])),
  refused(
    400,
    "a second Host folded to the first",
    HOSTS,
    bytes("GET /a HTTP/1.1", [HOST, " Host: b.example"]),
  ),
  refused(
    400,
    "a bad Host beside a good absolute target",
    HOSTS,
    bytes("GET http://a.example/a HTTP/1.1", ["Host: a b"]),
  ),
  noHost("that is empty", ""),
  noHost("of spaces alone", "  "),
  noHost("with a path", "a.example/b"),
  noHost("with a query", "a.example?b"),
  noHost("with a fragment", "a.example#b"),
  noHost("with a user", "b@a.example"),
  noHost("with a scheme", "http://a.example"),
  noHost("as a list", "a.example, b.example"),
  noHost("with a comma", "a.example,b.example"),
  noHost("with a space", "a.example b.example"),
  noHost("with a tab", "a.example\tb"),
  noHost("with a semicolon", "a.example;b"),
  noHost("with NUL", "a.example\0"),
  noHost("with a control byte", "a\x01.example"),
  noHost("with a byte above 127", "caf\xe9.example"),
  noHost("with percent signs", "a%2eexample"),
  noHost("in quotes", '"a.example"'),
  noHost("with a backslash", "a.example\\b"),
  noHost("with an angle bracket", "<script>"),
  noHost("with two ports", "a.example:80:81"),
  noHost("with a port that is none", "a.example:http"),
  noHost("with a port of minus one", "a.example:-1"),
  noHost("with a port behind a space", "a.example :80"),
  noHost("with a port of six digits", "a.example:100000"),
  noHost("with a port above 65535", "a.example:65536"),
  noHost("that is a port", ":80"),
  noHost("with half an address", "[::1"),
  noHost("with an address without brackets", "::1"),
  noHost("with a zone", "[fe80::1%25eth0]"),
  noHost("with text behind an address", "[::1]a"),
  noHost("with empty brackets", "[]"),
  noHost("that is too long", `${"a".repeat(300)}.example`),
  host("a.example"),
  host("a.example:8080"),
  host("A.eXample", "a.example"),
  host("a.example."),
  host("a_b.example"),
  host("127.0.0.1"),
  host("127.0.0.1:1"),
  host("[::1]"),
  host("[::1]:8080"),
  host("localhost"),
  host("xn--caf-dma.example"),
];
