import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MockOrigins, startMockOrigins } from "../../mock-origin/start.ts";
import { VULNERABLE } from "../../mock-origin/vulnerable.ts";
import type { SettingName } from "../../src/config/settings.ts";
import { type Running, start } from "../../src/start.ts";
import { configFor } from "../config-for.ts";
import { type OpenOrigin, openOrigin } from "../open-origin.ts";
import { exchange } from "../scenario/raw.ts";
import { type Answer, ask } from "../scenario/site.ts";
import { careless, EVIL, LYING_PARTS } from "./careless-origin.ts";
import {
  ALONE,
  ASKED_OTHERWISE,
  IGNORED,
  KEYED,
  type PoisonRow,
  type Sent,
  STRIPPED,
} from "./rows-of-poison.ts";

interface Before {
  port(): number;
  send(sent: Sent): Promise<Answer>;
}

/** A proxy before this origin, for all tests of the file. */
function before(
  origin: () => string,
  settings: Partial<Record<SettingName, string>> = {},
  clock = { addedMs: 0 },
): Before {
  let proxy: Running;
  beforeAll(async () => {
    const own = { HEALTH_CHECK_INTERVAL: "1h", SHUTDOWN_TIMEOUT: "1s" };
    const config = configFor({ ORIGINS: origin(), ...own, ...settings });
    proxy = await start(config, { now: () => Date.now() + clock.addedMs });
  });
  afterAll(() => proxy.stop());
  return {
    port: () => proxy.port,
    send: ({ method = "GET", target, fields = [], body }) =>
      ask(`http://127.0.0.1:${proxy.port}${target}`, {
        method,
        headers: fields.some((name, i) => i % 2 === 0 && name.toLowerCase() === "host")
          ? fields
          : ["Host", "shop.example", ...fields],
        ...(body === undefined ? {} : { body }),
      }),
  };
}

let mock: MockOrigins;
let own: OpenOrigin;
beforeAll(async () => {
  mock = await startMockOrigins({ ports: [0] });
  own = await openOrigin(careless);
});
afterAll(async () => {
  await mock.close();
  await own.close();
});

const vulnerable = before(() => mock.urls[0] as string, { CACHE_KEY_IGNORE_PARAMS: "utm_*" });
const site = before(() => own.url);
const clock = { addedMs: 0 };
const aging = before(() => own.url, {}, clock);

const keyed = before(() => own.url, { CACHE_KEY_FIELDS: "X-A,X-B" });
const through = before(() => mock.urls[0] as string, { CACHE_KEY_FIELDS: "X-Host" });
const loose = before(() => mock.urls[0] as string, { UNKEYED_FIELDS_PASS: "X-Host,*_*" });
const strict = before(() => mock.urls[0] as string, { UNKEYED_FIELDS_STRIP: "X-Mine-*,Cookie" });

/** The attacker goes first; the visitor must get nothing of it, and from where the row says. */
async function play(proxy: Before, { attacker, visitor, gets, status = 200 }: PoisonRow): Promise<void> {
  await proxy.send(attacker).catch(() => undefined);
  const answer = await proxy.send(visitor);
  expect(`${answer.status} ${answer.rawHeaders.join("\n")}\n${answer.text}`.toLowerCase()).not.toContain(
    EVIL,
  );
  expect({ status: answer.status, from: answer.header("x-cache-status") }).toEqual({ status, from: gets });
}

const titled = (rows: readonly PoisonRow[]): [string, PoisonRow][] => rows.map((row) => [row.name, row]);

describe("a page that repeats all that it was asked with", () => {
  it.each(titled(STRIPPED))(
    "is anybody's when asked for with %s, of which no origin hears",
    async (_, row) => {
      await play(vulnerable, row);
    },
  );
  it.each(titled(ALONE))("stays with the one who asked with %s", async (_, row) => {
    await play(vulnerable, row);
  });
  it.each(titled(KEYED))("is not found under another target: %s", async (_, row) => {
    await play(vulnerable, row);
  });
  it.each(titled(IGNORED))("hears nothing of parameters that are in no key: %s", async (_, row) => {
    await play(vulnerable, row);
  });
  it.each(titled(ASKED_OTHERWISE))("does not say to others what it said to %s", async (_, row) => {
    await play(vulnerable, row);
  });
});

