import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askAdmin } from "../src/cli/admin-client.ts";
import { readCommandLine } from "../src/cli/command-line.ts";
import { cli, type Program } from "../src/cli.ts";
import { flagsOf, SETTING_NAMES, SETTINGS } from "../src/config/settings.ts";
import { readWarmList } from "../src/config/warm-list.ts";
import type { Config } from "../src/config.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "freshline-cli-"));
  cleanups.push(() => rmSync(directory, { recursive: true }));
});

interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly json: unknown;
}

/** A real HTTP server where the admin API would be; it answers what it is told and remembers what it was asked. */
async function startAdmin(answer: (asked: Asked, response: ServerResponse) => void) {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const one = {
      method: request.method,
      url: request.url,
      headers: request.headers,
      json: body === "" ? undefined : (JSON.parse(body) as unknown),
    };
    asked.push(one);
    answer(one, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, asked };
}

const answerJson = (response: ServerResponse, status: number, value: unknown) => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
};

/** A privileged port that nobody uses: unlike one just given back, it cannot become another program's. */
const NOBODYS_PORT = 1;

/** Runs the command line in this process, as if in `directory`, and tells what it wrote. */
async function freshline(
  argv: readonly string[],
  env: Record<string, string> = {},
  program: Partial<Program> = {},
) {
  const out: string[] = [];
  const err: string[] = [];
  const configs: Config[] = [];
  const code = await cli(argv, {
    env,
    directory,
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    program: async () => ({
      main: async ({ config }) => {
        configs.push(config);
      },
      clearSharedCache: async () => "no-redis",
      examine: async () => [],
      ...program,
    }),
  });
  return { code, out, err, config: configs[0] };
}

describe("flags", () => {
  const flagsIn = (...argv: string[]) => {
    const line = readCommandLine(argv);
    return line.type === "mistake" ? line.sentences : "flags" in line ? line.flags : line.type;
  };

  it("are the names of the settings in kebab-case, with = or without", () => {
    expect(flagsIn("--port", "8080", "--cache-keep=5m")).toEqual({ PORT: "8080", CACHE_KEEP: "5m" });
    for (const name of SETTING_NAMES) {
      for (const flag of flagsOf(name)) expect(flagsIn(`--${flag}=x`)).toEqual({ [name]: "x" });
    }
  });

  it("have short names for what is written often", () => {
    expect(flagsIn("--origin", "http://a", "--ttl", "5m")).toEqual({
      ORIGINS: "http://a",
      CACHE_DEFAULT_TTL: "5m",
    });
  });

  it("add up for lists, under either name, and else the last one counts", () => {
    expect(flagsIn("--origin", "http://a", "--origins=http://b,http://c", "--port=1", "--port=2")).toEqual({
      ORIGINS: "http://a,http://b,http://c",
      PORT: "2",
    });
  });

  it("turn switches on and off", () => {
    expect(flagsIn("--preserve-host")).toEqual({ PRESERVE_HOST: "true" });
    expect(flagsIn("--no-preserve-host")).toEqual({ PRESERVE_HOST: "false" });
    expect(flagsIn("--preserve-host=false")).toEqual({ PRESERVE_HOST: "false" });
    expect(flagsIn("--no-preserve-host", "--preserve-host")).toEqual({ PRESERVE_HOST: "true" });
  });

  it.each([
    [["--prot", "8080"], "--prot is not a flag"],
    [["--__proto__=x"], "--__proto__ is not a flag"],
    [["--PORT=1"], "--PORT is not a flag"],
    [["-p", "8080"], "-p is not a flag"],
    [["--no-port"], "--no-port is not a flag"],
    [["--no-preserve-host=true"], "--no-preserve-host takes no value"],
    [["--port"], "--port needs a value"],
    [["--port", "--ttl", "5m"], "--port needs a value"],
    [["--clear-cache=yes"], "--clear-cache takes no value"],
    [["start"], '"start" is not a command'],
    [["clear", "all"], 'clear takes no "all"'],
    [["stats", "all"], 'stats takes no "all"'],
    [["warm"], "freshline warm needs a file, URLs, - or --sitemap"],
    [["warm", "/a", "--concurrency", "0"], "--concurrency is a whole number from 1 to 64, not 0"],
    [["warm", "/a", "--concurrency"], "--concurrency needs a value"],
    [["warm", "--sitemap", "sitemap.xml"], "--sitemap is a path of the site or a URL, not sitemap.xml"],
    [["stats", "--sitemap", "/a"], "--sitemap is not a flag"],
    [["completion"], "freshline completion needs a shell: bash, zsh, fish"],
    [["completion", "tcsh"], "freshline completion needs a shell: bash, zsh, fish"],
    [["completion", "bash", "--json"], "--json belongs to a command that has something to say"],
    [["health", "all"], 'health takes no "all"'],
    [["config", "PORT"], 'config takes no "PORT"'],
    [["validate", "x"], 'validate takes no "x"'],
    [["warm", "/a", "--clear-cache"], '--clear-cache and "warm" are two commands'],
    [["--json"], "--json belongs to a command that has something to say"],
    [["explain"], "freshline explain needs one URL, or a path"],
    [["explain", "/a", "/b"], "freshline explain needs one URL, or a path"],
    [["explain", "/a", "-H"], "-H needs Name: value"],
    [["explain", "/a", "-H", "nonsense"], '-H needs "Name: value"'],
    [["explain", "/a", "--fetch=no"], "--fetch takes no value"],
    [["stats", "-X", "POST"], "-X is not a flag"],
    [["--prot", "8080", "--ttl", "5m"], "--prot is not a flag"],
  ])("%j is a mistake", async (argv, sentence) => {
    const { code, out, err, config } = await freshline(argv, { ORIGINS: "http://a" });
    expect(err).toEqual([`freshline: ${sentence}; see freshline --help`]);
    expect([code, out, config]).toEqual([2, [], undefined]);
  });
});

