import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePort, freePorts } from "../free-port.ts";
import { until } from "../until.ts";
import { startOrigin } from "./own-origin.ts";
import { type Program, runProgram, startProgram } from "./program.ts";
import { rawClient } from "./raw.ts";
import { startRawOrigin } from "./raw-origin.ts";
import { ask, startSite } from "./site.ts";
import { load } from "./steady-load.ts";

const anOrigin = (cacheControl = "max-age=600") =>
  startOrigin((_, response) => response.setHeader("Cache-Control", cacheControl).end("x"));

describe("settings that are wrong", () => {
  it("are refused as a whole, with all that is wrong with them", async () => {
    const site = await startSite({ settings: { CORS_ORIGINS: "" } });
    const refused = await site.reload({ CORS_ORIGINS: "*", CACHE_KEEP: "soon", ORIGIN_TIMEOUT: "-1s" });
    expect(refused.status).toBe(422);
    expect(refused.json()).toMatchObject({
      code: "settings_refused",
      errors: [
        expect.stringMatching(/^ORIGIN_TIMEOUT: "-1s" is /),
        expect.stringMatching(/^CACHE_KEEP: "soon" is /),
      ],
    });
    expect((await site.get("/data?id=1")).header("access-control-allow-origin")).toBeUndefined();
    expect((await site.reload({ CACHE_KEEP: "5m", ORIGIN_TIMEOUT: "5s" })).status).toBe(200);
    expect((await site.get("/data?id=1")).header("access-control-allow-origin")).toBe("*");
  });

  it("leave what is in force as it is: GET /settings says the same", async () => {
    const site = await startSite();
    const before = (await site.admin("/settings")).json();
    await site.reload({ CACHE_KEEP: "soon" });
    expect((await site.admin("/settings")).json()).toEqual(before);
  });
});

describe("the answer to a reload", () => {
  it("says what changed, what needs a restart each time again, and no secret", async () => {
    const site = await startSite({ settings: { CACHE_KEEP: "10m" } });
    const changed = { CACHE_KEEP: "5m", CACHE_MEMORY_BYTES: "1MiB", ADMIN_TOKEN: "hush-hush" };
    const keep = { name: "CACHE_KEEP", from: "10m", to: "5m", effect: "applied" };
    const others = [
      { name: "CACHE_MEMORY_BYTES", from: "64MiB", to: "1MiB", effect: "needs a restart" },
      { name: "ADMIN_TOKEN", from: "", to: "***", effect: "needs a restart" },
    ];
    expect((await site.reload(changed)).json()).toEqual({ changes: [keep, ...others], emptied: [] });
    expect((await site.reload()).json()).toEqual({ changes: others, emptied: [] });
    const settings = (await site.admin("/settings")).json<{ name: string; value: string }[]>();
    const shown = (wanted: string) => settings.find(({ name }) => name === wanted)?.value;
    expect([shown("CACHE_KEEP"), shown("CACHE_MEMORY_BYTES")]).toEqual(["5m", "64MiB"]);
  });

  it("comes for many at once, one after the other", async () => {
    const site = await startSite();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => site.reload({ CACHE_KEEP: `${i + 11}m` })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(answers.flatMap((answer) => answer.json<{ changes: object[] }>().changes)).toHaveLength(1);
  });
});

describe("what is stored", () => {
  it.each([
    ["CACHE_KEY_FIELDS", "", "X-Kind"],
    ["UNKEYED_FIELDS_PASS", "X-Original-Url", ""],
    ["CACHE_SET_COOKIE", "true", "false"],
  ] as const)(
    "is given to nobody after a change of %s, which could have let it in",
    async (name, before, after) => {
      const origin = await anOrigin();
      const site = await startSite({ settings: { ORIGINS: origin.url, [name]: before } });
      await site.get("/a");
      expect((await site.get("/a")).cache).toBe("HIT/HIT");
      expect((await site.reload({ [name]: after })).json()).toMatchObject({ emptied: [name] });
      expect((await site.get("/a")).cache).toBe("MISS/MISS");
    },
  );

  it("and the settings stay as they are where it cannot be emptied", async () => {
    const origin = await anOrigin();
    const redis = `redis://127.0.0.1:${await freePort()}`;
    const site = await startSite({ settings: { ORIGINS: origin.url, REDIS_URL: redis } });
    const refused = await site.reload({ CACHE_KEY_FIELDS: "X-Kind", SECURITY_HEADERS: "true" });
    expect([refused.status, refused.json()]).toMatchObject([
      503,
      { detail: expect.stringContaining("a change of CACHE_KEY_FIELDS empties the cache") },
    ]);
    expect((await site.get("/a")).header("x-content-type-options")).toBeUndefined();
  });

  it("stays under its own key where a parameter is ignored no longer", async () => {
    const origin = await anOrigin();
    const site = await startSite({ settings: { ORIGINS: origin.url, CACHE_KEY_IGNORE_PARAMS: "theme" } });
    expect((await site.get("/a?theme=dark")).cache).toBe("MISS/MISS");
    expect(origin.requests.map(({ url }) => url)).toEqual(["/a"]);
    expect((await site.reload({ CACHE_KEY_IGNORE_PARAMS: "" })).json()).toMatchObject({ emptied: [] });
    expect((await site.get("/a")).cache).toBe("HIT/HIT");
    expect((await site.get("/a?theme=dark")).cache).toBe("MISS/MISS");
    expect(origin.requests.map(({ url }) => url)).toEqual(["/a", "/a?theme=dark"]);
  });
});

