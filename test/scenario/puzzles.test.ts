import { expect, it } from "vitest";
import { PUZZLES } from "../../mock-origin/puzzles.ts";
import { cli } from "../../src/cli.ts";
import { ADVICE_CODES } from "../../src/policy/advice.ts";
import { REASON_CODES } from "../../src/policy/reasons.ts";
import { startSite } from "./site.ts";

/** What `freshline explain` prints before a proxy whose admin API is on this port. */
async function explained(adminPort: number, words: readonly string[]): Promise<string[]> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await cli(["explain", ...words, `--admin-port=${adminPort}`], {
    env: {},
    directory: "/nowhere",
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    program: () => Promise.reject(new Error("nothing is to be started")),
  });
  expect([code, err]).toEqual([0, []]);
  return out;
}

it("one command names the cause of each of twenty sites that cache badly, and stores nothing", async () => {
  const site = await startSite();
  expect(PUZZLES).toHaveLength(20);
  expect(new Set(PUZZLES.map(({ cause }) => cause)).size).toBe(20);
  const named: unknown[] = [];
  for (const [i, { ask = {} }] of PUZZLES.entries()) {
    const { method, query = "", headers = [] } = ask;
    const url = `http://shop.test/puzzles/${i + 1}${query}`;
    const how = [...(method === undefined ? [] : ["-X", method]), ...headers.flatMap((one) => ["-H", one])];
    const [json = ""] = await explained(site.proxy.adminPort, [url, ...how, "--fetch", "--json"]);
    const { causes, advice } = JSON.parse(json) as { causes: string[]; advice: string[] };
    expect(advice[0], url).toMatch(/\S/);
    named.push(causes[0]);
  }
  expect(named).toEqual(PUZZLES.map(({ cause }) => cause));
  expect(site.events.filter(({ type }) => type === "stored" || type === "answered")).toEqual([]);
});

it("every cause of a puzzle is a word that the table of advice or of reasons has", () => {
  const known: readonly string[] = [...ADVICE_CODES, ...REASON_CODES];
  expect(PUZZLES.map(({ cause }) => cause).filter((cause) => !known.includes(cause))).toEqual([]);
});

it("the puzzles are listed with what has to be asked", async () => {
  const site = await startSite();
  const list = (await site.origin("/puzzles")).json<{ path: string; symptom: string }[]>();
  expect(list.map(({ path }) => path)).toContain("/puzzles/9?utm_source=mail&gclid=1");
  expect(list.every(({ symptom }) => symptom.length > 10)).toBe(true);
  expect((await site.origin("/puzzles/21")).status).toBe(404);
});

it("for people it begins with what will happen, and what to change", async () => {
  const site = await startSite();
  const lines = await explained(site.proxy.adminPort, ["http://shop.test/puzzles/4", "--fetch"]);
  expect(lines[0]).toBe("http://shop.test/puzzles/4");
  expect(lines.find((line) => line.startsWith("fetched"))).toMatch(
    /answered 200, which would not be stored: The response says private.* \(private; RFC 9111 §5\.2\.2\.7\)$/,
  );
  expect(lines.find((line) => line.startsWith("advice"))).toMatch(/what frameworks send/);
});
