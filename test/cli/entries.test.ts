import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished, vi } from "vitest";
import type { ShownEntries, ShownEntry } from "../../src/admin/answers.ts";
import { freshline } from "./in-process.ts";

const anEntry = (changes: Partial<ShownEntry> = {}): ShownEntry => ({
  url: "http://shop.example/a",
  selecting: {},
  status: 200,
  size: 2048,
  stored_at: 0,
  age: 75,
  state: "fresh",
  purged: false,
  fresh_until: null,
  refreshing_until: null,
  usable_on_error_until: null,
  kept_until: null,
  tags: 0,
  ...changes,
});

/** Something that answers with these pages in turn; what it was asked for. */
async function pages(...answers: readonly (Partial<ShownEntries> | number)[]) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const answer = answers[asked.length] ?? 500;
    asked.push(decodeURIComponent(request.url ?? ""));
    if (typeof answer === "number") response.writeHead(answer).end();
    else
      response.end(
        JSON.stringify({
          tier: "memory",
          tiers: ["memory"],
          entries: [],
          looked_at: 1,
          cursor: null,
          ...answer,
        }),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const env = { ADMIN_PORT: String((server.address() as AddressInfo).port), ADMIN_HOST: "127.0.0.1" };
  return { asked, run: (...words: string[]) => freshline(["entries", ...words], env) };
}

it("freshline entries goes on until it has as many as were asked for", async () => {
  const entries = Array.from({ length: 200 }, (_, i) => anEntry({ url: `http://shop.example/${i}` }));
  const { asked, run } = await pages(
    { entries, cursor: "a" },
    { cursor: "b" },
    { entries: entries.slice(0, 50), cursor: "c" },
  );
  const { code, out, err } = await run("/x y", "--limit", "250", "--tier", "memory", "--json");
  expect({ code, err }).toEqual({ code: 0, err: [] });
  expect(JSON.parse(out.join("\n"))).toMatchObject({ cursor: "c", looked_at: 3, entries: { length: 250 } });
  expect(asked).toEqual([
    "/entries?match=/x+y&cursor=&limit=200&tier=memory",
    "/entries?match=/x+y&cursor=a&limit=50&tier=memory",
    "/entries?match=/x+y&cursor=b&limit=50&tier=memory",
  ]);
});

it("freshline entries says what may be done with each, and for how long", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  const in90s = Date.now() + 90_999;
  const { run } = await pages({
    entries: [
      anEntry({ fresh_until: in90s, tags: 2 }),
      anEntry({
        state: "on-error",
        purged: true,
        usable_on_error_until: in90s,
        selecting: { "accept-language": null },
      }),
      anEntry({
        state: "kept",
        kept_until: Date.now() - 5000,
        worker: 2,
        url: "http://shop.example/\x1b[2J",
      }),
    ],
    cursor: "more",
  });
  const { out } = await run("--limit", "3");
  expect(out).toEqual([
    "state                   left         age  status      size  tags  URL",
    "fresh             1 min 30 s  1 min 15 s     200  2.00 KiB     2  http://shop.example/a",
    "on-error, purged  1 min 30 s  1 min 15 s     200  2.00 KiB     0  http://shop.example/a  (accept-language: (absent))",
    "kept                     0 s  1 min 15 s     200  2.00 KiB     0  http://shop.example/\\x1b[2J  (worker 2)",
    "",
    "3 entries in memory; there are more: --limit",
  ]);
});

it("freshline entries shows no more than were asked for, whatever a page brings", async () => {
  const { run } = await pages({ tier: "redis", entries: [anEntry(), anEntry(), anEntry()] });
  const { out } = await run("--limit", "2");
  expect(out.filter((line) => line.startsWith("fresh"))).toHaveLength(2);
  expect(out.at(-1)).toBe("2 entries in redis; there are more: --limit");
});

it("freshline entries tells that there are none, and that nobody answers as it should", async () => {
  expect(await (await pages({})).run()).toEqual({ code: 0, out: ["0 entries in memory"], err: [] });
  const { code, err } = await (await pages(404)).run();
  expect([code, err.length]).toEqual([1, 1]);
});

it.each([
  [["a", "b"], "freshline entries takes one part of a URL, such as /data"],
  [["--tier", "disk"], "--tier is memory or redis, not disk"],
  [["--limit", "0"], "--limit is a whole number from 1 to 10000, not 0"],
  [["--limit", "10001"], "--limit is a whole number from 1 to 10000, not 10001"],
  [["--tier"], "--tier needs a value"],
])("freshline entries %j is a mistake", async (words, sentence) => {
  const { code, err } = await freshline(["entries", ...words], {});
  expect({ code, err }).toEqual({ code: 2, err: [`freshline: ${sentence}; see freshline --help`] });
});
