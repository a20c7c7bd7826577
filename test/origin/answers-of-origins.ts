import { OK } from "./raw-server.ts";

/** What an origin sends, and what a client of ours makes of it. */
export interface Answer {
  readonly name: string;
  /** `status body`, `code`, or `status code` where the body broke off; `, kept` where the connection is used again. */
  readonly sees: string;
  readonly bytes: string;
  /** A GET, where absent. */
  readonly method?: "HEAD";
  /** It ends the connection then. */
  readonly ends?: true;
  /** What undici sees, where it is less strict, or less lenient without need. */
  readonly undici?: string;
}

const answer = (name: string, sees: string, bytes: string, more: Partial<Answer> = {}): Answer => ({
  name,
  sees,
  bytes,
  ...more,
});
const head = (...lines: readonly string[]): string =>
  `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
const chunked = (rest: string): string => `${head("Transfer-Encoding: chunked")}${rest}`;
const malformed = (name: string, bytes: string, more?: Partial<Answer>) =>
  answer(name, "malformed", bytes, more);
const LENGTH = "Content-Length: 2";

const WELL: readonly Answer[] = [
  answer("a length", "200 ok, kept", OK),
  answer("no content", "200 , kept", head("Content-Length: 0")),
  answer("a length with zeros before it", "200 ok, kept", `${head("Content-Length: 0002")}ok`),
  answer("whitespace around a length", "200 ok, kept", `${head("Content-Length: \t 2 \t")}ok`, {
    undici: "malformed",
  }),
  answer(
    "names in any case, and lines again",
    "200 ok, kept",
    `${head("CONTENT-length: 2", "A: 1", "a: 2")}ok`,
  ),
  answer(
    "values of any bytes but control",
    "200 ok, kept",
    `${head(LENGTH, "A:\t caf\xe9 \x80~!", "B:", "C: \t")}ok`,
  ),
  answer("names of every kind of token", "200 ok, kept", `${head("!#$%&'*+-.^_`|~0aZ: x", LENGTH)}ok`),
  answer("no reason phrase", "200 ok, kept", OK.replace(" OK", " ")),
  answer("no reason phrase, nor the space before it", "200 ok, kept", OK.replace(" OK", "")),
  answer("a reason phrase in UTF-8", "200 ok, kept", OK.replace("OK", "Tr\xc3\xa8s bien")),
  answer("a reason phrase that is not UTF-8", "200 ok, kept", OK.replace("OK", "Tr\xe8s bien")),
  answer("a reason phrase with control characters", "200 ok, kept", OK.replace("OK", "O\x00\tK\x7f")),
  answer("a status without a meaning", "999 ok, kept", OK.replace("200", "999")),
  answer("an empty line before it", "200 ok, kept", `\r\n\r\n${OK}`),
  answer("chunks", "200 hello, kept", chunked("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")),
  answer(
    "chunk sizes in any case, with zeros",
    "200 hello worl, kept",
    chunked("00A\r\nhello worl\r\n000\r\n\r\n"),
  ),
  answer("chunks in another case", "200 , kept", `${head("transfer-encoding: Chunked")}0\r\n\r\n`),
  answer("chunk extensions", "200 hello, kept", chunked('5;a;b=c;d="e \xe9"\r\nhello\r\n0;last\r\n\r\n')),
  answer("trailers", "200 abc, kept", chunked("3\r\nabc\r\n0\r\nX-Sum:  9 \r\nx-LATIN: caf\xe9\r\n\r\n")),
  answer("a 204", "204 , kept", "HTTP/1.1 204 No\r\nA: b\r\n\r\n"),
  answer("a 304", "304 , kept", "HTTP/1.1 304 No\r\nETag: 1\r\n\r\n"),
  answer("a 304 with a length", "304 ", "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n"),
  answer("a 204 with chunks", "204 ", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n"),
  answer("a 205 with a body", "205 ok, kept", OK.replace("200", "205")),
  answer("a length, to a HEAD", "200 ", head("Content-Length: 500"), { method: "HEAD" }),
  answer("chunks, to a HEAD", "200 ", head("Transfer-Encoding: chunked"), { method: "HEAD" }),
  answer("nothing, to a HEAD", "200 ", head(), { method: "HEAD" }),
  answer("its end where the connection ends", "200 all of it", `${head("A: b")}all of it`, { ends: true }),
  answer("its end where the connection ends, at once", "200 ", head("A: b"), { ends: true }),
  answer("HTTP/1.0", "200 all of it", `${head("A: b").replace("1.1", "1.0")}all of it`, { ends: true }),
  answer("HTTP/1.0 and a length", "200 ok", OK.replace("1.1", "1.0")),
  answer(
    "HTTP/1.0 that would be kept",
    "200 ok",
    `${head(LENGTH, "Connection: keep-alive").replace("1.1", "1.0")}ok`,
    {
      undici: "200 ok, kept",
    },
  ),
  answer("Connection: close", "200 ok", `${head("Connection: close", LENGTH)}ok`),
  answer("close in a list", "200 ok", `${head(LENGTH, "Connection: foo , CLOSE")}ok`),
  answer(
    "close in a second line",
    "200 ok",
    `${head(LENGTH, "Connection: keep-alive", "Connection: close")}ok`,
  ),
  answer("an option that begins like close", "200 ok, kept", `${head(LENGTH, "Connection: closed")}ok`),
  answer(
    "a connection that it will keep for long",
    "200 ok, kept",
    `${head(LENGTH, "Keep-Alive: max=9, timeout=60")}ok`,
  ),
  answer(
    "a connection that it will keep for no time",
    "200 ok",
    `${head(LENGTH, "Keep-Alive: timeout=2")}ok`,
  ),
];

const INTERIM: readonly Answer[] = [
  answer("a 100", "200 ok, kept", `HTTP/1.1 100 Continue\r\n\r\n${OK}`),
  answer(
    "a 100 with fields, and again",
    "200 ok, kept",
    `HTTP/1.1 100\r\nA: HTTP/1.1 100\r\n\r\nHTTP/1.1 100 X\r\n\r\n${OK}`,
  ),
  answer("a 103", "200 ok, kept", `HTTP/1.1 103 Early\r\nLink: </a>\r\nlink: </b>\r\n\r\n${OK}`),
  answer(
    "a 102, a 100 and a 199",
    "200 ok, kept",
    `HTTP/1.1 102 X\r\n\r\nHTTP/1.1 100 X\r\n\r\nHTTP/1.1 199 X\r\nA: b\r\n\r\n${OK}`,
  ),
  answer("a 109, for which undici is given the 100s", "200 ok, kept", `HTTP/1.1 109 X\r\n\r\n${OK}`, {
    undici: "200 ok, kept",
  }),
  answer("a 103 before a 304", "304 , kept", "HTTP/1.1 103 X\r\n\r\nHTTP/1.1 304 X\r\n\r\n"),
  answer("a 103, to a HEAD", "200 ", `HTTP/1.1 103 X\r\n\r\n${head(LENGTH)}`, { method: "HEAD" }),
  answer("a 103 and nothing else", "reset", "HTTP/1.1 103 Early\r\n\r\n", { ends: true }),
  malformed("a 101", `HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n${OK}`),
  malformed("a 101 without an Upgrade", `HTTP/1.1 101 X\r\n\r\n${OK}`),
  malformed("a 103 in HTTP/1.0", `HTTP/1.0 103 X\r\n\r\n${OK}`, { undici: "malformed" }),
  malformed("a 103 that is malformed", `HTTP/1.1 103 X\r\nA\x01: b\r\n\r\n${OK}`),
  malformed("a 103 that ends the connection", `HTTP/1.1 103 X\r\nConnection: close\r\n\r\n${OK}`, {
    undici: "malformed",
  }),
  malformed("a 103 with two lengths", `HTTP/1.1 103 X\r\n${LENGTH}\r\n${LENGTH}\r\n\r\n${OK}`),
];

const HEADS: readonly Answer[] = [
  malformed("another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
  malformed("a body and no head", "<html>hello</html>"),
  malformed("a version that there is not", OK.replace("1.1", "9.9")),
  malformed("HTTP/1.2", OK.replace("1.1", "1.2")),
  malformed("HTTP/2.0", OK.replace("1.1", "2.0"), { undici: "200 ok" }),
  malformed("a protocol in small letters", OK.replace("HTTP", "http")),
  malformed("a space before it", ` ${OK}`),
  malformed("two spaces before the status", OK.replace(" 200", "  200")),
  malformed("a tab before the status", OK.replace(" 200", "\t200")),
  malformed("a status of letters", OK.replace("200", "2x0")),
  malformed("a status of two digits", OK.replace("200", "20")),
  malformed("a status of four digits", OK.replace("200", "2000")),
  malformed("a status below 100", OK.replace("200", "099")),
  malformed("a status of nothing", OK.replace("200", "000")),
  malformed("a reason phrase right behind the status", OK.replace("200 OK", "200OK")),
  malformed("a CR in the reason phrase", OK.replace("OK", "O\rK")),
  malformed("an LF that ends the status line", OK.replace("OK\r\n", "OK\n")),
  malformed("an LF that ends the status", OK.replace(" OK\r\n", "\n")),
  malformed("an LF that ends a field line", `${head(LENGTH, "A: b\nC: d")}ok`),
  malformed("an LF that ends the head", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok"),
  malformed("a CR that ends a field line", `${head(LENGTH, "A: b\rC: d")}ok`),
  malformed("a CR that ends the head", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\rok"),
  malformed("a folded line", `${head("A: b", " c", LENGTH)}ok`),
  malformed("a folded line before all others", `${head(" A: b", LENGTH)}ok`),
  malformed("a folded line that would be a length", `${head("A: b", "\tContent-Length: 1", LENGTH)}ok`),
  malformed("a space before a colon", `${head("A : b", LENGTH)}ok`),
  malformed("a tab before a colon", `${head("A\t: b", LENGTH)}ok`),
  malformed("a line without a colon", `${head("A", LENGTH)}ok`),
  malformed("a line without a name", `${head(": b", LENGTH)}ok`),
  malformed("a quote in a name", `${head('A"b: c', LENGTH)}ok`),
  malformed("a letter beyond ASCII in a name", `${head("caf\xe9: c", LENGTH)}ok`),
  ...["\x00", "\x01", "\x08", "\x0b", "\x0c", "\x1b", "\x1f", "\x7f"].flatMap((byte) => {
    const called = byte.charCodeAt(0).toString(16);
    return [
      malformed(`the byte 0x${called} in a name`, `${head(`A${byte}: b`, LENGTH)}ok`),
      malformed(`the byte 0x${called} in a value`, `${head(`A: b${byte}c`, LENGTH)}ok`),
      malformed(`the byte 0x${called} before a value`, `${head(`A:${byte}b`, LENGTH)}ok`),
    ];
  }),
  malformed("a head that is too long", `${head(`A: ${"x".repeat(20_000)}`, LENGTH)}ok`),
  malformed(
    "a head of too many lines",
    `${head(...Array.from({ length: 4000 }, (_, i) => `A-${i}: x`), LENGTH)}ok`,
  ),
  malformed("a line that never ends", `HTTP/1.1 200 OK\r\nA: ${"x".repeat(200_000)}`),
  malformed("whitespace that never ends", `HTTP/1.1 200 OK\r\nA: ${" ".repeat(200_000)}`, {
    ends: true,
    undici: "reset",
  }),
  malformed("a reason phrase that is too long", OK.replace("OK", "x".repeat(16_384)), {
    undici: "200 ok, kept",
  }),
  malformed("empty lines without end before it", `${"\r\n".repeat(8192)}${OK}`, { undici: "200 ok, kept" }),
  malformed("a reason phrase that never ends", `HTTP/1.1 200 ${"x".repeat(200_000)}`, {
    ends: true,
    undici: "reset",
  }),
  malformed(
    "a head of the shortest length that is too long",
    `${head(`A: ${"x".repeat(16_368)}`, LENGTH)}ok`,
  ),
  answer("a head that is nearly too long", "200 ok, kept", `${head(`A: ${"x".repeat(16_367)}`, LENGTH)}ok`),
  answer("the end in the status line", "reset", "HTTP/1.1 20", { ends: true }),
  answer("the end in a name", "reset", "HTTP/1.1 200 OK\r\nContent-Le", { ends: true }),
  answer("the end in a value", "reset", "HTTP/1.1 200 OK\r\nA: b", { ends: true }),
  answer("the end before the empty line", "reset", "HTTP/1.1 200 OK\r\nA: b\r\n", { ends: true }),
  answer("the end at once", "reset", "", { ends: true }),
];

const FRAMING: readonly Answer[] = [
  ...(
    [
      ["another length", [LENGTH, "Content-Length: 3"]],
      ["the same length again", [LENGTH, "content-length: 2"]],
      ["a list of lengths", ["Content-Length: 2, 2"]],
      ["a length with a sign", ["Content-Length: +2"]],
      ["a length below zero", ["Content-Length: -2"]],
      ["a length in hexadecimal", ["Content-Length: 0x2"]],
      ["a length with a point", ["Content-Length: 2.0"]],
      ["a length with an exponent", ["Content-Length: 2e0"]],
      ["a length with a space in it", ["Content-Length: 2 2"]],
      ["a length of letters", ["Content-Length: two"]],
      ["a length of digits beyond ASCII", ["Content-Length: \xb2"]],
      ["an empty length", ["Content-Length:"]],
      ["a length beyond 64 bits", ["Content-Length: 18446744073709551618"]],
      ["a length and chunks", [LENGTH, "Transfer-Encoding: chunked"]],
      ["chunks and a length", ["Transfer-Encoding: chunked", LENGTH]],
      ["chunks twice", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]],
      ["chunks twice in a list", ["Transfer-Encoding: chunked, chunked"]],
      ["another coding before the chunks", ["Transfer-Encoding: gzip, chunked"]],
      ["another coding behind the chunks", ["Transfer-Encoding: chunked, gzip"]],
      ["another coding in a line before", ["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"]],
      ["a coding that there is not", ["Transfer-Encoding: xchunked"]],
      ["a coding that is not quite chunked", ["Transfer-Encoding: chunkedx"]],
      ["a coding in quotes", ['Transfer-Encoding: "chunked"']],
      ["chunks with a parameter", ["Transfer-Encoding: chunked;q=1"]],
      ["no coding, and says so", ["Transfer-Encoding: identity"]],
    ] as const
  ).map(([name, lines]) => malformed(name, `${head(...lines)}2\r\nok\r\n0\r\n\r\n`)),
  malformed("a length that nobody can count to", `${head("Content-Length: 9007199254740992")}ok`, {
    ends: true,
    undici: "200 reset",
  }),
  malformed("an empty coding", `${head("Transfer-Encoding:")}ok`, { ends: true, undici: "200 ok" }),
  malformed("empty members beside the chunks", `${head("Transfer-Encoding: , chunked")}0\r\n\r\n`, {
    undici: "200 , kept",
  }),
  malformed("chunks in HTTP/1.0", chunked("0\r\n\r\n").replace("1.1", "1.0")),
  malformed("a 304 with two lengths", "HTTP/1.1 304 X\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
  malformed("two lengths, to a HEAD", head("Content-Length: 1", "Content-Length: 2"), { method: "HEAD" }),
  malformed("another coding, to a HEAD", head("Transfer-Encoding: gzip"), { method: "HEAD" }),
];

const HALF = "4\r\nhalf\r\n";
const broken = (name: string, rest: string, more?: Partial<Answer>) =>
  answer(name, "200 malformed", chunked(HALF + rest), more);
const BODIES: readonly Answer[] = [
  answer("a body that is too short", "200 reset", `${head("Content-Length: 9")}half`, { ends: true }),
  answer(
    "a body that is too short, on a last connection",
    "200 reset",
    `${head("Connection: close", "Content-Length: 9")}half`,
    {
      ends: true,
    },
  ),
  answer("the end in a chunk", "200 reset", chunked("9\r\nhalf"), { ends: true }),
  answer("the end behind a chunk", "200 reset", chunked(HALF), { ends: true }),
  answer("the end in a chunk's size", "200 reset", chunked(`${HALF}4`), { ends: true }),
  answer("the end behind the last chunk", "200 reset", chunked(`${HALF}0\r\n`), { ends: true }),
  answer("the end in the trailers", "200 reset", chunked(`${HALF}0\r\nA: b\r\n`), { ends: true }),
  broken("a chunk's size that is no number", "zz\r\n"),
  broken("a chunk's size below zero", "-4\r\nhalf\r\n"),
  broken("a chunk's size with a sign", "+4\r\nhalf\r\n"),
  broken("a chunk's size with 0x", "0x4\r\nhalf\r\n"),
  broken("a chunk's size with a space before it", " 4\r\nhalf\r\n"),
  broken("a chunk's size with a space behind it", "4 \r\nhalf\r\n"),
  broken("a chunk's size with a tab behind it", "4\t\r\nhalf\r\n"),
  broken("a chunk's size with a space before its extension", "4 ;a\r\nhalf\r\n"),
  broken("no chunk's size", "\r\nhalf\r\n"),
  broken("no size of the last chunk", "\r\n\r\n"),
  broken("a chunk with another byte before its LF", "4\r\nhalfx\n0\r\n\r\n"),
  broken("an extension without a chunk's size", ";a\r\nhalf\r\n"),
  broken("a chunk's size beyond 64 bits", "10000000000000004\r\nhalf\r\n"),
  broken("a chunk's size that nobody can count to", "00000000000004\r\nhalf\r\n0\r\n\r\n", {
    undici: "200 halfhalf, kept",
  }),
  broken("a chunk's size that ends with LF", "4\nhalf\r\n"),
  broken("a chunk's size that ends with CR", "4\rhalf\r\n"),
  broken("a chunk that is longer than its size", "2\r\nhalf\r\n"),
  broken("a chunk that is shorter than its size", "6\r\nhalf\r\n0\r\n\r\n"),
  broken("a chunk that ends with LF", "4\r\nhalf\n0\r\n\r\n"),
  broken("a chunk that ends with CR", "4\r\nhalf\r0\r\n\r\n"),
  broken("an extension without a name", "4;\r\nhalf\r\n"),
  broken("an extension without a value", "4;a=\r\nhalf\r\n0\r\n\r\n", { undici: "200 halfhalf, kept" }),
  broken("an extension with a control character", "4;a=\x01\r\nhalf\r\n"),
  broken("an extension with an LF", "4;a\nb\r\nhalf\r\n"),
  broken("an extension with a quote that does not end", '4;a="b\r\nhalf\r\n'),
  broken("an extension that is too long", `4;a=${"b".repeat(2000)}\r\nhalf\r\n0\r\n\r\n`, {
    undici: "200 halfhalf, kept",
  }),
  broken("an LF in place of the last empty line", "0\r\n\n"),
  broken("a control character in a trailer", "0\r\nA: b\x00c\r\n\r\n"),
  broken("a folded trailer", "0\r\nA: b\r\n c\r\n\r\n"),
  broken("a trailer without a colon", "0\r\nA\r\n\r\n"),
  broken("a length in the trailers", "0\r\nContent-Length: 4\r\n\r\n"),
  broken("a coding in the trailers", "0\r\nTransfer-Encoding: chunked\r\n\r\n", { undici: "200 half, kept" }),
  broken("trailers that are too long", `0\r\nA: ${"b".repeat(20_000)}\r\n\r\n`),
];

const BEHIND: readonly Answer[] = [
  answer("bytes behind the body", "200 ok", `${OK}more`),
  answer("a second answer", "200 ok", OK + OK.replace("ok", "no")),
  answer("a byte behind the last chunk", "200 half", `${chunked(`${HALF}0\r\n\r\n`)}x`),
  answer("an empty line behind the body", "200 ok", `${OK}\r\n`, { undici: "200 ok, kept" }),
  answer("a body behind a 204", "204 ", "HTTP/1.1 204 X\r\n\r\nbody"),
  answer("a body behind a 304", "304 ", "HTTP/1.1 304 X\r\n\r\nbody"),
  answer("a body behind what answers a HEAD", "200 ", OK, { method: "HEAD" }),
  answer("a 100 behind the answer", "200 ok", `${OK}HTTP/1.1 100 X\r\n\r\n`),
];

/** Each in full, and of which no other byte matters to what comes of it. */
export const ANSWERS: readonly Answer[] = [...WELL, ...INTERIM, ...HEADS, ...FRAMING, ...BODIES, ...BEHIND];
