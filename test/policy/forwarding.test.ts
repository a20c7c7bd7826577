import { describe, expect, test } from "vitest";
import { fieldLineValues, hasField } from "../../src/policy/fields.ts";
import {
  passedInterimFields,
  passedRequestFields,
  passedResponseFields,
  requestFieldsForOrigin,
} from "../../src/policy/forwarding.ts";
import { markRepeated } from "../../src/policy/repeated-lines.ts";
import { unkeyedFields } from "../../src/policy/unkeyed-fields.ts";
import { type Fields, lines, someSettings } from "./builders.ts";

const forwarded = { for: "203.0.113.9, 192.0.2.1", host: "shop.example", proto: "https" } as const;

const { unkeyed } = someSettings();
const sent = (fields: Fields, mode: Parameters<typeof requestFieldsForOrigin>[1] = "as-client") =>
  requestFieldsForOrigin({ method: "GET", fields: lines(fields), id: "r-1", forwarded }, mode, unkeyed);

const OWN = {
  "X-Forwarded-For": "203.0.113.9, 192.0.2.1",
  "X-Forwarded-Host": "shop.example",
  "X-Forwarded-Proto": "https",
  "X-Request-Id": "r-1",
  Via: "1.1 freshline",
};

describe("to the origin", () => {
  test("the client's lines in case and order, then this hop's own", () => {
    const passed = {
      "accept-LANGUAGE": "de",
      Cookie: ["a=1", "b=2"],
      Authorization: "Basic eA==",
      "Cache-Control": "x",
    };
    expect(sent(passed)).toEqual(lines({ ...passed, ...OWN }));
  });

  test("nothing of one hop, nor what Connection names (RFC 9110 §7.6.1)", () => {
    const fields = {
      Connection: "keep-alive, X-Hop",
      "X-Hop": "1",
      "Keep-Alive": "1",
      "Proxy-Authorization": "Basic eA==",
      TE: "trailers",
      "Transfer-Encoding": "chunked",
      Upgrade: "websocket",
      "HTTP2-Settings": "x",
    };
    expect(sent(fields)).toEqual(lines(OWN));
  });

  const claims = [
    ...["Host", "Content-Length", "Expect", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host"],
    ...["X-Forwarded-Path", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Proto"],
    ...["X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Ssl", "X-Forwarded-Uri", "X-Host"],
    ...["X-Http-Host-Override", "X-Original-Url", "X-Rewrite-Url", "X-Url-Scheme", "Front-End-Https"],
    ...["X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Request-Id"],
  ];
  for (const name of claims) {
    test(`${name} is not believed: it would steer an origin past the key`, () => {
      expect(sent({ [name]: "evil", [name.toUpperCase()]: "evil" })).toEqual(lines(OWN));
    });
  }

  test("Via is appended to what is there (RFC 9110 §7.6.3)", () => {
    expect(fieldLineValues(sent({ via: ["1.0 a", "1.1 b"] }), "via")).toEqual([
      "1.0 a, 1.1 b, 1.1 freshline",
    ]);
  });

  test.each(["1.0", "2"])("Via says that it was asked in HTTP/%s", (httpVersion) => {
    const request = { method: "GET", fields: [], id: "r-1", forwarded, httpVersion };
    expect(fieldLineValues(requestFieldsForOrigin(request, "as-cache", unkeyed), "via")).toEqual([
      `${httpVersion} freshline`,
    ]);
  });

  describe("Max-Forwards (RFC 9110 §7.6.2)", () => {
    const rows: readonly [method: string, sent: string | string[], reaches: string[]][] = [
      ["OPTIONS", "7", ["6"]],
      ["OPTIONS", "1", ["0"]],
      ["TRACE", "1", ["0"]],
      // Not below zero, whoever forwards what should have ended here.
      ["OPTIONS", "0", ["0"]],
      ["OPTIONS", "9".repeat(400), ["254"]],
      ["GET", "7", ["7"]],
      ["POST", "0", ["0"]],
      ["OPTIONS", "-1", ["-1"]],
      ["OPTIONS", "1.5", ["1.5"]],
      ["OPTIONS", "", [""]],
      ["OPTIONS", ["3", "3"], ["3", "3"]],
    ];
    for (const [method, value, reaches] of rows) {
      test(`${method} with ${JSON.stringify(value).slice(0, 20)} reaches the origin with ${reaches}`, () => {
        const request = { method, fields: lines({ "max-FORWARDS": value }), id: "r-1", forwarded };
        expect(
          fieldLineValues(requestFieldsForOrigin(request, "as-client", unkeyed), "max-forwards"),
        ).toEqual(reaches);
      });
    }
  });

  describe("conditions and range", () => {
    const conditions = ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"];
    const all = Object.fromEntries([...conditions, "Range"].map((name) => [name, "x"]));
    const kept = (mode: Parameters<typeof sent>[1]) =>
      [...conditions, "Range"].filter((name) => hasField(sent(all, mode), name.toLowerCase()));

    test("as a cache: none, it wants the whole", () => {
      expect(kept("as-cache")).toEqual([]);
    });

    test("keeping the range: what belongs to it", () => {
      expect(kept("keep-range")).toEqual(["If-Match", "If-Unmodified-Since", "If-Range", "Range"]);
    });

    test("as the client: all", () => {
      expect(kept("as-client")).toEqual([...conditions, "Range"]);
    });
  });
});

test("to the client: what is neither of one hop nor this hop's own to write", () => {
  const own = { "X-Cache": "HIT", "x-cache-status": "HIT", "X-Request-ID": "1", Warning: "110 - x" };
  const hop = { Connection: "X-Hop", "X-Hop": "1", "Transfer-Encoding": "chunked" };
  const passed = {
    "content-LENGTH": "3",
    Via: "1.1 b",
    "Cache-Status": "b; hit",
    "Set-Cookie": ["a=1", "b=2"],
  };
  expect(passedResponseFields(lines({ ...own, ...hop, ...passed }))).toEqual(lines(passed));
});

test("to the client, ahead of the answer: the same, and no length", () => {
  const passed = { Link: ["</a.css>", "</b.js>"], "X-Progress": "50%" };
  const ended = { "Content-Length": "3", Connection: "X-Hop", "X-Hop": "1", "X-Cache": "HIT" };
  expect(passedInterimFields(lines({ ...passed, ...ended }))).toEqual(lines(passed));
});

describe("of a request whose lines come again", () => {
  const request = () => {
    const fields = lines({ Accept: "*/*", "If-None-Match": '"1"', Range: "bytes=0-1" });
    markRepeated(fields);
    return { method: "GET", fields, forwarded };
  };

  test("the same object goes on, of whatever other request", () => {
    const { fields, ...rest } = request();
    const first = passedRequestFields({ ...rest, fields }, "as-cache", unkeyed);
    expect(first).toEqual(lines({ Accept: "*/*", ...OWN }).slice(0, -4));
    const again = { ...rest, fields, forwarded: { ...forwarded } };
    expect(passedRequestFields(again, "as-cache", unkeyed)).toBe(first);
  });

  test.each([
    ["asked for the client", {}, "as-client", unkeyed],
    ["asked with its range", {}, "keep-range", unkeyed],
    ["of another client", { forwarded: { ...forwarded, for: "192.0.2.7" } }, "as-cache", unkeyed],
    ["of another host", { forwarded: { ...forwarded, host: "other.example" } }, "as-cache", unkeyed],
    ["of another scheme", { forwarded: { ...forwarded, proto: "http" } }, "as-cache", unkeyed],
    ["of another method", { method: "TRACE" }, "as-cache", unkeyed],
    ["by other settings", {}, "as-cache", unkeyedFields({ stripped: ["accept"], keyed: [], passed: [] })],
  ] as const)("another does where it is %s", (_, other, asked, settings) => {
    const repeated = request();
    for (let nth = 0; nth < 2; nth++) passedRequestFields(repeated, "as-cache", unkeyed);
    const once = { ...repeated, ...other, fields: [...repeated.fields] };
    const expected = passedRequestFields(once, asked, settings);
    for (let nth = 0; nth < 2; nth++)
      expect(passedRequestFields({ ...repeated, ...other }, asked, settings)).toEqual(expected);
  });
});