it("freshline explain takes a method, field lines and what to show", () => {
  const argv = [
    "explain",
    "/a",
    "-H",
    "X-A: 1",
    "--header=X-B: 2",
    "-X",
    "POST",
    "--fetch",
    "--body",
    "--json",
  ];
  expect(readCommandLine(argv)).toEqual({
    type: "explain",
    flags: {},
    explain: { url: "/a", method: "POST", headers: ["X-A: 1", "X-B: 2"], fetch: true, body: true },
    json: true,
  });
});

describe("several mistakes at once", () => {
  it("are all told, and what is wrong with the settings too", async () => {
    writeFileSync(join(directory, ".env"), "LOG_LEVEL=loud\n");
    const argv = ["--prot=1", "--ttl=x", "--clear-cache=yes", "--cache-keep=1d", "--port"];
    const { code, out, err } = await freshline(argv, { ORIGINS: "localhost:4001" });
    expect(err).toEqual([
      "freshline: 6 mistakes; see freshline --help:",
      "  --prot is not a flag",
      "  --clear-cache takes no value",
      "  --port needs a value",
      expect.stringMatching('^  ORIGINS: "localhost:4001" has no scheme'),
      expect.stringMatching('^  CACHE_DEFAULT_TTL: "x" is not a duration'),
      expect.stringMatching('^  LOG_LEVEL: "loud" is not known'),
    ]);
    expect([code, out]).toEqual([2, []]);
  });

  it("are not made of one: neither a word after an unknown flag nor what it was to set counts", async () => {
    const { code, err } = await freshline(["--orgin", "http://a"]);
    expect([code, err]).toEqual([2, ["freshline: --orgin is not a flag; see freshline --help"]]);
  });
});

