import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

/** What an attacker wants others to see. */
export const EVIL = "evil";

const PAGE = "x".repeat(100);

/**
 * An origin that says of all its pages that they may be cached, whatever they depend on:
 *
 * `/vary?lines=a|b` has these Vary lines and repeats X-A and X-B · `/search` says that
 * the parameter utm does not matter, and ends parameters at `;` as well · `/status/N` answers N to who sends
 * X-Trigger · `/account…` names the one whose cookie came · `/cookie` gives everybody a cookie · `/part…`
 * answers parts that nobody asked for, or lies about those asked for · `/validated` answers 304 with
 * what is for one client.
 */
export function careless(request: IncomingMessage, response: ServerResponse): unknown {
  // Its clock would be another than the test's.
  response.sendDate = false;
  const url = new URL(request.url ?? "/", "http://origin.example");
  const { pathname, searchParams } = url;
  const control = searchParams.get("control") ?? "max-age=60";
  const page = (body: string | Buffer, status = 200, fields: readonly string[] = []): unknown => {
    const all = [
      "Content-Type",
      searchParams.get("type") ?? "text/html",
      "Cache-Control",
      control,
      ...fields,
    ];
    return response.writeHead(status, [...all, "Content-Length", String(Buffer.byteLength(body))]).end(body);
  };
  const sent = (name: string): string => String(request.headers[name] ?? "");
  if (pathname === "/vary") {
    const lines = searchParams.getAll("line").flatMap((line) => ["Vary", line]);
    return page(`a=${sent("x-a")} b=${sent("x-b")}`, 200, lines);
  }
  if (pathname === "/search") {
    const callback = /[?&;]callback=([^&;]*)/.exec(decodeURIComponent(request.url ?? ""))?.[1] ?? "";
    return page(`callback=${callback}`, 200, ["No-Vary-Search", 'params=("utm")']);
  }
  if (pathname.startsWith("/status/"))
    return sent("x-trigger") === "" ? page("fine") : page(EVIL, Number(pathname.slice(8)));
  if (pathname.startsWith("/account")) return page(`account of ${sent("cookie") || "nobody"}`);
  if (pathname === "/whose")
    return page(`for ${sent("authorization") || sent("cookie") || sent("x-who") || "nobody"}`);
  if (pathname === "/cookie")
    return page("page", 200, ["Set-Cookie", `session=${sent("x-who") || "somebody"}`]);
  if (pathname === "/part/unasked")
    return page(EVIL, 206, ["Content-Range", `bytes 0-${EVIL.length - 1}/100`]);
  if (pathname.startsWith("/part/")) {
    if (sent("range") === "") return page(PAGE);
    const range = LIES[pathname.slice(6)];
    return page(EVIL, 206, range === undefined ? [] : ["Content-Range", range]);
  }
  if (pathname === "/validated") {
    const tag = `"${createHash("sha256").update(PAGE).digest("hex").slice(0, 8)}"`;
    if (sent("if-none-match") !== tag) return page(PAGE, 200, ["ETag", tag]);
    const fields = ["ETag", tag, "Set-Cookie", `session=${EVIL}`, "Cache-Control", control];
    return response.writeHead(304, [...fields, "Content-Encoding", EVIL]).end();
  }
  return page("elsewhere", 404);
}

/** Content-Range of a 206 whose four bytes are not what was asked for. */
const LIES: Readonly<Record<string, string | undefined>> = {
  without: undefined,
  inverted: "bytes 3-0/100",
  beyond: "bytes 97-100/100",
  "of-unknown-length": "bytes 0-3/*",
  "of-other-units": "items 0-3/100",
  "longer-than-its-body": "bytes 0-99/100",
  unsatisfied: "bytes */100",
  garbage: "bytes a-b/c",
};
export const LYING_PARTS = Object.keys(LIES);
