import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startOrigin } from "../scenario/own-origin.ts";
import { startSite } from "../scenario/site.ts";
import { emptyDirectory, freshline } from "./in-process.ts";

/** A folder with this .env. */
function withDotenv(text: string): string {
  const directory = emptyDirectory();
  writeFileSync(join(directory, ".env"), text);
  return directory;
}

/** What answers on the admin port, whatever is asked. */
async function answering(body: string, type = "application/json") {
  const { url } = await startOrigin((_, response) => response.setHeader("Content-Type", type).end(body));
  const { port, host } = new URL(url);
  return {
    env: { ADMIN_PORT: port },
    stranger: `freshline: what answers at http://${host} is not Freshline`,
  };
}

describe("a command that asks a running proxy", () => {
  it.each([
    ["purge", "--everything"],
    ["explain", "/data?id=1"],
    ["origins"],
    ["stats"],
    ["health"],
    ["top", "--once"],
    ["reload"],
  ])(
    "goes on over settings that it does not need, and tells what is wrong with them: %s",
    async (...argv) => {
      const site = await startSite();
      const directory = withDotenv(`ADMIN_PORT=${site.proxy.adminPort}\nORIGINS=nonsense\nCACHE_KEEP=soon\n`);
      const { code, err } = await freshline(argv, { TLS_KEY: "/nowhere.key" }, directory);
      expect(err).toEqual([
        expect.stringMatching(/^freshline: ORIGINS: "nonsense" /),
        expect.stringMatching(/^freshline: CACHE_KEEP: "soon" .*; this command goes on without it$/),
        expect.stringMatching(/^freshline: TLS_CERT: is empty /),
      ]);
      expect(code).toBe(0);
    },
  );

  it("goes on where .env cannot be read", async () => {
    const site = await startSite();
    const directory = emptyDirectory();
    mkdirSync(join(directory, ".env"));
    const { code, err } = await freshline(["stats"], { ADMIN_PORT: String(site.proxy.adminPort) }, directory);
    expect([code, err]).toEqual([0, [expect.stringMatching(/^freshline: cannot read \.env: .*goes on/)]]);
  });

  it("is stopped by one that it needs, by a flag, and a proxy by all", async () => {
    const stopped = async (argv: readonly string[], dotenv: string) => {
      const { code, err } = await freshline(argv, {}, withDotenv(`ADMIN_PORT=1\n${dotenv}`));
      return code === 1 && err.some((line) => / settings? (is|are) wrong:$/.test(line));
    };
    expect(await stopped(["stats"], "ADMIN_PORT=abc")).toBe(true);
    expect(await stopped(["stats", "--cache-keep", "soon"], "")).toBe(true);
    expect(await stopped(["stats"], "CACHE_KEEP=soon")).toBe(false);
    expect(await stopped(["config"], "CACHE_KEEP=soon")).toBe(true);
    expect(await stopped([], "ORIGINS=http://a\nCACHE_KEEP=soon")).toBe(true);
  });
});

describe("freshline reload", () => {
  it("says that nothing has changed where nothing has", async () => {
    const site = await startSite();
    const env = { ADMIN_PORT: String(site.proxy.adminPort) };
    expect(await freshline(["reload"], env)).toEqual({
      code: 0,
      out: ["nothing has changed: every setting is written as it was"],
      err: [],
    });
  });

  it("says as JSON what went wrong, with --json", async () => {
    const { code, out, err } = await freshline(["reload", "--json"], { ADMIN_PORT: "1" });
    expect([code, err]).toEqual([1, []]);
    expect(JSON.parse(out.join(""))).toEqual({
      errors: [expect.stringMatching(/^no proxy answers at http:\/\/127\.0\.0\.1:1: /)],
    });
    const { env } = await answering("[]");
    const foreign = await freshline(["reload", "--json"], env);
    expect([foreign.code, JSON.parse(foreign.out.join(""))]).toEqual([
      1,
      { errors: [`what answers at http://127.0.0.1:${env.ADMIN_PORT} is not Freshline`] },
    ]);
  });
});

const EMPTY_ANSWERS = ["[]", "{}", "null", "17", '"x"', "<html>"];
const TOP = { since: 1, hot: [], missing: [], reasons: [], origins: [] };

describe("JSON of another program on the admin port", () => {
  it.each(
    ["top", "hist", "stat"].flatMap((command) => EMPTY_ANSWERS.map((body) => [command, body] as const)),
  )("is told as that by freshline %s: %s", async (command, body) => {
    const { env, stranger } = await answering(body);
    for (const more of [[], ["--json"]]) {
      expect(await freshline([command, "--once", ...more], env)).toEqual({
        code: 1,
        out: [],
        err: [stranger],
      });
    }
  });

  it.each([
    ["top", { ...TOP, hot: [null] }],
    ["top", { ...TOP, since: "x", reasons: 5 }],
    ["hist", { hits: {}, misses: null, origins: 1 }],
  ])("is told as that where only its members' names are right: %s", async (command, body) => {
    const { env, stranger } = await answering(JSON.stringify(body));
    expect(await freshline([command, "--once"], env)).toEqual({ code: 1, out: [], err: [stranger] });
  });

  it.each([
    ["answered", "{}"],
    ["answered", "[1]"],
    ["answered", "no JSON"],
    ["answered", '{"time":1,"cache":2,"method":3,"url":4,"status":5}'],
    ["dropped", '{"count":"many"}'],
    ["dropped", "null"],
  ])("is told as that by freshline tail: %s %s", async (event, data) => {
    const { env, stranger } = await answering(`event: ${event}\ndata: ${data}\n\n`, "text/event-stream");
    expect(await freshline(["tail"], env)).toEqual({ code: 1, out: [], err: [stranger] });
  });
});