describe("freshline", () => {
  it("runs the proxy with what flags, environment and .env say together", async () => {
    writeFileSync(join(directory, ".env"), "PORT=1003\nLOG_LEVEL=warn\nCACHE_KEEP=1h\nORIGINS=http://c\n");
    const env = { LOG_LEVEL: "error", CACHE_KEEP: "2h" };
    const { code, err, config } = await freshline(["--cache-keep", "3h"], env);
    expect([code, err]).toEqual([0, []]);
    expect(config).toMatchObject({
      PORT: 1003,
      LOG_LEVEL: "error",
      CACHE_KEEP: 10_800,
      ORIGINS: ["http://c"],
    });
  });

  it("tells every wrong setting, and starts nothing", async () => {
    const { code, out, err, config } = await freshline(["--port", "abc"], { ORIGINS: "localhost:4001" });
    expect(err).toEqual([
      "freshline: 2 settings are wrong:",
      '  PORT: "abc" is not a port; expected an integer from 1 to 65535',
      '  ORIGINS: "localhost:4001" has no scheme; expected http://localhost:4001',
    ]);
    expect([code, out, config]).toEqual([1, [], undefined]);
    expect((await freshline([])).err).toEqual([
      "freshline: 1 setting is wrong:",
      "  ORIGINS: is empty; expected at least one origin, such as http://localhost:4001",
    ]);
  });

  it("takes a negative number for the value it is, and says what is wrong with it", async () => {
    const { code, err } = await freshline(["--cache-keep", "-1s"], { ORIGINS: "http://a" });
    expect(err).toEqual([
      "freshline: 1 setting is wrong:",
      '  CACHE_KEEP: "-1s" is not a duration; expected a number with ms, s, m, h or d, such as 10s',
    ]);
    expect(code).toBe(1);
  });

  it("says so when .env cannot be read", async () => {
    const { code, err } = await freshline([], { ORIGINS: "http://a" });
    expect([code, err]).toEqual([0, []]);
    const broken = await cli([], {
      env: { ORIGINS: "http://a" },
      directory: join(directory, "no\0where"),
      out: () => {},
      err: (line) => err.push(line),
      program: () => Promise.reject(new Error("not reached")),
    });
    expect(broken).toBe(1);
    expect(err).toEqual([expect.stringContaining("freshline: cannot read .env: ")]);
  });

  it("says which port is taken, and what to do", async () => {
    const taken = await startAdmin(() => {});
    const listen = (port: number) => async () => {
      const server = createServer().listen(port, "127.0.0.1");
      await once(server, "listening");
      server.close();
    };
    const flags = ["--origin=http://a", `--port=${taken.port}`, "--admin-port=9"];
    const proxy = await freshline(flags, {}, { main: listen(taken.port) });
    expect(proxy.err).toEqual([`freshline: port ${taken.port} is taken; choose another with --port or PORT`]);
    expect(proxy.code).toBe(1);
    const adminFlags = ["--origin=http://a", "--port=9", `--admin-port=${taken.port}`];
    const admin = await freshline(adminFlags, {}, { main: listen(taken.port) });
    expect(admin.err).toEqual([
      `freshline: admin port ${taken.port} is taken; choose another with --admin-port or ADMIN_PORT`,
    ]);
  });

  it("says that an address is not this machine's", async () => {
    const main = async () => {
      const server = createServer().listen(0, "192.0.2.1");
      await once(server, "listening");
    };
    const { code, err } = await freshline(["--origin=http://a", "--host=192.0.2.1"], {}, { main });
    expect(err).toEqual([
      "freshline: 192.0.2.1 is no address of this machine; choose another with --host or HOST",
    ]);
    expect(code).toBe(1);
  });

  it("names the setting when the list to warm cannot be read", async () => {
    const main = async ({ config }: { config: Config }) => {
      await readWarmList(config.WARM_URLS, directory);
    };
    const { code, err } = await freshline(["--origin=http://a", "--warm-urls=missing.txt"], {}, { main });
    expect([code, err]).toEqual([
      1,
      ["freshline: WARM_URLS: missing.txt does not exist as a file, and is neither a path nor a URL"],
    ]);
  });

  it("tells an unexpected failure with its stack", async () => {
    const main = () => Promise.reject(new Error("out of cheese"));
    const { code, err } = await freshline(["--origin=http://a"], {}, { main });
    expect(code).toBe(1);
    expect(err[0]).toMatch(/^freshline: cannot start: Error: out of cheese\n +at /);
  });
});

