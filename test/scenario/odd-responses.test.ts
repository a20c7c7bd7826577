import { describe } from "vitest";
import {
  ASKED,
  at,
  type Case,
  FRESH,
  KEPT,
  notStored,
  raw,
  type Step,
  stored,
  tests,
} from "./odd-exchanges.ts";
import { answerOf } from "./raw-origin.ts";

/*
 * What no origin and no client should send, and some do: bytes of the test's choosing on both
 * sides of the real proxy.
 */

const DIGITS: Step = { answer: [FRESH, 'ETag: "a"'], body: "0123456789", from: "asked" };

const DIRECTIVES: readonly Case[] = [
  {
    name: "a quotation mark that is never closed does not hide no-store",
    clause: "RFC 9111 §5.2",
    steps: notStored('Cache-Control: max-age=60, ext="a, no-store'),
  },
  ...['s-maxage=60, foo=a", private', 'max-age=60, "x, no-store'].map((directives) => ({
    name: `a stray quotation mark hides no restriction: ${directives}`,
    clause: "RFC 9111 §5.2",
    steps: notStored(`Cache-Control: ${directives}`),
  })),
  {
    name: "a quotation mark that is never closed gives no lifetime",
    clause: "RFC 9111 §5.2",
    steps: notStored('Cache-Control: ext="a, max-age=60'),
  },
  {
    name: "max-age with a space before = does not leave the lifetime to the heuristic",
    clause: "RFC 9111 §4.2.1",
    steps: [
      { answer: ["Cache-Control: max-age =0", `Last-Modified: ${at(-100_000)}`], from: "asked" },
      { ...ASKED, sent: "If-Modified-Since" },
    ],
  },
  {
    name: "Expires: 0 beside s-maxage is not looked at",
    clause: "RFC 9111 §5.3",
    steps: stored("Expires: 0", "Cache-Control: s-maxage=60"),
  },
  {
    name: "s-maxage=0 beside max-age is stale at once",
    clause: "RFC 9111 §5.2.2.10",
    steps: notStored("Cache-Control: max-age=60, s-maxage=0"),
  },
  {
    name: "a negative max-age beside a future Expires is stale",
    clause: "RFC 9111 §4.2.1",
    steps: notStored("Cache-Control: max-age=-1", `Expires: ${at(60)}`),
  },
  {
    name: "empty members do not count",
    clause: "RFC 9110 §5.6.1",
    steps: stored("Cache-Control: ,, ,max-age=60,,"),
  },
  {
    name: "Pragma in a response means nothing",
    clause: "RFC 9111 §5.4",
    steps: stored("Pragma: no-cache", FRESH),
  },
  {
    name: "no-store that Connection names is obeyed, and ends here",
    clause: "RFC 9110 §7.6.1",
    steps: [
      {
        answer: ["Connection: cache-control", "Cache-Control: no-store"],
        from: "asked",
        lacks: [/^cache-control/im],
      },
      ASKED,
    ],
  },
  {
    name: 'private="x-user" is stored without the field, which its own client gets',
    clause: "RFC 9111 §5.2.2.7",
    steps: [
      {
        answer: ['Cache-Control: max-age=60, private="x-user"', "X-User: bob", "X-All: 1"],
        from: "asked",
        has: ["X-User: bob"],
      },
      { from: "kept", has: ["X-All: 1"], lacks: [/^x-user/im] },
    ],
  },
  {
    name: 'no-cache="set-cookie" is not enough for a cookie to be stored',
    clause: "ours",
    steps: notStored('Cache-Control: max-age=60, no-cache="set-cookie"', "Set-Cookie: a=1"),
  },
  {
    name: 'no-cache="set-cookie" is stored without the cookie under the profile rfc',
    clause: "RFC 9111 §5.2.2.4",
    settings: { CACHE_PROFILE: "rfc" },
    steps: [
      {
        answer: ['Cache-Control: max-age=60, no-cache="set-cookie"', "Set-Cookie: a=1"],
        from: "asked",
        has: ["Set-Cookie: a=1"],
      },
      { from: "kept", lacks: [/^set-cookie/im] },
    ],
  },
  {
    name: "must-understand with a status that nobody knows is not stored, whatever its lifetime",
    clause: "RFC 9111 §5.2.2.3",
    steps: [
      { answer: answerOf("299 Odd", ["Cache-Control: max-age=60, must-understand"], "0"), from: "asked" },
      ASKED,
    ],
  },
  {
    name: "a status that nobody knows, with a lifetime, is",
    clause: "RFC 9111 §3",
    steps: [
      { answer: answerOf("299 Odd", [FRESH], "0"), from: "asked" },
      { ...KEPT, status: 299 },
    ],
  },
];

