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

const fromPart = (value: string, body: string, contentRange: string): Row => ({
  name: `${value} is answered from a stored part`,
  clause: "RFC 9111 §3.3",
  steps: [
    PART,
    {
      ask: ["Range", value],
      from: "cache",
      expect: { status: 206, body, fields: { "content-range": contentRange } },
    },
  ],
});

/** RFC 9110 §14, RFC 9111 §3.3 and §3.4. */
export const PARTIAL: readonly Row[] = [
  range("bytes=0-1", 206, "01", "bytes 0-1/11"),
  range("bytes=1-", 206, "123456789A", "bytes 1-10/11"),
  range("bytes=-1", 206, "A", "bytes 10-10/11"),
  range("bytes=-100", 206, DIGITS, "bytes 0-10/11"),
  range("bytes=9-100", 206, "9A", "bytes 9-10/11"),
  fromPart("bytes=-5", "56789", "bytes 5-9/10"),
  fromPart("bytes=6-8", "678", "bytes 6-8/10"),
  fromPart("bytes=6-", "6789", "bytes 6-9/10"),
  fromPart("bytes=-1", "9", "bytes 9-9/10"),
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