describe("each page of the vulnerable site", () => {
  const values: Readonly<Record<string, string>> = {
    "accept-encoding": "gzip",
    "x-forwarded-scheme": "http",
    "x-http-method-override": "POST",
    forwarded: `host=${EVIL}.example`,
    origin: `https://${EVIL}.example`,
  };
  it.each(VULNERABLE.map(({ path, field }) => [path, field] as const))(
    "%s says to the next visitor what it says to anybody, whatever %s was",
    async (path, field) => {
      const usual = await vulnerable.send({ target: `${path}?usual` });
      const target = `${path}?attacked`;
      await vulnerable.send({ target, fields: [field, values[field] ?? EVIL] });
      const next = await vulnerable.send({ target });
      const seen = ({ status, text, header }: Answer) => [
        ...[status, text, header("location"), header("content-encoding"), header("content-type")],
        header("access-control-allow-origin"),
      ];
      expect(seen(next)).toEqual(seen(usual));
    },
  );
});

describe("Host, as it is written", () => {
  const preserving = before(() => mock.urls[0] as string, { PRESERVE_HOST: "true" });
  const rows: readonly (readonly [written: string, gets: "HIT" | "MISS"])[] = [
    ["HOST.example", "HIT"],
    ["host.example:80", "HIT"],
    ["HOST.EXAMPLE:80", "HIT"],
    ["host.example:1337", "MISS"],
    ["host.example:443", "MISS"],
    ["host.example.", "MISS"],
    [`${EVIL}.example`, "MISS"],
  ];
  it.each(rows)("%s is not what another's page is made of", async (written, gets) => {
    for (const proxy of [vulnerable, preserving]) {
      const target = `/vulnerable/mirror?host=${written}`;
      const usual = (await proxy.send({ target: `${target}&`, fields: ["Host", "host.example"] })).text;
      await proxy.send({ target, fields: ["Host", written] });
      const next = await proxy.send({ target, fields: ["Host", "host.example"] });
      expect(next.header("x-cache-status")).toBe(gets);
      const hosts = (text: string) => text.match(/^(?:x-forwarded-)?host: .*$/gm);
      expect(hosts(next.text)).toEqual(hosts(usual));
    }
  });

  it("is the target's authority where the target has one", async () => {
    const asked = `GET http://${EVIL}.example/vulnerable/mirror?absolute HTTP/1.1`;
    await exchange(vulnerable.port(), `${asked}\r\nHost: shop.example\r\nConnection: close\r\n\r\n`);
    const answer = await vulnerable.send({ target: "/vulnerable/mirror?absolute" });
    expect(answer.header("x-cache-status")).toBe("MISS");
    expect(answer.text).not.toContain(EVIL);
  });
});

describe("Vary, however it is written, divides what it names", () => {
  it.each([
    ["X-A, X-B"],
    ["X-A", "X-B"],
    ["X-A", "", "X-B"],
    ["x-a,,x-b"],
    ["X-A,\tX-B"],
    ["X-b"],
    ["X-B", "*"],
    ["*"],
    ["X-B, *"],
    ['"X-B"'],
    ["X-A; X-B"],
  ])("%j %j %j", async (...lines) => {
    const query = lines
      .filter((line) => line !== undefined)
      .map((line) => `line=${encodeURIComponent(line)}`);
    const target = `/vary?${query.join("&")}`;
    await site.send({ target, fields: ["X-B", EVIL] });
    expect((await site.send({ target })).text).toBe("a= b=");
  });
});

describe("an answer about one request", () => {
  it.each([401, 407, 408, 411, 412, 413, 415, 416, 417, 421, 425, 426, 428, 429, 431, 511])(
    "%i is nobody else's, whatever lifetime it states",
    async (status) => {
      const row = { target: `/status/${status}?control=public,max-age=60` };
      await play(site, {
        name: "",
        attacker: { ...row, fields: ["X-Trigger", "1"] },
        visitor: row,
        gets: "MISS",
      });
    },
  );

  it.each([400, 403, 500, 502, 503])("%i that states no lifetime is not kept", async (status) => {
    const row = { target: `/status/${status}?control=` };
    await play(site, {
      name: "",
      attacker: { ...row, fields: ["X-Trigger", "1"] },
      visitor: row,
      gets: "MISS",
    });
  });
});

