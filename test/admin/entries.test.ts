import { expect, it } from "vitest";
import type { AskedForEntries } from "../../src/admin/entries.ts";
import { StoreError } from "../../src/cache/ports/store.ts";
import { until } from "../until.ts";
import { anApi } from "./an-api.ts";

const EMPTY = { tier: "memory", tiers: ["memory"], entries: [], looked_at: 0, cursor: null } as const;

/** What GET /entries hands on of what it is asked. */
async function handedOn(query: string) {
  const asked: AskedForEntries[] = [];
  const { app } = anApi({
    entries: async (one) => {
      asked.push(one);
      return EMPTY;
    },
  });
  const response = await app.request(`/entries${query}`);
  return { status: response.status, problem: ((await response.json()) as { detail?: string }).detail, asked };
}

it("GET /entries hands on what is asked, and what is usual where nothing is", async () => {
  expect((await handedOn("")).asked).toEqual([{ match: "", limit: 50, cursor: "" }]);
  const full = "?tier=redis&match=a%26b%20%C3%BC&limit=200&cursor=w2_0-17";
  expect((await handedOn(full)).asked).toEqual([
    { tier: "redis", match: "a&b ü", limit: 200, cursor: "w2_0-17" },
  ]);
});

it.each([
  ["?limit=0", "limit is a whole number from 1 to 200"],
  ["?limit=201", "limit is a whole number from 1 to 200"],
  ["?limit=", "limit is a whole number from 1 to 200"],
  ["?limit=1e1", "limit is a whole number from 1 to 200"],
  ["?tier=disk", "tier is memory or redis"],
  [`?match=${"a".repeat(2049)}`, "match has at most 2048 characters"],
  ["?cursor=%0d%0a", "the cursor is none that a page has named"],
  [`?cursor=${"1".repeat(65)}`, "the cursor is none that a page has named"],
  ["?url=x", 'unknown parameter "url"'],
])("GET /entries%s is refused", async (query, problem) => {
  expect(await handedOn(query)).toEqual({ status: 400, problem, asked: [] });
});

it("a problem of the list is one of the request, and a store that is away is told as that", async () => {
  const { app } = anApi({ entries: async () => ({ problem: "nothing is stored in redis here" }) });
  const refused = await app.request("/entries?tier=redis");
  expect([refused.status, await refused.json()]).toEqual([
    400,
    expect.objectContaining({ code: "bad_request", detail: "nothing is stored in redis here" }),
  ]);
  const away = await anApi({
    entries: () => Promise.reject(new StoreError("timeout", "Redis is slow")),
  }).app.request("/entries");
  expect([away.status, ((await away.json()) as { code: string }).code]).toEqual([503, "store_unavailable"]);
});

it("no more than four lists are made at once, and those that failed count no longer", async () => {
  const ends: ((page: typeof EMPTY) => void)[] = [];
  let failing = true;
  const { app } = anApi({
    entries: () => (failing ? Promise.reject(new Error("a defect")) : new Promise((end) => ends.push(end))),
  });
  for (let i = 0; i < 5; i++) expect((await app.request("/entries")).status).toBe(500);
  failing = false;
  const four = Array.from({ length: 4 }, () => app.request("/entries"));
  const fifth = await app.request("/entries");
  expect([fifth.status, ((await fifth.json()) as { code: string }).code]).toEqual([503, "too_many_readers"]);
  for (const end of ends) end(EMPTY);
  expect((await Promise.all(four)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  const after = app.request("/entries");
  await until("it is made", () => ends.length === 5);
  ends.at(-1)?.(EMPTY);
  expect((await after).status).toBe(200);
});
