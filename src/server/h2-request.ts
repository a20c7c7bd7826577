import type { ServerHttp2Stream } from "node:http2";
import { type FieldLines, fieldLineValues, fieldValue, withoutFields } from "../policy/fields.ts";
import { HTTP2, type Incoming } from "./incoming.ts";
import type { Wrong } from "./malformed.ts";
import type { Connection } from "./peer.ts";

/** A field line counts as many bytes in HTTP/1.1 beyond its name and value: a colon, a space, and the end of the line. */
const LINE_BYTES = 4;

const HOST: ReadonlySet<string> = new Set(["host"]);

const malformed = (detail: string): Wrong => ({ status: 400, detail });

/**
 * A request of HTTP/2 as one of HTTP/1.1 is seen: what its pseudo-fields say stands where that says it, in Host
 * and the request line (RFC 9113 §8.3.1), and cookies are one line again (§8.2.3). nghttp2 has refused before what
 * is malformed in itself: fields of a connection, pseudo-fields that are missing, repeated or behind others, names in
 * upper case, and content of another length than Content-Length says (§8.1.1, §8.2).
 */
export class H2Request implements Incoming {
  readonly httpVersion = HTTP2;
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: string[];
  readonly headers: Incoming["headers"];
  /** Of its stream alone: what is wrong with one request is no other's fault. */
  readonly socket: Connection;
  /** What it is to be refused for. */
  readonly wrong: Wrong | undefined;
  /** What the client expects before it sends its content, in lower case. */
  readonly expectation: string | undefined;
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, lines: FieldLines, peer: Connection, maxHeaderBytes: number) {
    this.#stream = stream;
    this.socket = { ...peer };
    const { pseudo, fields, cookies, bytes } = divide(lines);
    const { ":method": method = "", ":scheme": scheme, ":path": path, ":authority": authority } = pseudo;
    const hosts = fieldLineValues(fields, "host");
    this.method = method;
    this.wrong = wrongWith({ method, scheme, path, authority, hosts, tooLong: bytes > maxHeaderBytes });
    this.url = path === "*" && method === "OPTIONS" ? `https://${authority ?? hosts[0]}` : (path ?? "/");
    this.rawHeaders = [
      ...(authority === undefined ? hosts.flatMap((host) => ["Host", host]) : ["Host", authority]),
      ...withoutFields(fields, HOST),
      ...(cookies.length === 0 ? [] : ["cookie", cookies.join("; ")]),
    ];
    this.expectation = fieldValue(fields, "expect")?.toLowerCase();
    const length = fieldValue(fields, "content-length");
    // As HTTP/1.1 would have framed it.
    this.headers = stream.endAfterHeaders
      ? {}
      : length === undefined
        ? { "transfer-encoding": "chunked" }
        : { "content-length": length };
  }

  get complete(): boolean {
    return this.#stream.endAfterHeaders || this.#stream.readableEnded;
  }

  get readableLength(): number {
    return this.#stream.readableLength;
  }

  read(bytes: number): Buffer | null {
    return this.#stream.read(bytes);
  }

  iterator(options: { readonly destroyOnReturn: false }): AsyncIterator<Buffer> {
    const stream = this.#stream;
    const pieces: AsyncIterator<Buffer> = stream.iterator(options);
    const next = async (): Promise<IteratorResult<Buffer>> => {
      const piece = await pieces.next();
      // A stream that is reset ends like one that is whole, and is closed by then.
      if (piece.done === true && stream.closed) throw new Error("the request's body broke off");
      return piece;
    };
    return { next, return: async () => (await pieces.return?.()) ?? { done: true, value: undefined } };
  }
}

interface Divided {
  readonly pseudo: Readonly<Record<string, string>>;
  /** Without cookies; names are in lower case. */
  readonly fields: FieldLines;
  readonly cookies: readonly string[];
  /** As many as HTTP/1.1 would take for them. */
  readonly bytes: number;
}

function divide(lines: FieldLines): Divided {
  const pseudo: Record<string, string> = {};
  const fields: string[] = [];
  const cookies: string[] = [];
  let bytes = 0;
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string;
    const value = lines[i + 1] as string;
    bytes += name.length + value.length + LINE_BYTES;
    if (name.startsWith(":")) pseudo[name] = value;
    else if (name === "cookie") cookies.push(value);
    else fields.push(name, value);
  }
  return { pseudo, fields, cookies, bytes };
}

interface Asked {
  readonly method: string;
  readonly scheme: string | undefined;
  readonly path: string | undefined;
  readonly authority: string | undefined;
  readonly hosts: readonly string[];
  readonly tooLong: boolean;
}

/** What nghttp2 lets through; whatever is wrong in HTTP/1.1 as well, readRequest finds. */
function wrongWith({ method, scheme, path, authority, hosts, tooLong }: Asked): Wrong | undefined {
  if (tooLong) return { status: 431, detail: "the request's head is too long" };
  if (method === "CONNECT") return undefined;
  if (scheme !== "https") return malformed("the scheme is not that of the connection");
  // Of two hosts the origin could believe the other (RFC 9113 §8.3.1).
  if (authority !== undefined && hosts.some((host) => host.toLowerCase() !== authority.toLowerCase()))
    return malformed("Host is another than :authority");
  if (path === "*" && method === "OPTIONS") return undefined;
  if (path === undefined || !path.startsWith("/")) return malformed("the request-target is not a path");
  return /^[\x21-\x7e]+$/.test(path)
    ? undefined
    : malformed("the request-target has a character that it may not have");
}
