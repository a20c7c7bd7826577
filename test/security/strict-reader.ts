/** One request as RFC 9112 reads it, without any leniency. */
export interface StrictRequest {
  readonly method: string;
  readonly target: string;
  readonly version: "1.0" | "1.1";
  /** Names in lower case, values without the whitespace around them. */
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
  readonly trailers: readonly (readonly [string, string])[];
}

export interface Reading {
  readonly requests: readonly StrictRequest[];
  /** What comes behind the last whole request: nothing, the beginning of another, or no HTTP. */
  readonly rest: "nothing" | "begun" | "malformed";
  readonly why: string;
}

class Malformed extends Error {}
class Incomplete extends Error {}

const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;
const TARGET = /^[\x21-\x7e\x80-\xff]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const EXTENSION = /^[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;

/** Spaces and names that Node's parser lets pass; an origin never sees them. */
const REQUEST_LINE = {
  strict: /^(\S+) ([^ ]+) HTTP\/(1\.[01])$/,
  forgiving: /^(\S+) +([^ ]+) +(?:HTTP|RTSP|ICE)\/(1\.[01])$/,
};

/**
 * Reads a connection's bytes, one character each, as a sequence of requests: the tests' own idea of
 * RFC 9112, which shares nothing with the parsers under test.
 */
export function readRequests(bytes: string, how: keyof typeof REQUEST_LINE = "strict"): Reading {
  const requests: StrictRequest[] = [];
  let at = 0;
  try {
    for (;;) {
      // Empty lines before a request line are no request (§2.2).
      while (bytes.startsWith("\r\n", at)) at += 2;
      while (how === "forgiving" && (bytes[at] === "\n" || bytes[at] === "\r")) at++;
      if (at === bytes.length) return { requests, rest: "nothing", why: "" };
      const read = readOne(bytes, at, REQUEST_LINE[how]);
      requests.push(read.request);
      at = read.end;
    }
  } catch (error) {
    if (error instanceof Malformed) return { requests, rest: "malformed", why: error.message };
    if (error instanceof Incomplete) return { requests, rest: "begun", why: "" };
    throw error;
  }
}

function readOne(bytes: string, start: number, requestLine: RegExp): { request: StrictRequest; end: number } {
  const line = lineAt(bytes, start);
  const [, method = "", target = "", version] =
    requestLine.exec(line.text) ?? malformed(`request line ${JSON.stringify(line.text)}`);
  if (!TOKEN.test(method)) malformed(`method ${method}`);
  if (!TARGET.test(target)) malformed(`target ${JSON.stringify(target)}`);
  const head = readFields(bytes, line.end);
  const values = (name: string) => head.fields.flatMap(([given, value]) => (given === name ? [value] : []));
  const hosts = values("host");
  if (hosts.length > 1 || (hosts.length === 0 && version === "1.1")) malformed("not exactly one Host");
  const lengths = values("content-length");
  const codings = values("transfer-encoding");
  const known = { method, target, version: version as StrictRequest["version"], fields: head.fields };
  if (codings.length > 0) {
    if (lengths.length > 0) malformed("Content-Length and Transfer-Encoding");
    if (version === "1.0") malformed("Transfer-Encoding in HTTP/1.0");
    if (codings.length > 1 || codings[0]?.toLowerCase() !== "chunked")
      malformed(`coding ${codings.join(", ")}`);
    const chunked = readChunks(bytes, head.end);
    return { request: { ...known, body: chunked.body, trailers: chunked.trailers }, end: chunked.end };
  }
  if (lengths.length > 1) malformed("Content-Length more than once");
  const [length = "0"] = lengths;
  if (!/^\d+$/.test(length)) malformed(`Content-Length ${JSON.stringify(length)}`);
  const end = head.end + Number(length);
  if (end > bytes.length) throw new Incomplete();
  return { request: { ...known, body: bytes.slice(head.end, end), trailers: [] }, end };
}

function readFields(bytes: string, start: number) {
  const fields: (readonly [string, string])[] = [];
  let at = start;
  for (;;) {
    const line = lineAt(bytes, at);
    at = line.end;
    if (line.text === "") return { fields, end: at };
    const colon = line.text.indexOf(":");
    const name = line.text.slice(0, colon);
    const value = line.text.slice(colon + 1);
    if (colon < 1 || !TOKEN.test(name) || !FIELD_VALUE.test(value))
      malformed(`field ${JSON.stringify(line.text)}`);
    fields.push([name.toLowerCase(), value.replace(/^[ \t]+|[ \t]+$/g, "")]);
  }
}

function readChunks(bytes: string, start: number) {
  let body = "";
  let at = start;
  for (;;) {
    const line = lineAt(bytes, at);
    const [digits = ""] =
      /^[\dA-Fa-f]{1,16}/.exec(line.text) ?? malformed(`chunk ${JSON.stringify(line.text)}`);
    if (!EXTENSION.test(line.text.slice(digits.length))) malformed(`chunk ${JSON.stringify(line.text)}`);
    const size = Number.parseInt(digits, 16);
    at = line.end;
    if (size === 0) {
      const { fields, end } = readFields(bytes, at);
      return { body, trailers: fields, end };
    }
    const ended = bytes.slice(at + size, at + size + 2);
    if (!"\r\n".startsWith(ended)) malformed("a chunk that is longer than it says");
    if (ended.length < 2) throw new Incomplete();
    body += bytes.slice(at, at + size);
    at += size + 2;
  }
}

/** One line; a CR or LF that is not part of CRLF makes it none. */
function lineAt(bytes: string, start: number): { text: string; end: number } {
  const end = bytes.indexOf("\r\n", start);
  const text = bytes.slice(start, end === -1 ? bytes.length : end);
  const bare = /[\n\0]|\r(?!$)/.exec(text);
  if (bare !== null || (end !== -1 && text.includes("\r")))
    malformed(`control bytes in ${JSON.stringify(text)}`);
  if (end === -1) throw new Incomplete();
  return { text, end: end + 2 };
}

function malformed(what: string): never {
  throw new Malformed(what);
}