describe("freshline clear", () => {
  it.each(["clear", "--clear-cache", "clear --clear-cache"])(
    "purges through the running proxy: %s",
    async (words) => {
      const admin = await startAdmin((_, response) => answerJson(response, 200, { epoch: 7 }));
      const env = { ADMIN_PORT: String(admin.port), ADMIN_TOKEN: "t0ken" };
      const { code, out, err } = await freshline(words.split(" "), env);
      expect([code, out, err]).toEqual([0, ["Cache cleared"], []]);
      expect(admin.asked).toMatchObject([
        {
          method: "POST",
          url: "/purge",
          json: { everything: true },
          headers: { authorization: "Bearer t0ken" },
        },
      ]);
    },
  );

  it("asks a proxy that listens on every address at a loopback one", async () => {
    const admin = await startAdmin((_, response) => answerJson(response, 200, {}));
    const env = { ADMIN_PORT: String(admin.port), ADMIN_HOST: "0.0.0.0", ADMIN_TOKEN: "t" };
    expect((await freshline(["clear"], env)).out).toEqual(["Cache cleared"]);
    expect(admin.asked[0]?.headers.host).toBe(`127.0.0.1:${admin.port}`);
  });

  it("clears Redis itself when no proxy answers, or something else does", async () => {
    const stranger = await startAdmin((_, response) => answerJson(response, 404, {}));
    for (const port of [NOBODYS_PORT, stranger.port]) {
      const env = { ADMIN_PORT: String(port), REDIS_URL: "redis://cache.example" };
      const cleared: (string | undefined)[] = [];
      const clearSharedCache: Program["clearSharedCache"] = async (config) => {
        cleared.push(config.REDIS_URL);
        return "cleared";
      };
      const { code, out, err } = await freshline(["clear"], env, { clearSharedCache });
      expect([code, out, err, cleared]).toEqual([0, ["Cache cleared"], [], ["redis://cache.example"]]);
    }
  });

  it("fails with a sentence when there is neither", async () => {
    const port = NOBODYS_PORT;
    const { code, out, err } = await freshline(["clear"], { ADMIN_PORT: String(port) });
    expect([code, out]).toEqual([1, []]);
    expect(err).toEqual([
      `freshline: no cache to clear: no proxy answers at http://127.0.0.1:${port} and no Redis is known`,
    ]);
  });

  it("fails with a sentence when Redis refuses", async () => {
    const clearSharedCache = () => Promise.reject(new Error("Redis does not answer"));
    const env = { ADMIN_PORT: String(NOBODYS_PORT) };
    const { code, err } = await freshline(["clear"], env, { clearSharedCache });
    expect([code, err]).toEqual([1, ["freshline: cannot clear the cache in Redis: Redis does not answer"]]);
  });

  it("does not go round a proxy that refuses", async () => {
    let status = 401;
    const admin = await startAdmin((_, response) =>
      answerJson(response, status, { detail: "Redis is away" }),
    );
    const where = `http://127.0.0.1:${admin.port}`;
    const clearSharedCache = () => Promise.resolve("cleared" as const);
    const env = { ADMIN_PORT: String(admin.port) };
    expect(await freshline(["clear"], env, { clearSharedCache })).toMatchObject({
      code: 1,
      err: [`freshline: the proxy at ${where} asks for a token; set ADMIN_TOKEN to the one it has`],
    });
    expect(admin.asked[0]?.headers.authorization).toBeUndefined();
    status = 503;
    expect(await freshline(["clear"], env, { clearSharedCache })).toMatchObject({
      code: 1,
      out: [],
      err: [`freshline: the proxy at ${where} answered 503: Redis is away`],
    });
  });
});

