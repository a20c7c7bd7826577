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
    survey: "vary-2-match-omit",
    name: "a request that omits both selecting fields does not match one that has them",
    clause: "RFC 9111 §4.1",
    steps: varying(["Foo", "1", "Bar", "abc"], ["Foo, Bar"], [], "origin"),
  },
  {
    survey: "vary-3-order",
    name: "another value does not match, in whatever order the fields come",
    clause: "RFC 9111 §4.1",
    steps: varying(
      ["Foo", "1", "Bar", "abc", "Baz", "789"],
      ["Foo, Bar, Baz"],
      ["Foo", "1", "Baz", "789", "Bar", "abcde"],
      "origin",
    ),
  },
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