describe("one visitor's page", () => {
  const PUBLIC = "control=public,max-age=60";
  it.each([
    ["/account/x.css", PUBLIC],
    ["/account/x.js", PUBLIC],
    ["/account/x.PNG", PUBLIC],
    ["/account/a.b.woff2", PUBLIC],
    ["/account;x.css", PUBLIC],
    ["/account%2fx.css", PUBLIC],
    ["/account%3bx.ico", PUBLIC],
    ["/account%00.svg", PUBLIC],
    ["/account/x.css", `${PUBLIC}&type=application/json`],
    ["/account/x.css", `${PUBLIC}&type=text/plain`],
    ["/account/x.css", "control=s-maxage=60"],
    ["/account/x.css", "control=max-age=60"],
  ])("%s?%s is not shown to the next one", async (path, query) => {
    const target = `${path}?${query}`;
    const first = await site.send({ target, fields: ["Cookie", `session=${EVIL}`] });
    expect(first.text).toBe(`account of session=${EVIL}`);
    expect(first.header("cache-status")).toContain("detail=cookie");
    expect((await site.send({ target })).text).toBe("account of nobody");
  });

  it.each([
    ["/account/x.css", "control=max-age=60&type=text/css"],
    ["/account/x.js", "control=max-age=60&type=text/javascript; charset=utf-8"],
    ["/account/x.png", "control=max-age=60&type=image/png"],
    ["/account", "control=max-age=60"],
    ["/account", PUBLIC],
    ["/account", "control=s-maxage=60"],
    ["/account/x.bin", `${PUBLIC}&type=application/octet-stream`],
  ])("%s?%s is everybody's: it is what its name says", async (path, query) => {
    const target = `${path}?${query}&everybodys`;
    await site.send({ target, fields: ["Cookie", "a=1"] });
    expect((await site.send({ target })).header("x-cache-status")).toBe("HIT");
  });

  it.each([
    ["Authorization", "max-age=60"],
    ["Cookie", "private,max-age=60"],
    ["Cookie", "no-store"],
    ["Cookie", "no-cache"],
    ["Authorization", "private,max-age=60"],
    ["X-Who", "private,max-age=60"],
    ["X-Who", "no-store"],
    ["X-Who", "max-age=0"],
  ])("asked for with %s and answered %s is not shown to the next one", async (name, control) => {
    const target = `/whose?control=${control}&by=${name}`;
    await site.send({ target, fields: [name, EVIL] });
    expect((await site.send({ target })).text).toBe("for nobody");
    expect((await site.send({ target, fields: [name, "second"] })).text).not.toContain(EVIL);
  });

  it("is each one's own among those who wait for the same URL at once", async () => {
    for (const [name, path] of [
      ["Cookie", "/whose?control=private,max-age=60"],
      ["Authorization", "/whose?control=max-age=60"],
      ["X-Who", "/whose?control=private,max-age=60"],
      ["X-Who", "/cookie?control=max-age=60"],
    ] as const) {
      const users = Array.from({ length: 20 }, (_, i) => `user-${i}`);
      const target = `${path}&together=${name}`;
      const answers = await Promise.all(users.map((user) => site.send({ target, fields: [name, user] })));
      const got = answers.map((answer) =>
        path.startsWith("/cookie") ? answer.header("set-cookie") : answer.text,
      );
      const expected = users.map((user) => (path.startsWith("/cookie") ? `session=${user}` : `for ${user}`));
      expect(got).toEqual(expected);
    }
  });
});

describe("a part that lies about itself", () => {
  it("is not the whole, where nobody has asked for a part", async () => {
    await site.send({ target: "/part/unasked" });
    const next = await site.send({ target: "/part/unasked" });
    expect(next.header("x-cache-status")).toBe("MISS");
  });

  it.each(LYING_PARTS)("%s is nobody else's", async (lie) => {
    const target = `/part/${lie}`;
    await site.send({ target, fields: ["Range", "bytes=0-3"] }).catch(() => undefined);
    const next = await site.send({ target });
    expect(next).toMatchObject({ status: 200, text: "x".repeat(100) });
  });

  it.each(["bytes=0-3", "bytes=3-0", `bytes=${EVIL}`, "bytes=-1", "items=0-3", "bytes=0-0,2-2"])(
    "asked for as %s leaves others the whole",
    async (range) => {
      const target = `/vary?range=${range}`;
      await site.send({ target, fields: ["Range", range] });
      expect(await site.send({ target })).toMatchObject({ status: 200, text: "a= b=" });
    },
  );
});

