import type { Row, Step } from "./exchanges.ts";

/** RFC 5861, and RFC 9111 §4.2.4. */
export const STALE: readonly Row[] = [
  {
    survey: "stale-while-revalidate",
    name: "stale-while-revalidate serves and asks behind the client's back",
    clause: "RFC 5861 §3",
    steps: [
      {
        answer: ["Cache-Control", "max-age=1, stale-while-revalidate=3600", "ETag", '"abc"'],
        from: "origin",
      },
      {
        after: 3,
        status: 304,
        inTheBackground: true,
        from: "cache",
        expect: { sent: { "if-none-match": '"abc"' } },
      },
    ],
  },
  {
    name: "nothing is served after the stale-while-revalidate window",
    clause: "RFC 5861 §3",
    steps: [
      { answer: ["Cache-Control", "max-age=1, stale-while-revalidate=4", "ETag", '"abc"'], from: "origin" },
      { after: 5, from: "origin", expect: { sent: { "if-none-match": '"abc"' } } },
    ],
  },
  {
    survey: "stale-while-revalidate-window",
    name: "what a refresh brought decides what is served after the window",
    clause: "RFC 5861 §3",
    steps: [
      { answer: ["Cache-Control", "max-age=1, stale-while-revalidate=4", "ETag", '"abc"'], from: "origin" },
      {
        after: 3,
        answer: ["Cache-Control", "no-cache", "ETag", '"def"'],
        inTheBackground: true,
        from: "cache",
      },
      { after: 3, from: "origin", expect: { sent: { "if-none-match": '"def"' } } },
    ],
  },
  ...(["hangs up", 503] as const).map((failure) => ({
    name: `stale-if-error serves when the origin ${failure === 503 ? "says 503" : failure}`,
    clause: "RFC 5861 §4",
    steps: [
      { answer: ["Cache-Control", "max-age=2, stale-if-error=60"], from: "origin" },
      {
        after: 30,
        ...(failure === 503 ? { status: failure } : { hangsUp: true as const }),
        from: "validated",
        expect: { status: 200, body: "0" },
      },
    ] satisfies Step[],
  })),
  ...["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=2"].map((directive) => ({
    survey: `stale-close-${directive}`,
    name: `${directive} serves nothing stale when the origin hangs up`,
    clause: "RFC 9111 §4.2.4",
    steps: [
      { answer: ["Cache-Control", `max-age=2, ${directive}`], from: "origin" },
      { after: 3, hangsUp: true, from: "nowhere", expect: { status: 502 } },
    ] satisfies Step[],
  })),
  {
    name: "Warning is neither made nor kept",
    clause: "RFC 9111 §5.5",
    steps: [
      { answer: ["Cache-Control", "max-age=2, stale-if-error=60", "Warning", '199 - "x"'], from: "origin" },
      { after: 3, hangsUp: true, from: "validated", expect: { fields: { warning: null } } },
    ],
  },
];