const AGES: readonly Case[] = [
  {
    name: "an Age beyond all numbers is very old",
    clause: "RFC 9111 §5.1, §1.2.2",
    steps: notStored(FRESH, "Age: 99999999999999999999"),
  },
  {
    name: "an Age that is repeated is one when it leaves, and one that is no number is none",
    clause: "RFC 9111 §5.1",
    steps: [
      { answer: [FRESH, "Age: 5", "Age: 7"], from: "asked", has: [/^Age: 5\r/m], lacks: ["Age: 7"] },
      { from: "kept", has: [/^Age: 5\r/m] },
      { answer: [FRESH, "Age: soon"], after: 61, from: "asked", lacks: [/^Age/m] },
      { from: "kept", has: [/^Age: 0\r/m] },
    ],
  },
  {
    name: "a Date in the future makes nothing older or younger",
    clause: "RFC 9111 §4.2.3",
    steps: [
      { answer: [FRESH, `Date: ${at(3600)}`], from: "asked" },
      { from: "kept", after: 59 },
      { ...ASKED, after: 2 },
    ],
  },
  {
    name: "Expires counts from the origin's own Date, however far in the future",
    clause: "RFC 9111 §4.2.1",
    steps: [
      { answer: [`Date: ${at(3600)}`, `Expires: ${at(3660)}`], from: "asked" },
      { from: "kept", after: 58 },
      { ...ASKED, after: 3 },
    ],
  },
  {
    name: "a Last-Modified in the future gives no lifetime",
    clause: "RFC 9111 §4.2.2",
    steps: notStored(`Last-Modified: ${at(3600)}`),
  },
  {
    name: "of two Expires the first counts",
    clause: "RFC 9111 §4.2.1",
    steps: stored(`Expires: ${at(60)}`, `Expires: ${at(-60)}`),
  },
];

const VARIES: readonly Case[] = [
  {
    name: "Vary on two lines is one list",
    clause: "RFC 9110 §5.3",
    steps: [
      { ask: ["A: 1", "B: 1"], answer: [FRESH, "Vary: A", "vary: B"], from: "asked" },
      { ask: ["A: 1", "B: 2"], answer: [FRESH, "Vary: A", "vary: B"], from: "asked" },
      { ask: ["a: 1", "b: 1"], from: "kept", made: 0 },
    ],
  },
  ...[
    ['Cache-Control: max-age=1, private="vary"', "Vary: X-User"],
    ["Cache-Control: max-age=1", "Connection: Vary", "Vary: X-User"],
  ].map(
    (answer): Case => ({
      name: `what varied goes on varying after a 304: ${answer.join(", ")}`,
      clause: "RFC 9111 §4.1, §4.3.4",
      steps: [
        { ask: ["X-User: alice"], answer: ['ETag: "a"', ...answer], from: "asked" },
        {
          ask: ["X-User: alice"],
          answer: raw("304 Not Modified", 'ETag: "a"', FRESH),
          after: 2,
          from: "validated",
        },
        { ask: ["X-User: bob"], ...ASKED },
      ],
    }),
  ),
  {
    name: "a field that is no list is another with two commas than with one",
    clause: "RFC 9111 §4.1",
    steps: [
      { ask: ["X-User: a,b"], answer: [FRESH, "Vary: X-User"], from: "asked" },
      { ask: ["X-User: a,,b"], answer: [FRESH, "Vary: X-User"], from: "asked" },
      { ask: ["X-User: a , b"], from: "kept", made: 0 },
    ],
  },
  { name: "Vary: x, *", clause: "RFC 9111 §4.1", steps: notStored(FRESH, "Vary: x, *") },
  {
    name: "Vary: * on the second line",
    clause: "RFC 9111 §4.1",
    steps: notStored(FRESH, "Vary: x", "Vary: *"),
  },
  {
    name: "Vary that names what is no field matches nothing",
    clause: "RFC 9111 §4.1",
    steps: notStored(FRESH, "Vary: Accept Language"),
  },
  { name: "an empty Vary selects nothing", clause: "RFC 9110 §12.5.5", steps: stored(FRESH, "Vary:") },
];

