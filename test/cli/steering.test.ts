import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SETTING_NAMES } from "../../src/config/settings.ts";
import { startOrigin } from "../scenario/own-origin.ts";
import { startSite } from "../scenario/site.ts";
import { emptyDirectory, freshline } from "./in-process.ts";

/** A port that only root may have, and nobody uses. */
const NOBODY = { ADMIN_PORT: "1" };
/** The health endpoint that these origins have. */
const UP = { HEALTH_CHECK_PATH: "/up" };
const TOKEN = "a-token-long-enough";

describe("freshline config", () => {
  it("says what would be in force where no proxy runs, and where each was written, without secrets", async () => {
    const directory = emptyDirectory();
    writeFileSync(join(directory, ".env"), "CACHE_KEEP=1h\nADMIN_TOKEN=hunter2-hunter2\n");
    const env = { ...NOBODY, REDIS_URL: "redis://user:hunter2@cache.example" };
    const { code, out, err } = await freshline(["config", "--cache-max-ttl", "2d"], env, directory);
    expect([code, err]).toEqual([0, []]);
    expect(out[0]).toBe("No proxy answers at http://127.0.0.1:1. In force would be:");
    const rows = new Map(
      out.slice(1).map((line) => [line.trim().split(/ +/)[0], line.trim().replace(/ +/g, " ")]),
    );
    expect([...rows.keys()]).toEqual(SETTING_NAMES);
    expect(rows.get("CACHE_MAX_TTL")).toBe("CACHE_MAX_TTL flag 2d");
    expect(rows.get("ADMIN_PORT")).toBe("ADMIN_PORT environment 1");
    expect(rows.get("CACHE_KEEP")).toBe("CACHE_KEEP .env 1h");
    expect(rows.get("PORT")).toBe("PORT default 3000");
    expect(rows.get("ADMIN_TOKEN")).toBe("ADMIN_TOKEN .env ***");
    expect(rows.get("REDIS_URL")).toBe("REDIS_URL environment redis://***@cache.example");
    expect(rows.get("CACHE_SET_COOKIE")).toBe("CACHE_SET_COOKIE default false");
    expect(out.join()).not.toContain("hunter2");
  });

  it("says it as JSON, with what each means and what a change of it needs", async () => {
    const { out } = await freshline(["config", "--json"], NOBODY);
    const { in_force_at: at, settings } = JSON.parse(out.join("")) as {
      in_force_at: null;
      settings: { name: string; restart: boolean }[];
    };
    expect(at).toBeNull();
    expect(settings.find(({ name }) => name === "PORT")).toMatchObject({
      value: "3000",
      source: "default",
      meaning: "The port that clients ask.",
      restart: true,
    });
    expect(settings.find(({ name }) => name === "CACHE_KEEP")).toMatchObject({ restart: false });
  });

  it("tells all settings that are wrong", async () => {
    const { code, err } = await freshline(["config"], { PORT: "x", CACHE_KEEP: "y" });
    expect([code, err.length]).toEqual([1, 3]);
  });

  it("says why a proxy does not tell", async () => {
    const site = await startSite({ settings: { ADMIN_TOKEN: TOKEN } });
    const { code, err } = await freshline(["config"], { ADMIN_PORT: String(site.proxy.adminPort) });
    expect([code, err]).toEqual([1, [expect.stringContaining("asks for a token")]]);
  });
});

describe("freshline health", () => {
  it("is 0 while a healthy origin is there, and 1 when none is", async () => {
    const site = await startSite({ settings: { HEALTH_CHECK_INTERVAL: "25ms" } });
    const env = { ADMIN_PORT: String(site.proxy.adminPort) };
    const origin = site.mock.urls[0] as string;
    expect(await freshline(["health"], env)).toEqual({
      code: 0,
      out: [`✓ ready: ok (http://127.0.0.1:${site.proxy.adminPort})`, `✓ ${origin}: answered 200`],
      err: [],
    });
    await site.behave({ healthy: false });
    await site.until("it is not ready", async () => (await site.admin("/health/ready")).status === 503);
    const { code, out } = await freshline(["health", "--json"], env);
    expect(code).toBe(1);
    expect(JSON.parse(out.join(""))).toMatchObject({
      ready: false,
      detail: "no healthy origin",
      origins: { [origin]: { healthy: false } },
    });
  });

  it("needs no token, and then tells nothing of the origins", async () => {
    const site = await startSite({ settings: { ADMIN_TOKEN: TOKEN } });
    const { code, out } = await freshline(["health", "--json"], { ADMIN_PORT: String(site.proxy.adminPort) });
    expect([code, JSON.parse(out.join(""))]).toEqual([0, { ready: true, detail: "ok", origins: null }]);
  });

  it("is 1 where none runs, or another program does", async () => {
    expect(await freshline(["health"], NOBODY)).toMatchObject({
      code: 1,
      err: [expect.stringContaining("no proxy answers at http://127.0.0.1:1: ")],
    });
    const stranger = await startOrigin((_, response) => response.end("hello"));
    expect(await freshline(["health"], { ADMIN_PORT: new URL(stranger.url).port })).toMatchObject({
      code: 1,
      err: [expect.stringContaining("is not Freshline")],
    });
  });
});

