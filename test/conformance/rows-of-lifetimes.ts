import { type Row, twice } from "./exchanges.ts";

const CC = "Cache-Control";

/** RFC 9111 §4.2.1, §5.2 and §5.3: what is a lifetime, and what is none. */
export const PARSING: readonly Row[] = [
  {
    survey: "freshness-max-age-stale",
    name: "a lifetime ends",
    clause: "RFC 9111 §4.2",
    steps: twice([CC, "max-age=2"], 3, "origin"),
  },
  ...[
    'max-age="3600"',
    "max-age=003600",
    "MAX-AGE=3600",
    "foo, max-age=3600",
    'foo="a, b", max-age=3600',
  ].map((value) => ({
    name: `${value} is a lifetime`,
    clause: "RFC 9111 §5.2",
    steps: twice([CC, value], 3599, "cache"),
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
    steps: twice([CC, value], 0, "origin"),
  })),
  ...['extension="max-age=3600", max-age=1', 'max-age=1, extension="max-age=3600"'].map((value) => ({
    name: `what is quoted is not a directive: ${value}`,
    clause: "RFC 9111 §5.2",
    steps: twice([CC, value], 1, "origin"),
  })),
  {
    name: "of two lifetimes on two lines the first counts",
    clause: "RFC 9111 §4.2.1",
    steps: [...twice([CC, "max-age=5", CC, "max-age=1800"], 4, "cache"), { after: 1, from: "origin" }],
  },
  ...[
    ["freshness-expires-32bit", "Tue, 19 Jan 2038 14:14:08 GMT"],
    ["freshness-expires-far-future", "Sun, 21 Nov 2286 04:46:39 GMT"],
    ["freshness-expires-rfc850", "Thursday, 18-Aug-50 02:01:18 GMT"],
    ["freshness-expires-ansi-c", "Thu Aug  8 02:01:18 2050"],
    ["freshness-expires-wrong-case-weekday", "THU, 18 Aug 2050 02:01:18 GMT"],
    ["freshness-expires-wrong-case-month", "Thu, 18 AUG 2050 02:01:18 GMT"],
    ["freshness-expires-wrong-case-tz", "Thu, 18 Aug 2050 02:01:18 gMT"],
  ].map(([survey = "", date = ""]) => ({
    survey,
    name: `Expires: ${date} is in the future`,
    clause: "RFC 9110 §5.6.7, RFC 9111 §5.3",
    steps: twice(["Expires", date], 60, "cache"),
  })),
  ...[
    ["freshness-expires-invalid-utc", "Thu, 18 Aug 2050 02:01:18 UTC"],
    ["freshness-expires-invalid-aest", "Thu, 18 Aug 2050 02:01:18 AEST"],
    ["freshness-expires-invalid-2-digit-year", "Thu, 18 Aug 50 02:01:18 GMT"],
    ["freshness-expires-invalid-no-comma", "Thu 18 Aug 2050 02:01:18 GMT"],
    ["freshness-expires-invalid-multiple-spaces", "Thu, 18  Aug  2050 02:01:18 GMT"],
    ["freshness-expires-invalid-date-dashes", "Thu, 18-Aug-2050 02:01:18 GMT"],
    ["freshness-expires-invalid-time-periods", "Thu, 18 Aug 2050 02.01.18 GMT"],
    ["freshness-expires-invalid-1-digit-hour", "Thu, 18 Aug 2050 2:01:18 GMT"],
  ].map(([survey = "", date = ""]) => ({
    survey,
    name: `Expires: ${date} is no date, and so in the past`,
    clause: "RFC 9111 §5.3",
    steps: twice(["Expires", date], 0, "origin"),
  })),
  {
    survey: "freshness-expires-invalid-multiple-lines",
    name: "Expires on two lines, neither of them a date, is in the past",
    clause: "RFC 9111 §5.3",
    steps: twice(
      ["Expires", "Thu, 18 Aug 2050 2:01:18 GMT", "Expires", "Thu, 18 Aug 2050 2:01:19 GMT"],
      0,
      "origin",
    ),
  },
  {
    survey: "other-date-update-expires",
    name: "Date and Expires stay what they were",
    clause: "RFC 9110 §6.6.1, RFC 9111 §5.3",
    steps: twice(["Date", "{0}", "Expires", "{2592000}"], 3, "cache", {
      expect: { fields: { date: "{-3}", expires: "{2591997}" } },
    }),
  },
];