const RANGES: readonly Case[] = [
  {
    name: "a 206 without Content-Range is passed on and not stored",
    clause: "RFC 9110 §15.3.7.1",
    steps: [
      { ask: ["Range: bytes=0-1"], answer: answerOf("206 Partial Content", [FRESH], "0!"), from: "asked" },
      { ask: ["Range: bytes=0-1"], ...ASKED },
    ],
  },
  {
    name: "a 206 to an If-Range, which need not say what it is a part of, is passed on and not stored",
    clause: "RFC 9110 §15.3.7",
    steps: [
      {
        ask: ["Range: bytes=0-1", 'If-Range: "a"'],
        answer: answerOf("206 Partial Content", [FRESH, 'ETag: "a"', "Content-Range: bytes 0-1/10"], "01"),
        from: "asked",
        status: 206,
      },
      { ...DIGITS, lacks: [], sent: /^(?![\s\S]*range:)/i },
      { ...KEPT, status: 200 },
    ],
  },
  {
    name: "more ranges than 16 are answered by the whole",
    clause: "RFC 9110 §14.2, §17.15",
    steps: [
      { ...DIGITS, body: "0123456789".repeat(10) },
      {
        ask: [`Range: bytes=${Array.from({ length: 17 }, (_, i) => `${i * 3}-${i * 3}`).join(",")}`],
        from: "nowhere",
        status: 200,
        has: ["Content-Length: 100"],
      },
    ],
  },
  {
    name: "If-Range with a weak tag holds for nothing",
    clause: "RFC 9110 §13.1.5",
    steps: [
      { answer: [FRESH, 'ETag: W/"a"'], from: "asked" },
      { ask: ["Range: bytes=0-1", 'If-Range: W/"a"'], from: "kept", status: 200 },
    ],
  },
  {
    name: "HEAD with Range is a HEAD",
    clause: "RFC 9110 §14.2",
    steps: [
      DIGITS,
      {
        method: "HEAD",
        ask: ["Range: bytes=0-1"],
        from: "nowhere",
        status: 200,
        has: ["Content-Length: 10"],
        lacks: [/^content-range/im],
      },
    ],
  },
  {
    name: "two Range lines are no range",
    clause: "RFC 9110 §14.2",
    steps: [DIGITS, { ask: ["Range: bytes=0-0", "Range: bytes=1-1"], from: "nowhere", status: 200 }],
  },
  {
    name: "nothing of a representation, from its end or behind it, is a 416 with the length",
    clause: "RFC 9110 §14.1.2, §15.5.17",
    steps: [
      DIGITS,
      ...["-0", "99999999999999999999-", "10-11, 20-"].map(
        (range): Step => ({
          ask: [`Range: bytes=${range}`],
          from: "nowhere",
          status: 416,
          has: ["Content-Range: bytes */10"],
        }),
      ),
    ],
  },
  {
    name: "a 416 with a lifetime is not stored for requests without Range",
    clause: "RFC 9110 §15.5.17",
    steps: [
      {
        ask: ["Range: bytes=9-"],
        answer: raw("416 Range Not Satisfiable", FRESH, "Content-Range: bytes */3", "Content-Length: 0"),
        from: "nowhere",
        status: 416,
      },
      ASKED,
    ],
  },
];

const FRAMES: readonly Case[] = [
  {
    name: "a 204 with a Content-Length has none when it leaves",
    clause: "RFC 9110 §8.6",
    steps: [
      {
        answer: raw("204 No Content", FRESH, "Content-Length: 5"),
        from: "nowhere",
        status: 204,
        lacks: [/^content-length/im],
      },
      { from: "nowhere", status: 204, has: ["X-Cache: HIT"], lacks: [/^content-length/im] },
    ],
  },
  {
    name: "a body that ends where its connection does is passed on and not stored",
    clause: "RFC 9112 §6.3",
    steps: [
      { answer: `HTTP/1.0 200 OK\r\n${FRESH}\r\n\r\n0`, from: "asked", has: ["detail=close-delimited"] },
      ASKED,
    ],
  },
  ...[
    ["twice the same Content-Length", "Content-Length: 1\r\nContent-Length: 1"],
    ["two different Content-Length", "Content-Length: 1\r\nContent-Length: 2"],
    ["Content-Length and chunks", "Content-Length: 1\r\nTransfer-Encoding: chunked"],
  ].map(
    ([name, lines]): Case => ({
      name: `${name} is an error, and nothing of it is stored`,
      clause: "RFC 9110 §8.6, RFC 9112 §6.3",
      steps: [
        { answer: `HTTP/1.1 200 OK\r\n${FRESH}\r\n${lines}\r\n\r\n0`, from: "nowhere", status: 502 },
        ASKED,
      ],
    }),
  ),
  {
    name: "interim responses are forwarded, and not stored",
    clause: "RFC 9110 §15.2",
    steps: [
      {
        answer: `${raw("102 Processing")}${raw("103 Early Hints", "Link: </a>")}${answerOf("200 OK", [FRESH], "0")}`,
        from: "asked",
        has: ["HTTP/1.1 102 Processing", "HTTP/1.1 103 Early Hints\r\nLink: </a>"],
      },
      { from: "kept", lacks: ["HTTP/1.1 10"] },
    ],
  },
  {
    name: "a Cache-Status that is no list does not take ours with it; one that is stays before it",
    clause: "RFC 9211 §2",
    steps: [
      { answer: [FRESH, "Cache-Status: ;;;bad"], from: "asked", lacks: [";;;bad"] },
      { from: "kept", lacks: [";;;bad"], has: ["Cache-Status: freshline; hit; ttl=60"] },
      { answer: [FRESH, "Cache-Status: other; hit"], after: 61, from: "asked" },
      { from: "kept", has: [/^Cache-Status: other; hit\r\n[\s\S]*^Cache-Status: freshline; hit/m] },
    ],
  },
];