describe("freshline origins", () => {
  it("says which get no turn and why, and lets no origin's words steer the terminal", async () => {
    const origin = {
      state: "up",
      detail: "answered \x1b[2J200",
      in_flight: 3,
      ejected: false,
      breaker_open: false,
    };
    const said = {
      "http://a.example": origin,
      "http://b.example": { ...origin, ejected: true, breaker_open: true },
    };
    const admin = await startOrigin((_, response) => response.end(JSON.stringify(said)));
    const { code, out } = await freshline(["origins"], { ADMIN_PORT: new URL(admin.url).port });
    expect([code, out]).toEqual([
      0,
      [
        "up        http://a.example  answered \\x1b[2J200, 3 in flight",
        "up        http://b.example  answered \\x1b[2J200, 3 in flight, ejected, breaker open",
      ],
    ]);
  });

  it("lets no refusal steer the terminal", async () => {
    const admin = await startOrigin((_, response) => {
      response.statusCode = 409;
      response.end(JSON.stringify({ detail: "no\x1b]0;x\x07" }));
    });
    const { code, err } = await freshline(["origins"], { ADMIN_PORT: new URL(admin.url).port });
    expect([code, err.join()]).toEqual([1, expect.stringMatching(/answered 409: no\\x1b\]0;x\\x07$/)]);
  });
});