describe("freshline warm", () => {
  it("warms the URLs given and the lines of files, and tells failures", async () => {
    writeFileSync(join(directory, "urls.txt"), "# popular\n/a\n\n  http://b.example/b \r\n/a\n");
    const failed = [{ url: "/c", detail: "502" }];
    const admin = await startAdmin((_, response) =>
      answerJson(response, 200, { requested: 3, warmed: 2, failed }),
    );
    const env = { ADMIN_PORT: String(admin.port) };
    const { code, out, err } = await freshline(["warm", "urls.txt", "/c"], env);
    expect(admin.asked).toMatchObject([
      { method: "POST", url: "/warm", json: { urls: ["/a", "http://b.example/b", "/c"] } },
    ]);
    expect([code, out, err]).toEqual([1, ["warmed 2 of 3"], ["/c: 502"]]);
  });

  it("asks in batches, and adds up", async () => {
    const lines = Array.from({ length: 250 }, (_, i) => `/${i}`);
    writeFileSync(join(directory, "many.txt"), lines.join("\n"));
    const admin = await startAdmin(({ json }, response) => {
      const { urls } = json as { urls: string[] };
      answerJson(response, 200, { requested: urls.length, warmed: urls.length, failed: [] });
    });
    const { code, out } = await freshline(["warm", "many.txt"], { ADMIN_PORT: String(admin.port) });
    expect([code, out]).toEqual([0, ["warmed 250 of 250"]]);
    expect(admin.asked.flatMap(({ json }) => (json as { urls: string[] }).urls)).toEqual(lines);
    const sizes = admin.asked.map(({ json }) => (json as { urls: string[] }).urls.length);
    expect(sizes).toEqual([...Array.from({ length: 15 }, () => 16), 10]);
  });

  it("takes a directory's name for a path, and refuses what is neither file nor URL", async () => {
    const admin = await startAdmin((_, response) => answerJson(response, 200, { warmed: 1, failed: [] }));
    const env = { ADMIN_PORT: String(admin.port) };
    expect((await freshline(["warm", "/"], env)).out).toEqual(["warmed 1 of 1"]);
    expect((await freshline(["warm", "missing.txt"], env)).err).toEqual([
      "freshline: missing.txt does not exist as a file, and is neither a path nor a URL",
    ]);
    writeFileSync(join(directory, "bad.txt"), "/a\nexample.com\n");
    expect((await freshline(["warm", "bad.txt"], env)).err).toEqual([
      'freshline: bad.txt: "example.com" is neither a path nor a URL',
    ]);
    writeFileSync(join(directory, "long.txt"), Array.from({ length: 100_001 }, (_, i) => `/${i}`).join("\n"));
    expect((await freshline(["warm", "long.txt"], env)).err).toEqual([
      "freshline: more than 100000 URLs to warm",
    ]);
    expect(admin.asked).toHaveLength(1);
  });

  it("says that a file does not exist when its name was taken for a path of the site", async () => {
    writeFileSync(join(directory, "urls.txt"), "/listed\n");
    const admin = await startAdmin(({ json }, response) => {
      const { urls } = json as { urls: string[] };
      const failed = urls.map((url) => ({ url, detail: url === "/slow" ? "answered 504" : "answered 404" }));
      answerJson(response, 200, { requested: urls.length, warmed: 0, failed });
    });
    const argv = ["warm", "/missing.txt", "/slow", "http://b.example/", "urls.txt"];
    expect((await freshline(argv, { ADMIN_PORT: String(admin.port) })).err).toEqual([
      "/missing.txt: answered 404, and no such file exists",
      "/slow: answered 504",
      "http://b.example/: answered 404",
      "/listed: answered 404",
    ]);
  });

  it("says so when no proxy runs", async () => {
    const port = NOBODYS_PORT;
    const { code, err } = await freshline(["warm", "/a"], { ADMIN_PORT: String(port) });
    expect(code).toBe(1);
    expect(err).toEqual([
      expect.stringMatching(`^freshline: no proxy answers at http://127\\.0\\.0\\.1:${port}: .*ECONNREFUSED`),
    ]);
  });
});

