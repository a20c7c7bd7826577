import type { Row, Step } from "./exchanges.ts";

const DIGITS = "0123456789A";
const FRESH = ["Cache-Control", "max-age=3600"];
const WHOLE: Step = { answer: [...FRESH, "ETag", '"e1"'], body: DIGITS, from: "origin" };

const range = (value: string, status: number, body: string, contentRange: string): Row => ({
  name: `${value} of a complete response is answered by the cache`,
  clause: "RFC 9110 §14.2, RFC 9111 §3.3",
  steps: [
    WHOLE,
    {
      ask: ["Range", value],
      from: "cache",
      expect: { status, body, fields: { "content-range": contentRange, etag: '"e1"' } },
    },
  ],
});

/** The last five of ten bytes, as the origin gives them. */
const PART: Step = {
  ask: ["Range", "bytes=-5"],
  status: 206,
  answer: [...FRESH, "Content-Range", "bytes 5-9/10", "ETag", '"e1"'],
  body: "56789",
  from: "origin",
};

/** RFC 9110 §14, RFC 9111 §3.3 and §3.4. */
export const PARTIAL: readonly Row[] = [
  range("bytes=0-1", 206, "01", "bytes 0-1/11"),
  range("bytes=1-", 206, "123456789A", "bytes 1-10/11"),
  range("bytes=-1", 206, "A", "bytes 10-10/11"),
  range("bytes=-100", 206, DIGITS, "bytes 0-10/11"),
  range("bytes=9-100", 206, "9A", "bytes 9-10/11"),
  {
    name: "a range behind the end is answered by the cache with the length",
    clause: "RFC 9110 §15.5.17",
    steps: [
      WHOLE,
      {
        ask: ["Range", "bytes=11-"],
        from: "nowhere",
        expect: { status: 416, fields: { "content-range": "bytes */11" } },
      },
    ],
  },
  ...["lines=0-1", "bytes=", "bytes=5-1", "bytes=a-b"].map((value) => ({
    name: `Range: ${value} asks for nothing in particular`,
    clause: "RFC 9110 §14.2",
    steps: [
      WHOLE,
      { ask: ["Range", value], from: "cache", expect: { status: 200, body: DIGITS } },
    ] satisfies Step[],
  })),
  {
    name: "If-Range with the stored strong ETag gives the part, with another the whole",
    clause: "RFC 9110 §13.1.5",
    steps: [
      WHOLE,
      { ask: ["Range", "bytes=0-1", "If-Range", '"e1"'], from: "cache", expect: { status: 206, body: "01" } },
      {
        ask: ["Range", "bytes=0-1", "If-Range", '"e2"'],
        from: "cache",
        expect: { status: 200, body: DIGITS },
      },
      { ask: ["Range", "bytes=0-1", "If-Range", 'W/"e1"'], from: "cache", expect: { status: 200 } },
    ],
  },
  {
    name: "fields that the part's answer does not have come from the stored response",
    clause: "RFC 9111 §3.4",
    steps: [
      { ...WHOLE, answer: [...FRESH, "A", "1"] },
      {
        ask: ["Range", "bytes=0-1"],
        answer: ["A", "2"],
        from: "cache",
        expect: { status: 206, fields: { a: "1" } },
      },
    ],
  },
  {
    name: "a stored part is not the whole",
    clause: "RFC 9111 §3.3",
    steps: [
      PART,
      { answer: FRESH, body: "0123456789", from: "origin", expect: { status: 200, body: "0123456789" } },
    ],
  },
  {
    name: "what is not in a stored part comes from the origin",
    clause: "RFC 9111 §3.3",
    steps: [
      PART,
      {
        ask: ["Range", "bytes=0-1"],
        status: 206,
        answer: [...FRESH, "Content-Range", "bytes 0-1/10", "ETag", '"e1"'],
        body: "01",
        from: "origin",
        expect: { status: 206, body: "01", sent: { range: "bytes=0-1" } },
      },
    ],
  },
];

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