const REQUESTS: readonly Case[] = [
  ...[
    ["If-Match", 'If-Match: "a"'],
    ["no-store", "X-None: 1"],
  ].map(
    ([name, line = ""]): Case => ({
      name: `only-if-cached with ${name} is a 504 and no request, where it is honoured`,
      clause: "RFC 9111 §5.2.1.7",
      settings: { CACHE_CLIENT_DIRECTIVES: "honour" },
      steps: [
        ASKED,
        {
          ask: [`Cache-Control: only-if-cached${name === "no-store" ? ", no-store" : ""}`, line],
          from: "nowhere",
          status: 504,
          has: ["Cache-Status: freshline; detail=only_if_cached"],
        },
      ],
    }),
  ),
  {
    name: "only-if-cached with a unit of ranges that nobody knows is answered by the whole",
    clause: "RFC 9110 §14.2, RFC 9111 §5.2.1.7",
    settings: { CACHE_CLIENT_DIRECTIVES: "honour" },
    steps: [ASKED, { ask: ["Cache-Control: only-if-cached", "Range: lines=1-2"], from: "kept", status: 200 }],
  },
  {
    name: "only-if-cached with Authorization is answered by what is stored, and by 504 where nothing is",
    clause: "RFC 9111 §3.5, §5.2.1.7",
    settings: { CACHE_CLIENT_DIRECTIVES: "honour" },
    steps: [
      { ask: ["Cache-Control: only-if-cached", "Authorization: x"], from: "nowhere", status: 504 },
      ASKED,
      { ask: ["Cache-Control: only-if-cached", "Authorization: x"], from: "kept", status: 200 },
    ],
  },
  {
    name: "an unsafe request is written through, whatever it says of the cache",
    clause: "RFC 9111 §4",
    settings: { CACHE_CLIENT_DIRECTIVES: "honour" },
    steps: [
      {
        method: "POST",
        ask: ["Cache-Control: only-if-cached", "Content-Length: 0"],
        answer: ["X-Written: 1"],
        from: "asked",
        has: ["X-Written: 1"],
      },
    ],
  },
  {
    name: "the answer to a POST that says no-store is not stored, where that is honoured",
    clause: "RFC 9111 §5.2.1.5",
    settings: { CACHE_CLIENT_DIRECTIVES: "honour" },
    steps: [
      {
        method: "POST",
        ask: ["Cache-Control: no-store", "Content-Length: 0"],
        answer: [FRESH, "Content-Location: /thing"],
        from: "asked",
      },
      ASKED,
    ],
  },
  {
    name: "what has changed and is not stored is never a 304, however late the client's date",
    clause: "RFC 9111 §4.3.2",
    steps: [
      { answer: ["Cache-Control: no-store"], from: "asked" },
      {
        ask: [`If-Modified-Since: ${at(3600)}`],
        answer: ["Cache-Control: no-store", `Date: ${at(0)}`],
        from: "asked",
        status: 200,
      },
      {
        ask: [`If-Modified-Since: ${at(3600)}`],
        answer: [FRESH, `Date: ${at(0)}`],
        from: "asked",
        status: 200,
      },
    ],
  },
  {
    name: "a client's wishes are ignored under the profile rfc too, where the operator says so",
    clause: "ours",
    settings: { CACHE_PROFILE: "rfc", CACHE_CLIENT_DIRECTIVES: "ignore" },
    steps: [ASKED, { ask: ["Cache-Control: no-cache"], from: "kept" }],
  },
  {
    name: "a cookie is not stored under the profile rfc either, where the operator says so",
    clause: "ours",
    settings: { CACHE_PROFILE: "rfc", CACHE_SET_COOKIE: "false" },
    steps: notStored("Cache-Control: public, max-age=60", "Set-Cookie: a=1"),
  },
  {
    name: "a cookie in the request keeps nothing from being stored",
    clause: "RFC 9111 §3",
    steps: [{ ask: ["Cookie: a=1"], answer: [FRESH], from: "asked" }, KEPT],
  },
];

describe.each(Object.entries({ DIRECTIVES, AGES, VARIES, RANGES, FRAMES, REQUESTS }))("%s", (_, cases) =>
  tests(cases),
);