describe("freshline validate", () => {
  it("takes what can serve, and says what it tried", async () => {
    const origin = await startOrigin((_, response) => response.end());
    const { code, out, err } = await freshline(["validate"], { ORIGINS: origin.url, ...UP });
    expect([code, err]).toEqual([0, []]);
    expect(out).toEqual([
      `✓ settings  all ${SETTING_NAMES.length} are right; written: ORIGINS, HEALTH_CHECK_PATH`,
      `✓ origin    ${origin.url}: answered 200`,
      "✓ redis     none is set: the cache is in memory alone",
      "fit to serve",
    ]);
  });

  it("tells every setting that is wrong, and tries nothing else", async () => {
    const { code, out } = await freshline(["validate"], { PORT: "x", CACHE_KEEP: "y" });
    expect(code).toBe(1);
    expect(out).toEqual([
      expect.stringMatching(/^✗ settings {2}PORT: "x" is not a port/),
      expect.stringMatching(/^✗ settings {2}CACHE_KEEP: "y" is not/),
      expect.stringMatching(/^✗ settings {2}ORIGINS: is empty/),
      "not fit to serve; nothing else was tried",
    ]);
  });

  it("refuses origins that are away, ill or silent, and a list that cannot be read, all at once", async () => {
    const good = await startOrigin((_, response) => response.end());
    const ill = await startOrigin((_, response) => response.writeHead(503).end());
    const silent = await startOrigin(() => {});
    const env = {
      ORIGINS: [good.url, ill.url, silent.url, "http://127.0.0.1:1"].join(","),
      ...UP,
      HEALTH_CHECK_TIMEOUT: "300ms",
      WARM_URLS: "none.txt",
    };
    const { code, out } = await freshline(["validate", "--json"], env);
    const { fit, findings } = JSON.parse(out.join("")) as {
      fit: boolean;
      findings: { what: string; verdict: string; detail: string; advice?: string }[];
    };
    expect([code, fit]).toEqual([1, false]);
    const verdictOn = (text: string) => findings.find(({ detail }) => detail.includes(text))?.verdict;
    expect(verdictOn(good.url)).toBe("good");
    expect(verdictOn(`${ill.url}: answered 503`)).toBe("bad");
    expect(verdictOn(`${silent.url}: no answer within 300 ms`)).toBe("bad");
    expect(verdictOn("127.0.0.1:1: connect ECONNREFUSED")).toBe("bad");
    expect(verdictOn("none.txt does not exist")).toBe("bad");
    for (const { verdict, advice } of findings) expect(advice !== undefined).toBe(verdict !== "good");
  });

  it("warns of an origin without a health endpoint, and is content", async () => {
    const origin = await startOrigin((_, response) => response.writeHead(404).end());
    const { code, out } = await freshline(["validate"], { ORIGINS: origin.url });
    expect(code).toBe(0);
    expect(out[1]).toBe(`! origin    ${origin.url}: answered 404 to /health-check`);
    expect(out[2]).toMatch(/^ {12}→ name in HEALTH_CHECK_PATH /);
  });

  it("refuses a Redis that is away, and shows no password", async () => {
    const origin = await startOrigin((_, response) => response.end());
    const env = { ORIGINS: origin.url, ...UP, REDIS_URL: "redis://user:hunter2@127.0.0.1:1" };
    const { code, out } = await freshline(["validate"], env);
    expect(code).toBe(1);
    expect(out.join("\n")).toMatch(/^✗ redis {5}connect ECONNREFUSED 127\.0\.0\.1:1 \(redis:\/\/\*\*\*@/m);
    expect(out.join("\n")).not.toContain("hunter2");
  });
});

describe("freshline warm", () => {
  it("warms what a sitemap of the proxy's own lists, a few at once, and says so as JSON", async () => {
    const pages = Array.from({ length: 100 }, (_, i) => `/page/${i}`);
    let now = 0;
    let most = 0;
    const waiting: (() => void)[] = [];
    const origin = await startOrigin((request, response) => {
      if (request.url === "/sitemap.xml") {
        const urls = [...pages, "/gone"].map((page) => `<url><loc>http://shop.test${page}</loc></url>`);
        response.end(`<urlset>${urls.join("")}<url><loc>http://evil.test/</loc></url></urlset>`);
        return;
      }
      if (request.url === "/health-check") {
        response.end();
        return;
      }
      most = Math.max(most, ++now);
      waiting.push(() => {
        now--;
        if (request.url === "/gone") response.writeHead(404).end();
        else response.writeHead(200, { "Cache-Control": "max-age=60" }).end("page");
      });
      // The first wait until five are there, and all of them for a sixth that may not come.
      if (most >= 5) for (const answer of waiting.splice(0)) setTimeout(answer, 10);
    });
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const env = {
      HOST: "127.0.0.1",
      PORT: String(site.proxy.port),
      ADMIN_PORT: String(site.proxy.adminPort),
    };
    const words = ["warm", "--sitemap", "http://shop.test/sitemap.xml", "--concurrency", "5", "--json"];
    const { code, out, err } = await freshline(words, env);
    expect(code).toBe(1);
    expect(JSON.parse(out.join(""))).toEqual({
      requested: 101,
      warmed: 100,
      failed: [{ url: "http://shop.test/gone", detail: "answered 404" }],
      skipped: 1,
    });
    expect(err).toEqual(["freshline: 1 URLs of other sites than their sitemap's are left out"]);
    expect(most).toBe(5);
    expect((await site.get("/page/7", { Host: "shop.test" })).cache).toBe("HIT/HIT");
  });
});

it("freshline warm writes nothing to the terminal that a sitemap could steer it with", async () => {
  const index = "<sitemapindex><loc>http://shop.test/&#27;[2J</loc></sitemapindex>";
  const origin = await startOrigin((request, response) => {
    if (request.url === "/index.xml") response.end(index);
    else response.writeHead(404).end();
  });
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  const env = { HOST: "127.0.0.1", PORT: String(site.proxy.port) };
  const { code, err } = await freshline(["warm", "--sitemap", "http://shop.test/index.xml"], env);
  expect([code, err]).toEqual([1, ["freshline: cannot read http://shop.test/\\x1b[2J: answered 404"]]);
});

describe("exit codes", () => {
  it("are 2 for what is not understood, whatever the command", async () => {
    for (const command of ["config", "health", "validate", "warm", "completion", "stats", "restart"])
      expect((await freshline([command, "--no-such-flag"], {})).code, command).toBe(2);
  });
});
