import type { Row, Step } from "./exchanges.ts";

const FRESH = ["Cache-Control", "max-age=3600"];
const TAGGED = (etag: string): Step => ({ answer: [...FRESH, "ETag", etag], from: "origin" });

const known = (etag: string, condition: string, status: 200 | 304): Row => ({
  name: `If-None-Match: ${condition} on a stored ${etag} is a ${status}`,
  clause: "RFC 9110 §13.1.2, RFC 9111 §4.3.2",
  steps: [TAGGED(etag), { after: 3, ask: ["If-None-Match", condition], from: "cache", expect: { status } }],
});

/** RFC 9111 §4.3. */
export const CONDITIONAL: readonly Row[] = [
  known('"abcdef"', '"abcdef"', 304),
  known('W/"abcdef"', 'W/"abcdef"', 304),
  known('W/"abcdef"', '"abcdef"', 304),
  known('"abcdef"', '"abcdef", "1234"', 304),
  known('"abcdef"', '"1234", "abcdef", "5678"', 304),
  known('"abcdef"', '"1234", W/"abcdef"', 304),
  known('"abcdef"', "*", 304),
  known('"abcdef"', '"1234"', 200),
  known('"abc, def"', '"1234", "abc, def"', 304),
  known('"abcdef\xfc"', '"abcdef\xfc"', 304),
  {
    name: "a 304 has the ETag, the Date and the Cache-Control of what it is about",
    clause: "RFC 9110 §15.4.5",
    steps: [
      TAGGED('"abcdef"'),
      {
        after: 5,
        ask: ["If-None-Match", '"abcdef"'],
        from: "cache",
        expect: {
          status: 304,
          body: "",
          fields: { etag: '"abcdef"', "cache-control": "max-age=3600", age: "5" },
        },
      },
    ],
  },
  {
    name: "If-None-Match goes before If-Modified-Since",
    clause: "RFC 9110 §13.2.2",
    steps: [
      {
        answer: [...FRESH, "ETag", '"abcdef"', "Last-Modified", "Wed, 01 Jan 2020 00:00:00 GMT"],
        from: "origin",
      },
      {
        ask: ["If-None-Match", '"abcdef"', "If-Modified-Since", "Tue, 01 Jan 2019 00:00:00 GMT"],
        from: "cache",
        expect: { status: 304 },
      },
      {
        ask: ["If-None-Match", '"other"', "If-Modified-Since", "Fri, 01 Jan 2021 00:00:00 GMT"],
        from: "cache",
        expect: { status: 200 },
      },
    ],
  },
  ...["Wednesday, 01-Jan-20 00:00:00 GMT", "Wed Jan  1 00:00:00 2020"].map((date) => ({
    name: `If-Modified-Since: ${date} is a date like any other`,
    clause: "RFC 9110 §5.6.7",
    steps: [
      { answer: [...FRESH, "Last-Modified", "Wed, 01 Jan 2020 00:00:00 GMT"], from: "origin" },
      { ask: ["If-Modified-Since", date], from: "cache", expect: { status: 304 } },
    ] satisfies Step[],
  })),
  {
    name: "a stale response is validated with all that it has, and with the fields it varies on",
    clause: "RFC 9111 §4.3.1",
    steps: [
      {
        ask: ["Abc", "123"],
        answer: [
          "Cache-Control",
          "max-age=1",
          "ETag",
          'W/"e"',
          "Last-Modified",
          "Wed, 01 Jan 2020 00:00:00 GMT",
          "Vary",
          "Abc",
        ],
        from: "origin",
      },
      {
        after: 2,
        ask: ["Abc", "123"],
        status: 304,
        from: "validated",
        expect: {
          status: 200,
          body: "0",
          sent: {
            "if-none-match": 'W/"e"',
            "if-modified-since": "Wed, 01 Jan 2020 00:00:00 GMT",
            abc: "123",
          },
        },
      },
    ],
  },
  {
    name: "a 304 replaces stored fields, but for those of the stored content",
    clause: "RFC 9111 §3.2",
    steps: [
      {
        answer: [
          "Cache-Control",
          "max-age=1",
          "ETag",
          '"e"',
          "Foo",
          "1",
          "Bar",
          "1",
          "Content-Type",
          "text/plain",
        ],
        from: "origin",
      },
      {
        after: 2,
        status: 304,
        answer: ["Cache-Control", "max-age=100", "ETag", '"e"', "Foo", "2", "Content-Length", "999"],
        from: "validated",
        expect: { status: 200, body: "0", fields: { foo: "2", bar: "1", "content-length": "1" } },
      },
      {
        from: "cache",
        expect: { body: "0", fields: { foo: "2", "cache-control": "max-age=100" } },
      },
    ],
  },
  {
    name: "a 304 about another strong ETag updates nothing",
    clause: "RFC 9111 §4.3.4",
    steps: [
      { answer: ["Cache-Control", "max-age=1", "ETag", '"one"', "Foo", "1"], from: "origin" },
      {
        after: 2,
        status: 304,
        answer: ["ETag", '"two"', "Foo", "2"],
        from: "origin",
        expect: { status: 200, body: "1", fields: { foo: "2" }, sent: { "if-none-match": '"one"' } },
      },
    ],
  },
];