describe("freshline purge", () => {
  const receipt = { id: "x", epoch: 7, shared: true, instances: 2, acked: 2, missing: [], took_ms: 1 };

  it.each([
    [["/a", "http://h/b"], { targets: [{ url: "/a" }, { url: "http://h/b" }], mode: "delete" }],
    [
      ["--prefix", "/a/", "--prefix=/b/"],
      { targets: [{ prefix: "/a/" }, { prefix: "/b/" }], mode: "delete" },
    ],
    [
      ["--host", "h:81", "--tag", "t", "--soft"],
      { targets: [{ host: "h:81" }, { tag: "t" }], mode: "invalidate" },
    ],
    [["--everything"], { targets: [{ everything: true }], mode: "delete" }],
    [["--refresh", "http://h/b"], { targets: [{ url: "http://h/b" }], mode: "refresh" }],
  ])("%j asks for just that", async (words, json) => {
    const admin = await startAdmin((_, response) => answerJson(response, 200, receipt));
    const env = { ADMIN_PORT: String(admin.port) };
    const { code, out, err } = await freshline(["purge", ...words], env);
    expect(admin.asked).toMatchObject([{ method: "POST", url: "/purge", json }]);
    expect([code, out, err]).toEqual([0, ["purged on 2 of 2 instances"], []]);
  });

  it("names the instances that have not heard of it", async () => {
    const late = { ...receipt, acked: 1, missing: ["b"] };
    const admin = await startAdmin((_, response) => answerJson(response, 200, late));
    expect(await freshline(["purge", "/a"], { ADMIN_PORT: String(admin.port) })).toMatchObject({
      code: 0,
      out: ["purged on 1 of 2 instances"],
      err: ["freshline: b has not said yet that it has heard of it"],
    });
  });

  it("fails with the proxy's reason", async () => {
    const refusal = { code: "store_unavailable", detail: "nothing was purged: Redis is away" };
    const admin = await startAdmin((_, response) => answerJson(response, 503, refusal));
    const { code, out, err } = await freshline(["purge", "/a"], { ADMIN_PORT: String(admin.port) });
    expect([code, out]).toEqual([1, []]);
    expect(err).toEqual([expect.stringMatching(/ answered 503: nothing was purged: Redis is away$/)]);
  });

  it.each([
    [["purge"], "freshline purge needs URLs or paths, --prefix, --host, --tag or --everything"],
    [["purge", "--soft"], "freshline purge needs URLs or paths, --prefix, --host, --tag or --everything"],
    [["purge", "/a", "--soft", "--refresh"], "--refresh is soft already; leave --soft away"],
    [["purge", "/a", "--prefix"], "--prefix needs a value"],
    [["purge", "--host", "--soft"], "--host needs a value"],
    [["purge", "/a", "--soft=yes"], "--soft takes no value"],
    [["warm", "/a", "--soft"], "--soft is not a flag"],
  ])("%j is a mistake", async (words, sentence) => {
    const { code, err } = await freshline(words);
    expect([code, err]).toEqual([2, [`freshline: ${sentence}; see freshline --help`]]);
  });

  it("has a --host of its own; elsewhere it is the setting", () => {
    expect(readCommandLine(["--host", "::1"])).toEqual({ type: "run", flags: { HOST: "::1" } });
    expect(readCommandLine(["--admin-port", "1", "purge", "--host", "h"])).toMatchObject({
      type: "purge",
      flags: { ADMIN_PORT: "1" },
      purge: { targets: [{ host: "h" }] },
    });
  });
});

