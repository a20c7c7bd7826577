import fc from "fast-check";
import { expect } from "vitest";
import { anApi } from "../../admin/an-api.ts";
import { fuzz } from "./harness.ts";

const ROUTES = [
  ["POST", "/purge"],
  ["POST", "/warm"],
  ["POST", "/origins"],
  ["POST", "/origins/drain"],
] as const;

/** Words that mean something there, so that not everything is refused at the first of them. */
const word = fc.constantFrom(
  ...["urls", "targets", "mode", "url", "prefix", "host", "tag", "everything", "concurrency", "origin"],
  ...["delete", "invalidate", "refresh", "http://a.example/a", "a.example/b*", "//", "", "a".repeat(9000)],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "http://[::1",
    "http://u:p@a/",
    "\0",
    "\ud800",
    "/\ud800",
    "é",
    "*",
  ],
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(word, fc.jsonValue(), fc.constantFrom(true, 0, -1, 1e300, null)),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(word, tie("value"), { maxKeys: 4 }),
  ),
}));
/** Nearly what is asked for. */
const request = fc.record(
  {
    urls: fc.array(word, { maxLength: 3 }),
    targets: fc.array(
      fc
        .tuple(fc.constantFrom("url", "prefix", "host", "tag", "everything"), fc.oneof(word, fc.boolean()))
        .map(([type, of]) => ({ [type]: of })),
      { maxLength: 3 },
    ),
    mode: fc.constantFrom("delete", "invalidate", "refresh", "DELETE"),
    concurrency: fc.constantFrom(1, 0, 1.5, "2"),
    origin: word,
  },
  { requiredKeys: [] },
);
const text = fc.oneof(
  request.map((json) => JSON.stringify(json)),
  value.map((json) => JSON.stringify(json)),
  fc.string({ unit: "binary" }),
  // Good JSON with something amiss.
  fc.tuple(value, fc.nat(), fc.constantFrom("", "{", '"', ",", "\\u", "\0")).map(([json, at, damage]) => {
    const whole = JSON.stringify(json);
    const place = at % (whole.length + 1);
    return whole.slice(0, place) + damage + whole.slice(place + 1);
  }),
);

/** It is done, or refused with a sentence; never half of it, and nothing goes wrong inside. */
async function withstands(method: string, path: string, body: string): Promise<void> {
  const { app, purged, warmed, reported } = anApi();
  const response = await app.request(`http://localhost${path}`, {
    method,
    body,
    headers: { Host: "localhost" },
  });
  const said = (await response.json()) as { code?: unknown; detail?: unknown };
  expect(reported).toEqual([]);
  const isDone = response.status >= 200 && response.status < 300;
  if (!isDone) {
    expect(response.status).toBeOneOf([400, 413, 415]);
    expect([typeof said.code, typeof said.detail]).toEqual(["string", "string"]);
  }
  expect(purged.length + warmed.length).toBe(isDone && (path === "/purge" || path === "/warm") ? 1 : 0);
  for (const target of purged.flat()) {
    expect(target.type).toBeOneOf(["url", "path", "prefix", "site", "tag", "everything"]);
    // Nothing but a true purges everything.
    if (target.type === "everything") expect(body).toMatch(/: *true/);
  }
  for (const url of warmed.flat()) expect(URL.canParse(url, "http://a.example")).toBe(true);
}

fuzz("whatever is sent to the admin API is done, or refused with a sentence", {
  corpus: "admin",
  inputs: text,
  runs: 100,
  holds: async (body) => {
    for (const [method, path] of ROUTES) await withstands(method, path, body);
  },
});