describe("a connection that stays open", () => {
  it("gets the next answer by the new settings, in the plain lane too", async () => {
    const origin = await anOrigin();
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const client = await rawClient(site.proxy.port);
    const request = "GET /a HTTP/1.1\r\nHost: shop.test\r\nX-Request-Id: ID\r\n\r\n";
    const answerTo = async (id: string) => {
      client.write(request.replace("ID", "the-same"));
      await until(`answer ${id}`, () => client.received().split("HTTP/1.1 200 OK").length - 1 === Number(id));
      return client.received().split("HTTP/1.1 200 OK").at(-1) ?? "";
    };
    await answerTo("1");
    for (const id of ["2", "3"]) expect(await answerTo(id)).toMatch(/X-Cache: HIT/i);
    expect(client.received()).not.toContain("nosniff");
    await site.reload({ SECURITY_HEADERS: "true" });
    expect(await answerTo("4")).toContain("nosniff");
    await site.reload({ SECURITY_HEADERS: "false" });
    expect(await answerTo("5")).not.toContain("nosniff");
  });
});

describe("requests under way", () => {
  it("lose nothing while settings and origins change again and again", async () => {
    const [one, other] = [await anOrigin("no-store"), await anOrigin("no-store")];
    const site = await startSite({ settings: { ORIGINS: one.url } });
    const traffic = load(site.proxy.port);
    for (let round = 0; round < 10; round++) {
      const { url } = round % 2 === 0 ? other : one;
      const changed = { ORIGINS: url, ORIGIN_TIMEOUT: `${30 + round}s`, HEALTH_CHECK_PATH: `/up${round}` };
      expect((await site.reload(changed)).status).toBe(200);
      const answers = traffic.answers();
      await until("requests have been answered", () => traffic.answers() > answers + 20);
    }
    await traffic.stop();
    expect(traffic.lost).toEqual([]);
    expect([one, other].map(({ requests }) => requests.length > 50)).toEqual([true, true]);
  });

  it("get all of a body that was begun before", async () => {
    const origin = await startOrigin((request, response) => {
      response.writeHead(200, { "Content-Length": "8" });
      response.write("half");
      if (request.url === "/long") finish = () => response.end("done");
      else response.end("half");
    });
    let finish = () => {};
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const long = site.get("/long");
    await site.until("it has begun", () => origin.requests.length === 1);
    await site.reload({ ORIGIN_TIMEOUT: "1s", ORIGIN_CONNECTIONS: "1", ORIGIN_BODY_TIMEOUT: "20s" });
    expect((await site.get("/short")).text).toBe("halfhalf");
    finish();
    expect((await long).text).toBe("halfdone");
  });
});

