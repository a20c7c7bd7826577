import { type Row, twice } from "./exchanges.ts";

const CDN = "CDN-Cache-Control";
const CC = "Cache-Control";

/** RFC 9213, with CDN-Cache-Control as the target. */
export const TARGETED: readonly Row[] = [
  {
    survey: "cdn-max-age",
    name: "a targeted max-age makes a response fresh that says nothing else",
    clause: "RFC 9213 §2.1",
    steps: twice([CDN, "max-age=3600"], 3599, "cache"),
  },
  {
    name: "a targeted max-age ends when it says",
    clause: "RFC 9213 §2.1",
    steps: twice([CDN, "max-age=3600"], 3600, "origin"),
  },
  {
    survey: "cdn-max-age-0",
    name: "a targeted max-age of 0 is never fresh",
    clause: "RFC 9213 §2.1",
    steps: twice([CDN, "max-age=0"], 0, "origin"),
  },
  ...[
    ["cdn-max-age-max", "2147483648"],
    ["cdn-max-age-max-plus", "99999999999"],
  ].map(([survey = "", seconds]) => ({
    survey,
    name: `a targeted max-age of ${seconds} is a long one`,
    clause: "RFC 9111 §1.2.2",
    steps: twice([CDN, `max-age=${seconds}`], 86_400, "cache"),
  })),
  {
    survey: "cdn-max-age-age",
    name: "Age counts against a targeted max-age",
    clause: "RFC 9111 §4.2.3",
    steps: twice([CDN, "max-age=3600", "Age", "7200"], 0, "origin"),
  },
  ...["max-age =100", "max-age= 100", "MaX-aGe=100", "max-age=100, &&&&&", "max-age=100,"].map((value) => ({
    name: `${value} is no dictionary, so that Cache-Control decides`,
    clause: "RFC 9213 §2.1, RFC 9651 §4.2.2",
    steps: [...twice([CDN, value, CC, "max-age=5"], 4, "cache"), { after: 1, from: "origin" as const }],
  })),
  {
    survey: "cdn-cc-invalid-sh-type-unknown",
    name: "what is no dictionary does not go before no-store",
    clause: "RFC 9213 §2.1",
    steps: twice([CDN, "max-age=10000, &&&&&", CC, "no-store"], 0, "origin"),
  },
  {
    survey: "cdn-cc-invalid-sh-type-wrong",
    name: "a targeted max-age that is a string gives no freshness, and Cache-Control none either",
    clause: "RFC 9213 §2.1",
    steps: twice([CDN, 'max-age="10000"', CC, "no-store"], 0, "origin"),
  },
  {
    survey: "cdn-max-age-extension",
    name: "an unknown targeted directive changes nothing",
    clause: "RFC 9111 §5.2.3",
    steps: twice([CDN, "foobar, max-age=3600"], 60, "cache"),
  },
  ...[
    ["cdn-max-age-expires", "{-10000}"],
    ["cdn-max-age-cc-max-age-invalid-expires", "0"],
  ].map(([survey = "", expires = ""]) => ({
    survey,
    name: `a targeted max-age goes before Expires: ${expires}`,
    clause: "RFC 9213 §2.2",
    steps: twice([CDN, "max-age=3600", "Expires", expires], 60, "cache"),
  })),
  {
    survey: "cdn-max-age-0-expires",
    name: "a targeted max-age=0 goes before a future Expires",
    clause: "RFC 9213 §2.2",
    steps: twice([CDN, "max-age=0", "Expires", "{10000}"], 0, "origin"),
  },
  {
    survey: "cdn-max-age-short-cc-max-age",
    name: "a long targeted max-age goes before a short one",
    clause: "RFC 9213 §2.2",
    steps: twice([CDN, "max-age=3600", CC, "max-age=1"], 60, "cache"),
  },
  {
    survey: "cdn-max-age-long-cc-max-age",
    name: "a short targeted max-age goes before a long one",
    clause: "RFC 9213 §2.2",
    steps: twice([CDN, "max-age=1", CC, "max-age=3600"], 3, "origin"),
  },
  ...[
    ["cdn-private", "private"],
    ["cdn-no-cache", "no-cache"],
    ["cdn-no-store-cc-fresh", "no-store"],
  ].map(([survey = "", directive = ""]) => ({
    survey,
    name: `a targeted ${directive} goes before everything fresh, and is passed on`,
    clause: "RFC 9213 §2.2, §2.1",
    steps: twice([CDN, directive, CC, "max-age=10000", "Expires", "{10000}"], 0, "origin", {
      first: { fields: { "cdn-cache-control": directive, "cache-control": "max-age=10000" } },
    }),
  })),
  {
    survey: "cdn-fresh-cc-nostore",
    name: "a targeted max-age goes before no-store",
    clause: "RFC 9213 §2.2",
    steps: twice([CDN, "max-age=10000", CC, "no-store"], 60, "cache"),
  },
  {
    name: "what a targeted field kept is as old as it is, with its Date, Expires and Cache-Control",
    clause: "RFC 9111 §5.1, RFC 9110 §6.6.1",
    steps: twice(
      [CDN, "max-age=10000", CC, "max-age=1", "Expires", "Fri, 01 Jan 2038 01:01:01 GMT"],
      7,
      "cache",
      {
        expect: {
          fields: {
            age: "7",
            date: "{-7}",
            expires: "Fri, 01 Jan 2038 01:01:01 GMT",
            "cache-control": "max-age=1",
          },
        },
      },
    ),
  },
];
