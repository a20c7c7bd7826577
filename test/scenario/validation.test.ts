import { describe } from "vitest";
import { ASKED, at, type Case, FRESH, raw, tests } from "./odd-exchanges.ts";
import { answerOf } from "./raw-origin.ts";

const CONDITIONS: readonly Case[] = [
  {
    name: "a list of tags with empty members, a weak one and one with a backslash",
    clause: "RFC 9110 §13.1.2",
    steps: [
      { answer: [FRESH, 'ETag: W/"a"'], from: "asked" },
      { ask: ['If-None-Match: "x\\",, W/"y", W/"a"'], from: "nowhere", status: 304, has: ['ETag: W/"a"'] },
      { ask: ['If-None-Match: "x"', 'If-None-Match: "a"'], from: "nowhere", status: 304 },
      { ask: ["If-None-Match: a"], from: "kept", status: 200 },
    ],
  },
  {
    name: "obsolete forms of a date",
    clause: "RFC 9110 §5.6.7",
    steps: [
      { answer: [FRESH, "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"], from: "asked" },
      { ask: ["If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT"], from: "nowhere", status: 304 },
      { ask: ["If-Modified-Since: Sun Nov  6 08:49:37 1994"], from: "nowhere", status: 304 },
      { ask: ["If-Modified-Since: Sun, 06 Nov 1994 08:49:37 +0000"], from: "kept", status: 200 },
    ],
  },
  {
    name: "a condition on a stored 404 does not make it a 304",
    clause: "RFC 9110 §13.2.1",
    steps: [
      { answer: answerOf("404 Not Found", [FRESH, 'ETag: "a"'], "0"), from: "asked" },
      { ask: ['If-None-Match: "a"'], from: "kept", status: 404 },
    ],
  },
  {
    name: "a 304 from what is stale and being refreshed",
    clause: "RFC 5861 §3",
    steps: [
      { answer: ["Cache-Control: max-age=1, stale-while-revalidate=60", 'ETag: "a"'], from: "asked" },
      {
        ask: ['If-None-Match: "a"'],
        answer: raw("304 Not Modified", 'ETag: "a"'),
        after: 3,
        from: "nowhere",
        status: 304,
        has: [/^Age: [34]\r/m, "X-Cache: UPDATING"],
      },
    ],
  },
];