describe("the program", () => {
  async function withDotenv(dotenv: string) {
    const directory = await mkdtemp(join(tmpdir(), "freshline-reload-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const write = (text: string) => writeFile(join(directory, ".env"), text);
    await write(dotenv);
    return { directory, write };
  }
  const told = (program: Program, message: string) => program.lines().filter(({ msg }) => msg === message);

  it.each(["1", "2"])("reads .env again at SIGHUP, with WORKERS=%s", async (workers) => {
    const origin = await anOrigin("no-store");
    const { directory, write } = await withDotenv("CORS_ORIGINS=\nLOG_LEVEL=info\nCACHE_KEEP=1m");
    const settings = { ORIGINS: origin.url, LOG_FORMAT: "json", WORKERS: workers, CACHE_KEEP: "5m" };
    const program = await startProgram(settings, { directory });
    const traffic = load(program.port);
    const allowed = async () =>
      (await ask(`http://127.0.0.1:${program.port}/`)).header("access-control-allow-origin");
    expect(await allowed()).toBeUndefined();

    await write("CORS_ORIGINS=*\nCACHE_KEEP=2m\nLOG_LEVEL=info");
    program.child.kill("SIGHUP");
    await until("it has reloaded", () => told(program, "reloaded").length === 1);
    // The environment stays above the file.
    expect(told(program, "reloaded")[0]).toMatchObject({
      changes: [{ name: "CORS_ORIGINS", from: "", to: "*", effect: "applied" }],
    });
    for (let i = 0; i < 10; i++) expect(await allowed()).toBe("*");

    await write("CORS_ORIGINS=nonsense\nLOG_LEVEL=loud");
    program.child.kill("SIGHUP");
    await until("it has refused", () => told(program, "reload refused").length === 1);
    expect(told(program, "reload refused")[0]?.["errors"]).toHaveLength(2);
    expect(await allowed()).toBe("*");

    await write("CORS_ORIGINS=*\nLOG_LEVEL=error");
    program.child.kill("SIGHUP");
    await until("it says less", async () => {
      const before = told(program, "request").length;
      await Promise.all(Array.from({ length: 5 }, allowed));
      await new Promise((resolve) => setTimeout(resolve, 50));
      return told(program, "request").length === before;
    });
    await traffic.stop();
    expect(traffic.lost).toEqual([]);
  });

  it("has workers that come later begin with what is in force", async () => {
    const origin = await anOrigin("no-store");
    const { directory, write } = await withDotenv("");
    const program = await startProgram(
      { ORIGINS: origin.url, LOG_FORMAT: "json", WORKERS: "2" },
      { directory },
    );
    await write("CORS_ORIGINS=*");
    const admin = (path: string, method = "POST") =>
      ask(`http://127.0.0.1:${program.adminPort}${path}`, { method });
    expect((await admin("/reload")).json()).toMatchObject({ changes: [{ name: "CORS_ORIGINS" }] });
    expect((await admin("/restart")).json()).toEqual({ restarted: 2 });
    for (let i = 0; i < 10; i++) {
      const answer = await ask(`http://127.0.0.1:${program.port}/`);
      expect(answer.header("access-control-allow-origin")).toBe("*");
    }
  });

  it("takes away an origin that workers wait for before they serve", async () => {
    const origin = await anOrigin("no-store");
    let checks = 0;
    const silent = await startRawOrigin(() => void checks++);
    const { directory, write } = await withDotenv(`ORIGINS=${origin.url},${silent.url}`);
    const [port = 0, adminPort = 0] = await freePorts(2);
    const program = runProgram(
      [],
      {
        HOST: "127.0.0.1",
        PORT: String(port),
        ADMIN_PORT: String(adminPort),
        WORKERS: "2",
        HEALTH_CHECK_PATH: "/up",
        HEALTH_CHECK_TIMEOUT: "10m",
        HEALTH_CHECK_INTERVAL: "1h",
      },
      { directory },
    );
    const asked = () =>
      ask(`http://127.0.0.1:${adminPort}/reload`, { method: "POST" }).catch(() => undefined);
    await until("the silent one is checked", () => checks > 0, 15_000);
    await write(`ORIGINS=${origin.url}`);
    await until("it reloads", async () => (await asked())?.status === 200, 15_000);
    await program.says("Freshline on http://");
    expect((await ask(`http://127.0.0.1:${port}/`)).status).toBe(200);
  });

  it("is told by `freshline reload`, which says what came of it", async () => {
    const origin = await anOrigin();
    const { directory, write } = await withDotenv("");
    const program = await startProgram({ ORIGINS: origin.url }, { directory });
    await write("CACHE_KEEP=5m\nCACHE_CHUNK_BYTES=1MiB");
    const asked = { ADMIN_PORT: String(program.adminPort) };
    const first = runProgram(["reload"], asked);
    expect(await first.exited).toBe(0);
    expect(first.out()).toBe(
      "CACHE_KEEP: 10m → 5m, applied\nCACHE_CHUNK_BYTES: 256KiB → 1MiB, needs a restart\n",
    );
    await write("CACHE_KEEP=never\nPORT=0");
    const second = runProgram(["reload"], asked);
    expect(await second.exited).toBe(1);
    expect(second.err()).toContain("refused, and nothing has changed");
    expect(second.err()).toContain('CACHE_KEEP: "never"');
    const json = runProgram(["reload", "--json"], asked);
    expect(await json.exited).toBe(1);
    expect(JSON.parse(json.out())).toEqual({ errors: [expect.stringContaining("CACHE_KEEP")] });
  });
});
