import type { Row } from "./exchanges.ts";

const FRESH = ["Cache-Control", "max-age=100000"];
const HINT = "</styles.css>; rel=preload; as=style";
const HINTED = { "hint-only": null, link: null };

/** RFC 9110 §15.2. */
export const INTERIM: readonly Row[] = [
  {
    survey: "interim-102",
    name: "a 102 is passed on, and the answer behind it is stored",
    clause: "RFC 9110 §15.2",
    steps: [
      { interim: [[102, []]], answer: FRESH, from: "origin", expect: { status: 200, interim: [[102, {}]] } },
      { after: 3, from: "cache" },
    ],
  },
  {
    survey: "interim-103",
    name: "a 103 is passed on with its fields, and the answer behind it is stored",
    clause: "RFC 9110 §15.2, RFC 8297 §2",
    steps: [
      {
        interim: [[103, ["Link", HINT, "Hint-Only", "1"]]],
        answer: FRESH,
        from: "origin",
        expect: { status: 200, interim: [[103, { link: HINT, "hint-only": "1" }]] },
      },
      { after: 3, from: "cache" },
    ],
  },
  {
    survey: "interim-not-cached",
    name: "a 103 does not come again from the cache",
    clause: "RFC 9111 §3",
    steps: [
      {
        interim: [[103, ["Link", HINT]]],
        answer: FRESH,
        from: "origin",
        expect: { interim: [[103, { link: HINT }]] },
      },
      { after: 3, from: "cache", expect: { status: 200, interim: [] } },
    ],
  },
  {
    survey: "interim-no-header-reuse",
    name: "a 103 leaves no field in the answer",
    clause: "RFC 9110 §15.2",
    steps: [
      {
        interim: [[103, ["Link", HINT, "Hint-Only", "1"]]],
        answer: FRESH,
        from: "origin",
        expect: { status: 200, interim: [[103, { "hint-only": "1" }]], fields: HINTED },
      },
      { after: 60, from: "cache", expect: { status: 200, fields: HINTED } },
    ],
  },
  {
    name: "several interim responses come in their order",
    clause: "RFC 9110 §15.2",
    steps: [
      {
        interim: [
          [103, ["Link", HINT]],
          [102, []],
          [103, ["Link", HINT]],
        ],
        answer: FRESH,
        from: "origin",
        expect: {
          interim: [
            [103, {}],
            [102, {}],
            [103, {}],
          ],
        },
      },
    ],
  },
];