const VALIDATIONS: readonly Case[] = [
  {
    name: "a 304 with a Content-Length changes no length",
    clause: "RFC 9110 §8.6, RFC 9111 §3.2",
    steps: [
      { answer: ["Cache-Control: max-age=1", 'ETag: "a"'], body: "body0", from: "asked" },
      {
        answer: raw("304 Not Modified", 'ETag: "a"', "Content-Length: 999", FRESH),
        after: 2,
        from: "validated",
        has: ["Content-Length: 5"],
      },
      { from: "kept", has: ["Content-Length: 5"] },
    ],
  },
  {
    name: "a 304 that forbids storing says so to its client, and ends the stored response",
    clause: "RFC 9111 §3.2, §4.3.4",
    steps: [
      { answer: ["Cache-Control: max-age=1", 'ETag: "a"'], from: "asked" },
      {
        answer: raw("304 Not Modified", 'ETag: "a"', "Cache-Control: no-store", "X-Now: 1"),
        after: 2,
        from: "validated",
        has: ["Cache-Control: no-store", "X-Now: 1"],
        lacks: ["max-age=1"],
      },
      { ...ASKED, lacks: ["If-None-Match"] },
    ],
  },
  {
    name: 'what a 304 says to its client alone (private="x-user") is not kept',
    clause: "RFC 9111 §5.2.2.7, §3.2",
    steps: [
      { answer: ["Cache-Control: max-age=1", 'ETag: "a"'], from: "asked" },
      {
        answer: raw(
          "304 Not Modified",
          'ETag: "a"',
          'Cache-Control: max-age=60, private="x-user"',
          "X-User: bob",
        ),
        after: 2,
        from: "validated",
        has: ["X-User: bob"],
      },
      { from: "kept", lacks: [/^x-user/im] },
    ],
  },
  {
    name: "a 304's cookie is for its client, and not kept",
    clause: "ours",
    steps: [
      { answer: ["Cache-Control: max-age=1", 'ETag: "a"'], from: "asked" },
      {
        answer: raw(
          "304 Not Modified",
          'ETag: "a"',
          FRESH,
          "Set-Cookie: a=1",
          "Warning: 110 - x",
          "X-Cache: HIT",
        ),
        after: 2,
        from: "validated",
        has: ["Set-Cookie: a=1", "X-Cache: REVALIDATED"],
        lacks: [/^warning/im, "X-Cache: HIT"],
      },
      { from: "kept", lacks: [/^set-cookie/im, /^warning/im] },
    ],
  },
  {
    name: "a 304's cookie replaces the stored one under the profile rfc",
    clause: "RFC 9111 §3.2",
    settings: { CACHE_PROFILE: "rfc" },
    steps: [
      { answer: ["Cache-Control: max-age=1", 'ETag: "a"', "Set-Cookie: a=0"], from: "asked" },
      {
        answer: raw("304 Not Modified", 'ETag: "a"', FRESH, "Set-Cookie: a=1"),
        after: 2,
        from: "validated",
        has: ["Set-Cookie: a=1"],
        lacks: ["a=0"],
      },
      { from: "kept", has: ["Set-Cookie: a=1"], lacks: ["a=0"] },
    ],
  },
  {
    name: "a 304 to a request without conditions is an origin that failed",
    clause: "RFC 9110 §15.4.5",
    steps: [{ answer: raw("304 Not Modified", 'ETag: "a"'), from: "nowhere", status: 502 }, ASKED],
  },
  {
    name: "a Surrogate-Control that a 304 does not repeat goes on deciding, and never leaves",
    clause: "RFC 9111 §3.2, Edge Architecture 1.0 §2.2",
    steps: [
      {
        answer: ["Cache-Control: max-age=1", "Surrogate-Control: max-age=30", 'ETag: "a"'],
        from: "asked",
        lacks: [/^surrogate/im],
      },
      { ask: ["Range: bytes=0-1, 3-4"], from: "nowhere", status: 206, lacks: [/^surrogate/im] },
      { ask: ["Range: bytes=0-1"], from: "nowhere", status: 206, lacks: [/^surrogate/im] },
      { ask: ['If-None-Match: "a"'], from: "nowhere", status: 304, lacks: [/^surrogate/im] },
      {
        answer: raw("304 Not Modified", 'ETag: "a"', "Cache-Control: max-age=1"),
        after: 31,
        from: "validated",
        lacks: [/^surrogate/im],
      },
      { after: 25, from: "kept", lacks: [/^surrogate/im] },
    ],
  },
  {
    name: "an X-Accel-Expires that a 304 does not repeat goes on deciding, and never leaves",
    clause: "RFC 9111 §3.2, nginx",
    steps: [
      { answer: ["Cache-Control: max-age=1", "X-Accel-Expires: 30", 'ETag: "a"'], from: "asked" },
      {
        answer: raw("304 Not Modified", 'ETag: "a"', "Cache-Control: max-age=1"),
        after: 31,
        from: "validated",
        lacks: [/^x-accel/im],
      },
      { after: 25, from: "kept", lacks: [/^x-accel/im] },
    ],
  },
];

const OLD = ["Cache-Control: max-age=1", 'ETag: "a"', "X-Field: old"];

/** Cases of one clause. */
const of = (clause: string, cases: readonly Omit<Case, "clause">[]): readonly Case[] =>
  cases.map((one) => ({ ...one, clause }));

