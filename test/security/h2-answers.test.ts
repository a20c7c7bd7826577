import { expect, it } from "vitest";
import { startRawOrigin } from "../scenario/raw-origin.ts";
import { askH2, h2Client, startSecureSite } from "../scenario/secure-site.ts";

/** Field lines that Node refuses to write in HTTP/2, or that a library joins, drops or trips over. */
const LINES: readonly string[] = [
  "HTTP2-Settings: x",
  "TE: gzip",
  "Proxy-Connection: x",
  "Upgrade: h3",
  "Host: a.example",
  "Age: 1\r\nAge: 2",
  "ETag: 1\r\nETag: 2",
  "Last-Modified: 1\r\nLast-Modified: 2",
  "Access-Control-Max-Age: 1\r\nAccess-Control-Max-Age: 2",
  "Set-Cookie: a=1\r\nSet-Cookie: b=2",
  "__proto__: x",
  "constructor: x",
  "X-Empty:",
  "X-Latin1: \xff",
  `X-Long: ${"v".repeat(12_000)}`,
];
const INTERIM = "HTTP/1.1 103 Early Hints\r\n";
const FINAL = "HTTP/1.1 200 OK\r\n";
const LENGTH = "Content-Length: 4\r\n\r\ngood";
const CHUNKED = "Transfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n";

it.each<[string, (lines: string) => string]>([
  ["head", (lines) => `${FINAL}${lines}\r\n${LENGTH}`],
  ["trailers", (lines) => `${FINAL}${CHUNKED}${lines}\r\n\r\n`],
  ["interim response", (lines) => `${INTERIM}${lines}\r\n\r\n${FINAL}${LENGTH}`],
])("odd field lines in an origin's %s break no answer of HTTP/2", async (where, answer) => {
  let lines = "";
  const origin = await startRawOrigin(({ socket }) => socket.write(Buffer.from(answer(lines), "latin1")));
  const site = await startSecureSite({ ORIGINS: origin.url });
  const client = h2Client(site);
  for (const [i, each] of LINES.entries()) {
    lines = each;
    const { status, body, fields, trailers, interim } = await askH2(client, { ":path": `/${i}` });
    expect([each, status, body.toString()]).toEqual([each, 200, "good"]);
    expect([each, interim]).toEqual([each, where === "interim response" ? [103] : []]);
    for (const name of ["http2-settings", "te", "proxy-connection", "upgrade"])
      expect({ ...fields, ...trailers }).not.toHaveProperty(name);
  }
});