/** RFC 9111 §5.1. */
export const AGE: readonly Row[] = [
  ...[
    ["age-parse-nonnumeric", "abc"],
    ["age-parse-negative", "-7200"],
    ["age-parse-float", "7200.0"],
  ].map(([survey = "", age = ""]) => ({
    survey,
    name: `Age: ${age} is ignored`,
    clause: "RFC 9111 §5.1",
    steps: twice([CC, "max-age=3600", "Age", age], 60, "cache"),
  })),
  {
    name: "Age: 7200;foo=bar is ignored",
    clause: "RFC 9111 §5.1",
    steps: twice([CC, "max-age=3600", "Age", "7200;foo=bar"], 60, "cache"),
  },
  ...[
    ["age-parse-large-minus-one", "2147483647"],
    ["age-parse-large", "2147483648"],
    ["age-parse-larger", "2147483649"],
  ].map(([survey = "", age = ""]) => ({
    survey,
    name: `Age: ${age} is old`,
    clause: "RFC 9111 §5.1, §1.2.2",
    steps: twice([CC, "max-age=3600", "Age", age], 0, "origin"),
  })),
  ...(
    [
      ["age-parse-dup-0", ["0, 0"]],
      ["age-parse-dup-0-twoline", ["0", "0"]],
      ["age-parse-prefix-twoline", ["0", "7200"]],
    ] as const
  ).map(([survey, ages]) => ({
    survey,
    name: `Age: ${ages.join(" and ")} is 0, of which the first counts`,
    clause: "RFC 9111 §5.1",
    steps: twice([CC, "max-age=3600", ...ages.flatMap((age) => ["Age", age])], 60, "cache", {
      expect: { fields: { age: "60" } },
    }),
  })),
  {
    survey: "age-parse-dup-old",
    name: "Age: 3600 on two lines is 3600",
    clause: "RFC 9111 §5.1",
    steps: twice([CC, "max-age=10000", "Age", "3600", "Age", "3600"], 60, "cache", {
      expect: { fields: { age: "3660" } },
    }),
  },
  {
    name: "of several Age values the first counts, in one line or in two",
    clause: "RFC 9111 §5.1",
    steps: [
      ...twice([CC, "max-age=3600", "Age", "0, 7200"], 60, "cache"),
      { path: "/old", answer: [CC, "max-age=3600", "Age", "7200, 0"], from: "origin" },
      { path: "/old", from: "origin" },
      { path: "/lines", answer: [CC, "max-age=3600", "Age", "7200", "Age", "0"], from: "origin" },
      { path: "/lines", from: "origin" },
    ],
  },
];

/** RFC 9111 §3 and §5.2.2. */
export const STORING: readonly Row[] = [
  ...(
    [
      ["cc-resp-no-store-old-new", "no-store"],
      ["cc-resp-no-store-old-max-age", "no-store, max-age=0"],
    ] as const
  ).map(([survey, control]) => ({
    survey,
    name: `what is fresh is served although the origin would now say ${control}`,
    clause: "RFC 9111 §4",
    steps: [
      ...twice([CC, "max-age=10000", "Expires", "{10000}", "A", "1"], 0, "cache"),
      { after: 3, answer: [CC, control, "A", "2"], from: "cache" as const, expect: { fields: { a: "1" } } },
      { after: 3, from: "cache" as const, expect: { fields: { a: "1" } } },
    ],
  })),
  {
    survey: "status-200-must-understand",
    name: "no-store with must-understand is stored when the status is understood",
    clause: "RFC 9111 §5.2.2.3",
    steps: twice([CC, "max-age=3600, no-store, must-understand"], 60, "cache"),
  },
  {
    survey: "status-599-must-understand",
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
