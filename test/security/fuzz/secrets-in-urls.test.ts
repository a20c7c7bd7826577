import fc from "fast-check";
import { expect } from "vitest";
import { redactUrl, shownUri } from "../../../src/observe/redact.ts";
import { fuzz } from "./harness.ts";

const CANARY = "hunter2canary";
/** ASCII, byte by byte, so often. */
const encoded = (text: string, times: number): string =>
  times === 0
    ? text
    : encoded(
        [...text].map((char) => (/\w/.test(char) ? char : `%${char.charCodeAt(0).toString(16)}`)).join(""),
        times - 1,
      );

const name = fc.constantFrom(
  "token",
  "access_token",
  "API-Key",
  "x-amz-signature",
  "pass%77ord",
  "sid",
  "%63ode",
  "auth[token]",
);
const plain = fc.constantFrom(
  "q=a",
  "page=2",
  "a",
  "=",
  "b=c=d",
  "x=%26",
  "q=%zz",
  "\xe9=1",
  "e=a@b",
  "?",
  "u=http://b/?c=d",
);
const secret = fc.oneof(
  name.map((one) => `${one}=${CANARY}`),
  fc.tuple(name, fc.constantFrom("?", "/", "=", "%", "@")).map(([one, char]) => `${one}=${CANARY}${char}x`),
  fc
    .tuple(name, fc.constantFrom("?", "??", "/", "=", "%", "@", "?a="))
    .map(([one, start]) => `${one}=${start}${CANARY}`),
  // A URL in a URL.
  fc
    .tuple(name, fc.integer({ min: 1, max: 2 }))
    .map(([one, times]) => `next=${encoded(`http://b/?${one}=${CANARY}`, times)}`),
);
const targets = fc
  .record({
    path: fc.constantFrom("/", "/a", "/a%3Fb", "/a;b=c", "//", "/@"),
    mark: fc.constantFrom("?", "#", ";", "?a=1#"),
    before: fc.array(plain, { maxLength: 2 }),
    secret,
    behind: fc.array(plain, { maxLength: 2 }),
  })
  .map(({ path, mark, before, secret, behind }) => {
    const between = mark === ";" ? ";" : "&";
    return (
      path +
      mark +
      [
        ...before.filter((one) => mark !== ";" || !/[?#]/.test(one)),
        mark === ";" ? secret.replaceAll("?", "/") : secret,
        ...behind,
      ].join(between)
    );
  });
const prefix = fc.constantFrom(
  "",
  "http://a.example",
  "https://a:1",
  "http://[::1]",
  `http://user:${CANARY}@a`,
  `http://${CANARY}@a:2`,
  "//a",
  "HTTP://A",
);

fuzz("no secret of a URL is written down, wherever it is in it", {
  corpus: "secrets-in-urls",
  inputs: fc.tuple(prefix, targets),
  runs: 2500,
  holds: ([before, target]) => {
    for (const shown of [shownUri(before + target), shownUri(target)])
      expect(`${shown.host}${shown.path}`).not.toContain(CANARY);
    expect(redactUrl(before + target)).not.toContain(CANARY);
  },
});

fuzz("what has no secret in it is written down as it came", {
  corpus: "plain-urls",
  inputs: fc.tuple(
    fc.constantFrom("/", "/a", "/keys/token"),
    fc.array(plain, { maxLength: 4 }),
    fc.constantFrom("?", "#", ""),
  ),
  runs: 3000,
  holds: ([path, pairs, mark]) => {
    const target = mark === "" ? path : `${path}${mark}${pairs.join("&")}`;
    expect(shownUri(target)).toEqual({ host: undefined, path: target });
    expect(shownUri(`http://a.example:8080${target}`)).toEqual({ host: "a.example:8080", path: target });
  },
});
