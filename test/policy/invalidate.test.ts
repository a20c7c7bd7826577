import { describe, expect, test } from "vitest";
import { invalidatedUris, isSafe } from "../../src/policy/invalidate.ts";
import { type Fields, lines, URI } from "./builders.ts";

interface Row {
  readonly id: string;
  readonly clause: string;
  readonly method?: string;
  readonly status?: number;
  readonly fields?: Fields;
  /** Parameters that keys ignore. */
  readonly ignored?: readonly string[];
  readonly expect: readonly string[];
}

const ROWS: readonly Row[] = [
  { id: "PUT", clause: "§4.4", method: "PUT", expect: [URI] },
  { id: "POST", clause: "§4.4", expect: [URI] },
  { id: "DELETE", clause: "§4.4", method: "DELETE", status: 204, expect: [URI] },
  { id: "unknown method", clause: "§4.4", method: "FROBNICATE", expect: [URI] },
  { id: "a method in lower case is unknown", clause: "RFC 9110 §9.1", method: "get", expect: [URI] },
  ...["GET", "HEAD", "OPTIONS", "TRACE"].map((method) => ({
    id: `safe: ${method}`,
    clause: "RFC 9110 §9.2.1",
    method,
    fields: { Location: "/other" },
    expect: [],
  })),
  { id: "redirect", clause: "§4.4", status: 303, expect: [URI] },
  { id: "399", clause: "§4.4", status: 399, expect: [URI] },
  { id: "client error", clause: "§4.4", status: 400, fields: { Location: "/other" }, expect: [] },
  { id: "server error", clause: "§4.4", status: 500, expect: [] },
  { id: "interim", clause: "§4.4", status: 101, expect: [] },
  ...[
    { id: "absolute", Location: "http://shop.example/new?x=1", also: "/new?x=1" },
    { id: "from the root", Location: "/new", also: "/new" },
    { id: "relative", Location: "../new", also: "/new" },
    { id: "query only", Location: "?id=2", also: "/data?id=2" },
    { id: "fragment and host case", Location: "HTTP://SHOP.example:80/new#top", also: "/new" },
  ].map(({ id, Location, also }) => ({
    id: `Location, ${id}`,
    clause: "§4.4, RFC 9110 §10.2.2",
    fields: { Location },
    expect: [URI, `http://shop.example${also}`],
  })),
  {
    id: "Location with a parameter that keys ignore",
    clause: "§4.4",
    fields: { Location: "/new?utm_source=q&b=1", "Content-Location": "/old?utm_medium=q" },
    ignored: ["utm_*"],
    expect: [URI, "http://shop.example/new?b=1", "http://shop.example/old"],
  },
  ...[
    { id: "from the root", Location: "/new?q='x'" },
    { id: "absolute, with a fragment", Location: "HTTP://Shop.Example:80/new?q='x'#top" },
    { id: "without its scheme", Location: "//shop.example/new?q='x'" },
    { id: "relative", Location: "new?q='x'" },
  ].map(({ id, Location }) => ({
    id: `Location that a browser would spell otherwise, ${id}`,
    clause: "§4.4, RFC 9110 §4.2.3",
    fields: { Location },
    expect: [URI, "http://shop.example/new?q=%27x%27", "http://shop.example/new?q='x'"],
  })),
  {
    id: "query only, that a browser would spell otherwise",
    clause: "§4.4, RFC 3986 §5.2.2",
    fields: { Location: "?q='x'" },
    expect: [URI, "http://shop.example/data?q=%27x%27", "http://shop.example/data?q='x'"],
  },
  {
    id: "a field name in lower case",
    clause: "RFC 9110 §5.1",
    fields: { location: "/new" },
    expect: [URI, "http://shop.example/new"],
  },
  {
    id: "both fields",
    clause: "§4.4",
    fields: { Location: "/a", "Content-Location": "/b" },
    expect: [URI, "http://shop.example/a", "http://shop.example/b"],
  },
  { id: "the target itself", clause: "§4.4", fields: { "Content-Location": URI }, expect: [URI] },
  ...[
    { id: "another host", Location: "http://other.example/new" },
    { id: "another host, no scheme", Location: "//other.example/new" },
    { id: "another port", Location: "http://shop.example:8080/new" },
    { id: "another scheme", Location: "https://shop.example/new" },
    { id: "a host that begins alike", Location: "http://shop.example.net/" },
    { id: "user information", Location: "http://shop.example@other.example/" },
  ].map(({ id, Location }) => ({ id, clause: "§4.4", fields: { Location }, expect: [URI] })),
  {
    id: "no URI",
    clause: "§4.4",
    fields: { Location: "http://[", "Content-Location": "http://a b/" },
    expect: [URI],
  },
];

describe("what a request invalidates", () => {
  for (const row of ROWS) {
    test(`${row.id} (${row.clause})`, () => {
      const request = { method: row.method ?? "POST", uri: URI };
      const response = { status: row.status ?? 200, fields: lines(row.fields ?? {}) };
      expect(invalidatedUris(request, response, row.ignored ?? [])).toEqual(row.expect);
    });
  }

  test("the target is named by its own bytes, as it is in the key", () => {
    const uri = "http://shop.example/A/../b|c?\xe9";
    expect(invalidatedUris({ method: "PUT", uri }, { status: 200, fields: [] }, [])).toEqual([uri]);
  });
});

test("safe methods are four, in upper case (RFC 9110 §9.2.1)", () => {
  expect(["GET", "HEAD", "OPTIONS", "TRACE", "get", "POST", "QUERY", ""].filter(isSafe)).toEqual([
    "GET",
    "HEAD",
    "OPTIONS",
    "TRACE",
  ]);
});