it("a 304 gives nobody else a cookie, and leaves what describes the stored bytes as it was", async () => {
  const target = "/validated";
  await aging.send({ target });
  clock.addedMs += 61_000;
  const validated = await aging.send({ target, fields: ["Cookie", "session=mine"] });
  expect(validated.header("x-cache")).toBe("REVALIDATED");
  const next = await aging.send({ target });
  expect(next.header("x-cache")).toBe("HIT");
  expect(next).toMatchObject({ status: 200, text: "x".repeat(100) });
  expect(next.rawHeaders.join("\n")).not.toContain(EVIL);
  expect(next.header("content-length")).toBe("100");
});

it.each(["<script>", "https://evil.example/", "//evil.example", "a b", "a".repeat(129), ""])(
  "an X-Request-Id that is no id, or a page could be made of, is not believed: %s",
  async (given) => {
    const answer = await site.send({ target: "/vary?id", fields: ["X-Request-Id", given] });
    expect(answer.header("x-request-id")).toMatch(/^[\w-]{10,100}$/);
  },
);

describe("what an encoded answer without Vary is for", () => {
  it("those who take that coding", async () => {
    const target = "/vulnerable/encoded?both";
    const gzip = { target, fields: ["Accept-Encoding", "gzip"] };
    expect((await vulnerable.send(gzip)).header("content-encoding")).toBe("gzip");
    expect((await vulnerable.send({ target })).text).toContain("home");
    expect(await vulnerable.send(gzip)).toMatchObject({ cache: "HIT/HIT" });
    const none = await vulnerable.send({ target, fields: ["Accept-Encoding", "identity"] });
    expect(none.header("content-encoding")).toBeUndefined();
  });
});

describe("a parameter that No-Vary-Search leaves out", () => {
  it.each([
    [`utm=x;callback=${EVIL}&row=1`, "utm=y&row=1"],
    [`utm;callback=${EVIL}&row=2`, "utm=y&row=2"],
    [`utm=x%3bcallback=${EVIL}&row=3`, "row=3&utm=y"],
    [`row=4&utm=;callback=${EVIL}`, "row=4"],
  ])("does not hide one that counts: ?%s", async (attacked, visited) => {
    // So that it is known what the path's responses say of their queries.
    await site.send({ target: "/search?known" });
    await site.send({ target: `/search?${attacked}` });
    expect((await site.send({ target: `/search?${visited}` })).text).toBe("callback=");
    expect((await site.send({ target: `/search?${visited}&utm=z` })).cache).toBe("HIT/HIT");
  });
});

describe("settings", () => {
  it("CACHE_KEY_FIELDS divides what is stored, as Vary would", async () => {
    await keyed.send({ target: "/vary", fields: ["X-B", EVIL] });
    expect((await keyed.send({ target: "/vary" })).text).toBe("a= b=");
    expect(await keyed.send({ target: "/vary", fields: ["X-B", EVIL] })).toMatchObject({
      cache: "HIT/HIT",
      text: `a= b=${EVIL}`,
    });
  });

  it("CACHE_KEY_FIELDS lets through what no origin gets otherwise", async () => {
    const target = "/vulnerable/host";
    const evil = { target, fields: ["X-Host", EVIL] };
    expect((await through.send(evil)).text).toContain(EVIL);
    expect((await through.send({ target })).text).not.toContain(EVIL);
    expect(await through.send(evil)).toMatchObject({ cache: "HIT/HIT" });
  });

  it("UNKEYED_FIELDS_PASS passes what it names and nothing else", async () => {
    const fields = ["X-Host", "a", "X_Lang", "b", "X-Original-URL", "c"];
    const { text } = await loose.send({ target: "/vulnerable/mirror", fields });
    expect(text).toContain("x-host: a");
    expect(text).toContain("x-lang: b");
    expect(text).not.toContain("x-original-url");
  });

  it("UNKEYED_FIELDS_STRIP keeps what it names from origins, so that the answer is anybody's", async () => {
    const target = "/vulnerable/mirror";
    await strict.send({ target, fields: ["X-Mine-Own", EVIL, "Cookie", EVIL] });
    const next = await strict.send({ target });
    expect(next.cache).toBe("HIT/HIT");
    expect(next.text).not.toContain(EVIL);
  });
});
