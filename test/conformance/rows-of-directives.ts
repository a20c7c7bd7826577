import type { Row, Step } from "./exchanges.ts";

const FIRST: Step = { from: "origin" };

/** One answer, and where the next request is answered from after so many seconds. */
const then = (
  answer: readonly string[],
  after: number,
  from: Step["from"],
  more: Partial<Step> = {},
): Step[] => [
  { ...FIRST, answer },
  { after, from, ...more },
];

const CDN = "CDN-Cache-Control";
const CC = "Cache-Control";

/** RFC 9213, with CDN-Cache-Control as the target. */
export const TARGETED: readonly Row[] = [
  {
    name: "a targeted max-age makes a response fresh that says nothing else",
    clause: "RFC 9213 §2.1",
    steps: then([CDN, "max-age=3600"], 3599, "cache"),
  },
  {
    name: "a targeted max-age ends when it says",
    clause: "RFC 9213 §2.1",
    steps: then([CDN, "max-age=3600"], 3600, "origin"),
  },
  ...["2147483648", "99999999999"].map((seconds) => ({
    name: `a targeted max-age of ${seconds} is a long one`,
    clause: "RFC 9111 §1.2.2",
    steps: then([CDN, `max-age=${seconds}`], 86_400, "cache"),
  })),
  {
    name: "Age counts against a targeted max-age",
    clause: "RFC 9111 §4.2.3",
    steps: then([CDN, "max-age=3600", "Age", "7200"], 0, "origin"),
  },
  ...["max-age =100", "max-age= 100", "MaX-aGe=100", "max-age=100, &&&&&", "max-age=100,"].map((value) => ({
    name: `${value} is no dictionary, so that Cache-Control decides`,
    clause: "RFC 9213 §2.1, RFC 9651 §4.2.2",
    steps: [...then([CDN, value, CC, "max-age=5"], 4, "cache"), { after: 1, from: "origin" as const }],
  })),
  {
    name: "a targeted max-age that is a string gives no freshness, and Cache-Control none either",
    clause: "RFC 9213 §2.1",
    steps: then([CDN, 'max-age="10000"', CC, "no-store"], 0, "origin"),
  },
  {
    name: "an unknown targeted directive changes nothing",
    clause: "RFC 9111 §5.2.3",
    steps: then([CDN, "foobar, max-age=3600"], 60, "cache"),
  },
  ...["{-10000}", "0"].map((expires) => ({
    name: `a targeted max-age goes before Expires: ${expires}`,
    clause: "RFC 9213 §2.2",
    steps: then([CDN, "max-age=3600", "Expires", expires], 60, "cache"),
  })),
  {
    name: "a targeted max-age=0 goes before a future Expires",
    clause: "RFC 9213 §2.2",
    steps: then([CDN, "max-age=0", "Expires", "{10000}"], 0, "origin"),
  },
  {
    name: "a long targeted max-age goes before a short one",
    clause: "RFC 9213 §2.2",
    steps: then([CDN, "max-age=3600", CC, "max-age=1"], 60, "cache"),
  },
  {
    name: "a short targeted max-age goes before a long one",
    clause: "RFC 9213 §2.2",
    steps: then([CDN, "max-age=1", CC, "max-age=3600"], 1, "origin"),
  },
  ...["private", "no-cache", "no-store"].map((directive) => ({
    name: `a targeted ${directive} goes before everything fresh`,
    clause: "RFC 9213 §2.2",
    steps: then([CDN, directive, CC, "max-age=10000", "Expires", "{10000}"], 0, "origin"),
  })),
  {
    name: "a targeted max-age goes before no-store",
    clause: "RFC 9213 §2.2",
    steps: then([CDN, "max-age=10000", CC, "no-store"], 60, "cache"),
  },
  {
    name: "what a targeted field kept is as old as it is, with its Date, Expires and Cache-Control",
    clause: "RFC 9111 §5.1, RFC 9110 §6.6.1",
    steps: then(
      [CDN, "max-age=10000", CC, "max-age=1", "Expires", "Fri, 01 Jan 2038 01:01:01 GMT"],
      7,
      "cache",
      {
        expect: {
          fields: { age: "7", expires: "Fri, 01 Jan 2038 01:01:01 GMT", "cache-control": "max-age=1" },
        },
      },
    ),
  },
];