const HEADS = of("RFC 9111 §4.3.5", [
  {
    name: "the 200 to a HEAD about the same representation freshens the stored GET with its fields",
    steps: [
      { answer: OLD, body: "body0", from: "asked" },
      {
        method: "HEAD",
        answer: answerOf("200 OK", [FRESH, 'ETag: "a"', "X-Field: new"], "body0"),
        after: 2,
        from: "nowhere",
        has: ["X-Field: new"],
      },
      { from: "kept", has: ["X-Field: new", "Content-Length: 5"], lacks: ["X-Field: old"] },
    ],
  },
  {
    name: "a 304 to a HEAD does, too",
    steps: [
      { answer: OLD, body: "body0", from: "asked" },
      {
        method: "HEAD",
        answer: raw("304 Not Modified", FRESH, 'ETag: "a"', "X-Field: new"),
        after: 2,
        from: "nowhere",
        status: 200,
        has: ["X-Field: new", "Content-Length: 5"],
      },
      { from: "kept", has: ["X-Field: new"] },
    ],
  },
  ...[
    ["entity tag", answerOf("200 OK", [FRESH, 'ETag: "b"'], "body0")],
    ["length", answerOf("200 OK", [FRESH, 'ETag: "a"'], "longer")],
    ["date of modification", answerOf("200 OK", [FRESH, 'ETag: "a"', `Last-Modified: ${at(-50)}`], "body0")],
  ].map(
    ([what = "", answer = ""]): Omit<Case, "clause"> => ({
      name: `the 200 to a HEAD with another ${what} makes the stored GET invalid`,
      steps: [
        { answer: OLD, body: "body0", from: "asked" },
        { method: "HEAD", answer, after: 2, from: "nowhere", status: 200 },
        { ...ASKED, sent: /^(?![\s\S]*if-none-match)/i },
      ],
    }),
  ),
]);

const SELECTED: readonly Case[] = [
  {
    name: "a 304 freshens the variant that its request selects, and no other with the same validator",
    clause: "RFC 9111 §4.3.4",
    steps: [
      { ask: ["A: 1"], answer: ["Cache-Control: max-age=1", 'ETag: "a"', "Vary: A"], from: "asked" },
      { ask: ["A: 2"], answer: ["Cache-Control: max-age=1", 'ETag: "a"', "Vary: A"], from: "asked" },
      {
        ask: ["A: 1"],
        answer: raw("304 Not Modified", 'ETag: "a"', FRESH),
        after: 2,
        from: "validated",
        made: 0,
      },
      { ask: ["A: 1"], from: "kept", made: 0 },
      { ask: ["A: 2"], answer: raw("304 Not Modified", 'ETag: "a"', FRESH), from: "validated", made: 1 },
    ],
  },
];

const POSTS = of("RFC 9110 §9.3.3", [
  {
    name: "a POST's answer that is the target's representation, with a lifetime, answers later GETs",
    steps: [
      { ...ASKED },
      {
        method: "POST",
        ask: ["Content-Length: 0"],
        answer: [FRESH, "Content-Location: /thing"],
        body: "posted",
        from: "asked",
        has: ["; stored"],
      },
      { from: "kept", has: ["posted"] },
      { method: "POST", ask: ["Content-Length: 0"], answer: ["X: 1"], body: "again", from: "asked" },
      ASKED,
    ],
  },
  ...[
    ["without a lifetime", ["Content-Location: /thing", `Last-Modified: ${at(-10_000)}`]],
    ["without Content-Location", [FRESH]],
    ["with another URL's Content-Location", [FRESH, "Content-Location: /other"]],
    ["with another site's Content-Location", [FRESH, "Content-Location: http://b.example/thing"]],
    ["with no-store", ["Cache-Control: no-store, max-age=60", "Content-Location: /thing"]],
  ].map(
    ([what, answer]): Omit<Case, "clause"> => ({
      name: `a POST's answer ${what} does not`,
      steps: [
        { method: "POST", ask: ["Content-Length: 0"], answer: answer as string[], from: "asked" },
        ASKED,
      ],
    }),
  ),
]);

describe.each(Object.entries({ CONDITIONS, VALIDATIONS, HEADS, SELECTED, POSTS }))("%s", (_, cases) =>
  tests(cases),
);