describe("freshline stats", () => {
  const counted = { requests: 1200, hit_rate: 0.123456, words: { HIT: 7, MISS: 1193 }, store: { up: true } };

  it("shows the counters in two columns", async () => {
    const admin = await startAdmin((_, response) => answerJson(response, 200, counted));
    const { code, out } = await freshline(["stats"], { ADMIN_PORT: String(admin.port) });
    expect(admin.asked).toMatchObject([{ method: "GET", url: "/stats" }]);
    expect(code).toBe(0);
    expect(out).toEqual([
      "requests    1200",
      "hit_rate  0.1235",
      "words",
      "  HIT          7",
      "  MISS      1193",
      "store",
      "  up        true",
    ]);
  });

  it("shows the answer as it came with --json", async () => {
    const admin = await startAdmin((_, response) => answerJson(response, 200, counted));
    const { out } = await freshline(["stats", "--json"], { ADMIN_PORT: String(admin.port) });
    expect(out).toEqual([JSON.stringify(counted)]);
  });

  it("says so when something else answers there", async () => {
    const admin = await startAdmin((_, response) => response.end("<html>"));
    const { code, err } = await freshline(["stats"], { ADMIN_PORT: String(admin.port) });
    expect([code, err]).toEqual([
      1,
      [`freshline: what answers at http://127.0.0.1:${admin.port} is not Freshline`],
    ]);
  });
});

describe("asking the admin API", () => {
  const get = (port: number, timeout: number) =>
    askAdmin(
      { ADMIN_HOST: "127.0.0.1", ADMIN_PORT: port, ADMIN_TOKEN: undefined },
      { method: "GET", path: "/stats", timeout },
    );

  it("ends when no answer comes in time, or half of one", async () => {
    const silent = await startAdmin(() => {});
    expect(await get(silent.port, 50)).toEqual({ type: "nobody", detail: "no answer within 0.05 s" });
    const half = await startAdmin((_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half");
    });
    expect(await get(half.port, 300)).toMatchObject({ type: "nobody" });
  });

  it("ends when the answer breaks off", async () => {
    const broken = await startAdmin((_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half", () => response.destroy());
    });
    expect(await get(broken.port, 10_000)).toMatchObject({ type: "nobody" });
  });

  it("ends when the answer has no end", async () => {
    const endless = await startAdmin((_, response) => {
      const chunk = Buffer.alloc(65_536, "x");
      const pump = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on("drain", pump);
      pump();
    });
    expect(await get(endless.port, 15_000)).toMatchObject({
      type: "nobody",
      detail: "the answer is too long",
    });
  });
});

describe("help and version", () => {
  it("shows every flag, default and command within 100 columns", async () => {
    const { code, out, err } = await freshline(["--help"]);
    const lines = out.join("\n").split("\n");
    expect([code, err]).toEqual([0, []]);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(100);
    const words = lines.join(" ").split(/[\s,]+/);
    for (const name of SETTING_NAMES) {
      for (const flag of flagsOf(name)) expect(words).toContain(`--${flag}`);
      if (SETTINGS[name].default !== "")
        expect(lines.join(" ").split(/\s+/)).toContain(`[${SETTINGS[name].default}]`);
    }
    for (const command of ["clear", "--clear-cache", "warm", "purge", "stats", "--version"])
      expect(words).toContain(command);
    expect((await freshline(["-h"])).out).toEqual(out);
    expect((await freshline(["stats", "--help"])).out).toEqual(out);
  });

  it("shows the version of package.json", async () => {
    const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
    const { version } = JSON.parse(text) as { version: string };
    expect(await freshline(["--version"])).toMatchObject({ code: 0, out: [version] });
    expect(await freshline(["-v"])).toMatchObject({ code: 0, out: [version] });
  });
});

describe("the program", () => {
  async function start(argv: readonly string[]) {
    const path = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
    const env = { PATH: process.env["PATH"], NODE_NO_WARNINGS: "1" };
    const child = spawn(process.execPath, [path, ...argv], {
      cwd: directory,
      env,
    });
    cleanups.push(() => child.kill("SIGKILL"));
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    const [code] = await once(child, "close");
    return { code, out, err };
  }

  it("ends with the exit code, and writes to the right streams", async () => {
    writeFileSync(join(directory, ".env"), "PORT=70000\nORIGINS=http://a\n");
    expect(await start([])).toEqual({
      code: 1,
      out: "",
      err: 'freshline: 1 setting is wrong:\n  PORT: "70000" is not a port; expected an integer from 1 to 65535\n',
    });
    expect(await start(["--version"])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    expect(await start(["--nope"])).toMatchObject({ code: 2, out: "" });
  });
});