/** RFC 9111 §5.2 and §5.3: what is a lifetime, and what is none. */
export const PARSING: readonly Row[] = [
  ...[
    'max-age="3600"',
    "max-age=003600",
    "MAX-AGE=3600",
    "foo, max-age=3600",
    'foo="a, b", max-age=3600',
  ].map((value) => ({
    name: `${value} is a lifetime`,
    clause: "RFC 9111 §5.2",
    steps: then([CC, value], 3599, "cache"),
  })),
  ...[
    "max-age='3600'",
    "max-age =3600",
    "max-age= 3600",
    "max-age=3600.0",
    "max-age=a3600",
    "max-age=3600a",
    "max-age=-3600",
    "max-age=",
    "max-age",
  ].map((value) => ({
    name: `${value} is none, and does not become one`,
    clause: "RFC 9111 §4.2.1",
    steps: then([CC, value], 0, "origin"),
  })),
  ...['extension="max-age=3600", max-age=1', 'max-age=1, extension="max-age=3600"'].map((value) => ({
    name: `what is quoted is not a directive: ${value}`,
    clause: "RFC 9111 §5.2",
    steps: then([CC, value], 1, "origin"),
  })),
  {
    name: "of two lifetimes on two lines the first counts",
    clause: "RFC 9111 §4.2.1",
    steps: [...then([CC, "max-age=5", CC, "max-age=1800"], 4, "cache"), { after: 1, from: "origin" }],
  },
  ...[
    "Tue, 19 Jan 2038 14:14:08 GMT",
    "Sun, 21 Nov 2286 04:46:39 GMT",
    "Thursday, 18-Aug-50 02:01:18 GMT",
    "Thu Aug  8 02:01:18 2050",
    "THU, 18 AUG 2050 02:01:18 gMT",
  ].map((date) => ({
    name: `Expires: ${date} is in the future`,
    clause: "RFC 9110 §5.6.7, RFC 9111 §5.3",
    steps: then(["Expires", date], 60, "cache"),
  })),
  ...[
    "Thu, 18 Aug 2050 02:01:18 UTC",
    "Thu, 18 Aug 2050 02:01:18 AEST",
    "Thu, 18 Aug 50 02:01:18 GMT",
    "Thu 18 Aug 2050 02:01:18 GMT",
    "Thu, 18  Aug  2050 02:01:18 GMT",
    "Thu, 18-Aug-2050 02:01:18 GMT",
    "Thu, 18 Aug 2050 02.01.18 GMT",
    "Thu, 18 Aug 2050 2:01:18 GMT",
  ].map((date) => ({
    name: `Expires: ${date} is no date, and so in the past`,
    clause: "RFC 9111 §5.3",
    steps: then(["Expires", date], 0, "origin"),
  })),
  ...["abc", "-7200", "7200.0", "7200;foo=bar"].map((age) => ({
    name: `Age: ${age} is ignored`,
    clause: "RFC 9111 §5.1",
    steps: then([CC, "max-age=3600", "Age", age], 60, "cache"),
  })),
  {
    name: "of several Age values the first counts, in one line or in two",
    clause: "RFC 9111 §5.1",
    steps: [
      ...then([CC, "max-age=3600", "Age", "0, 7200"], 60, "cache"),
      { path: "/lines", answer: [CC, "max-age=3600", "Age", "0", "Age", "7200"], from: "origin" },
      { path: "/lines", after: 60, from: "cache" },
      { path: "/old", answer: [CC, "max-age=3600", "Age", "7200, 0"], from: "origin" },
      { path: "/old", from: "origin" },
    ],
  },
  {
    name: "no-store with must-understand is stored when the status is understood",
    clause: "RFC 9111 §5.2.2.3",
    steps: then([CC, "max-age=3600, no-store, must-understand"], 60, "cache"),
  },
  {
    name: "no-store with must-understand is not stored when the status is unknown",
    clause: "RFC 9111 §5.2.2.3",
    steps: [
      { status: 599, answer: [CC, "max-age=3600, no-store, must-understand"], from: "origin" },
      { from: "origin" },
    ],
  },
  {
    name: "an unknown status is heuristically fresh only with public",
    clause: "RFC 9111 §4.2.2",
    steps: [
      { status: 599, answer: ["Last-Modified", "{-86400}"], from: "origin" },
      { from: "origin" },
      { path: "/public", status: 599, answer: ["Last-Modified", "{-86400}", CC, "public"], from: "origin" },
      { path: "/public", after: 60, from: "cache", expect: { status: 599 } },
    ],
  },
];
