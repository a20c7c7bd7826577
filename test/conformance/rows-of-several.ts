import type { Row, Step } from "./exchanges.ts";

const FRESH = ["Cache-Control", "max-age=100000"];
const UNSAFE = ["POST", "PUT", "DELETE", "M-SEARCH"];

/** RFC 9111 §4.4. */
export const INVALIDATION: readonly Row[] = [
  ...UNSAFE.map((method) => ({
    name: `a successful ${method} invalidates its URI`,
    clause: "RFC 9111 §4.4",
    steps: [
      { answer: FRESH, from: "origin" },
      { from: "cache" },
      { method, from: "origin" },
      { from: "origin" },
    ] satisfies Step[],
  })),
  ...UNSAFE.map((method) => ({
    name: `a failed ${method} invalidates nothing`,
    clause: "RFC 9111 §4.4",
    steps: [
      { answer: FRESH, from: "origin" },
      { method, status: 500, from: "origin" },
      { method, status: 404, from: "origin" },
      { from: "cache" },
    ] satisfies Step[],
  })),
  ...UNSAFE.flatMap((method) =>
    ["Location", "Content-Location"].map((field) => ({
      name: `a successful ${method} invalidates its ${field}`,
      clause: "RFC 9111 §4.4",
      steps: [
        { path: "/one", answer: FRESH, from: "origin" },
        { path: "/two", answer: FRESH, from: "origin" },
        { method, path: "/base", answer: [field, "/one"], status: 201, from: "origin" },
        { path: "/one", from: "origin" },
        { path: "/two", from: "cache" },
      ] satisfies Step[],
    })),
  ),
  {
    name: "a redirect after a POST invalidates too",
    clause: "RFC 9111 §4.4",
    steps: [
      { answer: FRESH, from: "origin" },
      { method: "POST", status: 303, answer: ["Location", "/elsewhere"], from: "origin" },
      { from: "origin" },
    ],
  },
  {
    name: "a Location of another origin invalidates nothing there",
    clause: "RFC 9111 §4.4",
    steps: [
      { path: "/one", answer: FRESH, from: "origin" },
      { method: "POST", path: "/base", answer: ["Location", "http://other.example/one"], from: "origin" },
      { path: "/one", from: "cache" },
    ],
  },
  {
    name: "every variant is invalidated",
    clause: "RFC 9111 §4.4",
    steps: [
      { ask: ["Foo", "1"], answer: [...FRESH, "Vary", "Foo"], from: "origin" },
      { ask: ["Foo", "2"], answer: [...FRESH, "Vary", "Foo"], from: "origin" },
      { method: "PUT", from: "origin" },
      { ask: ["Foo", "1"], answer: FRESH, from: "origin" },
      { path: "/thing", ask: ["Foo", "2"], from: "cache" },
    ],
  },
];

const varying = (
  stored: readonly string[],
  vary: readonly string[],
  asked: readonly string[],
  from: Step["from"],
): Step[] => [
  { ask: stored, answer: [...FRESH, ...vary.flatMap((value) => ["Vary", value])], from: "origin" },
  { ask: asked, from },
];

/** RFC 9111 §4.1. */
export const VARY: readonly Row[] = [
  ...[["*"], ["*, *"], ["*", "*"], [", *"], ["", "*"], ["*, Foo"], ["Foo, *"], ["Foo", "*"]].map((vary) => ({
    name: `Vary: ${vary.join(" and ")} matches nothing`,
    clause: "RFC 9111 §4.1",
    steps: varying(["Foo", "1"], vary, ["Foo", "1"], "origin"),
  })),
  {
    name: "names in Vary have no case, and their lines are one list",
    clause: "RFC 9110 §12.5.5",
    steps: [
      ...varying(["Foo", "1", "Bar", "2"], ["fOO", "BAR"], ["Bar", "2", "Foo", "1"], "cache"),
      { ask: ["Foo", "1", "Bar", "3"], from: "origin" },
    ],
  },
  {
    name: "several lines match the same members in one",
    clause: "RFC 9111 §4.1",
    steps: varying(["Foo", "1, 2"], ["Foo"], ["Foo", "1", "Foo", "2"], "cache"),
  },
  {
    name: "whitespace between members does not count",
    clause: "RFC 9111 §4.1",
    steps: varying(["Foo", "1,2"], ["Foo"], ["Foo", " 1, 2 "], "cache"),
  },
  {
    name: "the order of members counts in a field of unknown meaning",
    clause: "RFC 9111 §4.1",
    steps: varying(["Foo", "1, 2"], ["Foo"], ["Foo", "2, 1"], "origin"),
  },
  ...["de, en", "eN, De", " en ,   de", "en;q=1, de;q=1.0"].map((value) => ({
    name: `Accept-Language: ${value} prefers what en, de does`,
    clause: "RFC 9111 §4.1, RFC 9110 §12.5.4",
    steps: varying(["Accept-Language", "en, de"], ["Accept-Language"], ["Accept-Language", value], "cache"),
  })),
  {
    name: "another preference of languages is another variant",
    clause: "RFC 9110 §12.5.4",
    steps: varying(
      ["Accept-Language", "en, de"],
      ["Accept-Language"],
      ["Accept-Language", "en, de;q=0.5"],
      "origin",
    ),
  },
  {
    name: "an absent field is not an empty one's match, either way",
    clause: "RFC 9111 §4.1",
    steps: [
      ...varying([], ["Foo"], ["Foo", "1"], "origin"),
      { path: "/other", ask: ["Foo", "1"], answer: [...FRESH, "Vary", "Foo"], from: "origin" },
      { path: "/other", from: "origin" },
    ],
  },
  {
    name: "two variants are kept beside each other",
    clause: "RFC 9111 §4.1",
    steps: [
      ...varying(["Foo", "1"], ["Foo"], ["Foo", "1"], "cache"),
      { ask: ["Foo", "2"], answer: [...FRESH, "Vary", "Foo"], from: "origin" },
      { ask: ["Foo", "1"], from: "cache", expect: { body: "0" } },
      { ask: ["Foo", "2"], from: "cache", expect: { body: "2" } },
    ],
  },
];

/** RFC 5861, and RFC 9111 §4.2.4. */
export const STALE: readonly Row[] = [
  {
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
      { answer: ["Cache-Control", "max-age=1, stale-while-revalidate=4"], from: "origin" },
      { after: 5, from: "origin" },
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
    name: `${directive} serves nothing stale when the origin hangs up`,
    clause: "RFC 9111 §4.2.4",
    steps: [
      { answer: ["Cache-Control", `max-age=2, ${directive}`, "ETag", '"e"'], from: "origin" },
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
