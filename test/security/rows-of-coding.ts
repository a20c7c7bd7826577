import { bytes, get, HOST, passed, passedLast, post, type Row, refused } from "./rows.ts";

const BOTH = "RFC 9112 §6.1";
const CODING = "RFC 9112 §7";
const CHUNKS = "5\r\nhello\r\n0\r\n\r\n";
const HELLO = { line: "POST /a", body: "hello" };
const CHUNKED = "Transfer-Encoding: chunked";

/** Whoever reads the length takes this for the body, and whoever reads the chunks for another request. */
const HIDDEN = "0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: b.example\r\n\r\n";

const coded = (status: number, what: string, value: string): Row =>
  refused(status, `Transfer-Encoding ${what}`, CODING, post(CHUNKS, `Transfer-Encoding: ${value}`));
const named = (what: string, line: string): Row =>
  refused(400, `Transfer-Encoding ${what}`, "RFC 9112 §5.1", post(CHUNKS, line));

export const CODING_ROWS: readonly Row[] = [
  refused(400, "Content-Length, then Transfer-Encoding", BOTH, post(HIDDEN, "Content-Length: 50", CHUNKED)),
  refused(400, "Transfer-Encoding, then Content-Length", BOTH, post(HIDDEN, CHUNKED, "Content-Length: 50")),
  refused(400, "Content-Length: 0 and Transfer-Encoding", BOTH, post(CHUNKS, "Content-Length: 0", CHUNKED)),
  refused(
    400,
    "Transfer-Encoding and a right Content-Length",
    BOTH,
    post(CHUNKS, CHUNKED, "Content-Length: 15"),
  ),
  refused(400, "both, in lower case", BOTH, post(HIDDEN, "content-length: 50", "transfer-encoding: chunked")),
  refused(400, "both, far apart", BOTH, post(HIDDEN, CHUNKED, "X: 1", "Y: 2", "Z: 3", "Content-Length: 50")),
  refused(400, "both, of a GET", BOTH, get("Content-Length: 3", CHUNKED) + CHUNKS),
  refused(
    400,
    "both, and Connection names the length",
    BOTH,
    post(HIDDEN, "Connection: Content-Length", "Content-Length: 50", CHUNKED),
  ),
  refused(
    400,
    "both, and Connection names the coding",
    BOTH,
    post(HIDDEN, "Connection: Transfer-Encoding", "Content-Length: 50", CHUNKED),
  ),
  refused(
    400,
    "a Content-Length and a coding that is none",
    BOTH,
    post("hello", "Content-Length: 5", "Transfer-Encoding: identity"),
  ),
  refused(
    400,
    "a Content-Length and an empty coding",
    BOTH,
    post("hello", "Content-Length: 5", "Transfer-Encoding:"),
  ),
  refused(
    400,
    "a Content-Length and an unknown coding",
    BOTH,
    post("hello", "Content-Length: 5", "Transfer-Encoding: xchunked"),
  ),
  refused(
    400,
    "a Content-Length and a coding with a bad byte",
    BOTH,
    post("hello", "Content-Length: 5", "Transfer-Encoding: \x0bchunked"),
  ),
  refused(400, "Transfer-Encoding twice, chunked both times", CODING, post(CHUNKS, CHUNKED, CHUNKED)),
  refused(
    501,
    "Transfer-Encoding twice, identity first",
    CODING,
    post(CHUNKS, "Transfer-Encoding: identity", CHUNKED),
  ),
  refused(
    400,
    "Transfer-Encoding twice, identity last",
    CODING,
    post(CHUNKS, CHUNKED, "Transfer-Encoding: identity"),
  ),
  refused(
    400,
    "Transfer-Encoding twice, nonsense last",
    CODING,
    post(CHUNKS, CHUNKED, "Transfer-Encoding: x"),
  ),
  refused(400, "Transfer-Encoding twice, empty first", CODING, post(CHUNKS, "Transfer-Encoding:", CHUNKED)),
  coded(400, "chunked, chunked", "chunked, chunked"),
  coded(400, "chunked, identity", "chunked, identity"),
  coded(501, "identity, chunked", "identity, chunked"),
  coded(501, "gzip, chunked", "gzip, chunked"),
  coded(400, "chunked, gzip", "chunked, gzip"),
  coded(400, "gzip", "gzip"),
  coded(400, "identity", "identity"),
  coded(400, "cow", "cow"),
  coded(400, "that is empty", ""),
  coded(400, "xchunked", "xchunked"),
  coded(400, "chunkedx", "chunkedx"),
  coded(400, "chunk", "chunk"),
  coded(400, "chunked in quotes", '"chunked"'),
  coded(400, "chunked in apostrophes", "'chunked'"),
  coded(400, "with a parameter", "chunked;a=b"),
  coded(400, "with a semicolon", "chunked;"),
  coded(400, "with a comma behind", "chunked,"),
  coded(501, "with a comma before", ",chunked"),
  coded(400, "with a vertical tab before", "\x0bchunked"),
  coded(400, "with a vertical tab behind", "chunked\x0b"),
  coded(400, "with a form feed before", "\x0cchunked"),
  coded(400, "with NUL behind", "chunked\0"),
  coded(400, "with NUL before", "\0chunked"),
  coded(400, "with a bare CR behind", "chunked\r"),
  coded(400, "with DEL", "chunked\x7f"),
  coded(400, "with a no-break space before", "\xa0chunked"),
  coded(400, "with a no-break space behind", "chunked\xa0"),
  coded(400, "with a K of another script", "chun\xe2\x84\xaaed"),
  coded(400, "with a space inside", "chun ked"),
  coded(400, "folded", "\r\n chunked"),
  coded(400, "folded behind a word", "identity,\r\n chunked"),
  coded(400, "and a bare LF", "chunked\nX: 1"),
  coded(400, "behind a bare LF", "x\nTransfer-Encoding: chunked"),
  named("with a space before its colon", "Transfer-Encoding : chunked"),
  named("with a tab before its colon", "Transfer-Encoding\t: chunked"),
  named("behind a space", " Transfer-Encoding: chunked"),
  named("behind a tab on another line", "X: 1\r\n\tTransfer-Encoding: chunked"),
  named("with NUL in its name", "Transfer-\0Encoding: chunked"),
  named("behind a bare CR", "X: 1\rTransfer-Encoding: chunked"),
  named("behind a vertical tab", "\x0bTransfer-Encoding: chunked"),
  named("with a byte above 127 in its name", "Transfer\xadEncoding: chunked"),
  named("without its colon", "Transfer-Encoding chunked"),
  named("with two colons", "Transfer-Encoding:: chunked"),
  refused(400, "Transfer-Encoding in HTTP/1.0", BOTH, bytes("POST /a HTTP/1.0", [HOST, CHUNKED], CHUNKS)),
  refused(
    400,
    "Transfer-Encoding in HTTP/1.0 that keeps alive",
    BOTH,
    bytes("POST /a HTTP/1.0", [HOST, "Connection: keep-alive", CHUNKED], HIDDEN),
  ),
  refused(
    400,
    "Transfer-Encoding of a GET in HTTP/1.0",
    BOTH,
    bytes("GET /a HTTP/1.0", [HOST, CHUNKED], "0\r\n\r\n"),
  ),
  refused(
    400,
    "Transfer-Encoding and Content-Length in HTTP/1.0",
    BOTH,
    bytes("POST /a HTTP/1.0", [HOST, "Content-Length: 5", CHUNKED], "hello"),
  ),
  passed(HELLO, "chunks", CODING, post(CHUNKS, CHUNKED)),
  passed(HELLO, "chunked in odd case", CODING, post(CHUNKS, "tRansfer-eNcoding: cHuNkEd")),
  passed(HELLO, "chunked between spaces", "RFC 9112 §5.1", post(CHUNKS, "Transfer-Encoding: \t chunked  ")),
  // Right, and refused all the same: Node's parser does not count the tab as whitespace.
  coded(400, "with a tab behind", "chunked\t"),
  passed(HELLO, "chunked without a space", "RFC 9112 §5.1", post(CHUNKS, "Transfer-Encoding:chunked")),
  passed(
    HELLO,
    "chunked that Connection names",
    "RFC 9110 §7.6.1",
    post(CHUNKS, "Connection: Transfer-Encoding", CHUNKED),
  ),
  passed({ line: "POST /a", body: "" }, "no chunk but the last", CODING, post("0\r\n\r\n", CHUNKED)),
  passedLast(HELLO, "chunks and Connection: close", CODING, post(CHUNKS, "Connection: close", CHUNKED)),
  passed(
    HELLO,
    "TE, which goes no further",
    "RFC 9110 §10.1.4",
    post(CHUNKS, CHUNKED, "Connection: TE", "TE: trailers, deflate"),
  ),
];
