import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { runProgram, startProgram } from "./program.ts";
import { type Ask, ask, startSite } from "./site.ts";
import { load } from "./steady-load.ts";

interface Shown {
  readonly healthy: boolean;
  readonly state: string;
  readonly in_flight: number;
  readonly history: readonly { readonly healthy: boolean; readonly detail: string }[];
}

/** An origin that counts what it is asked, its checks apart, and knows its connections. */
async function anOrigin(answer?: (request: IncomingMessage, response: ServerResponse) => void) {
  const state = { requests: 0, checks: 0, health: 200, sockets: new Set<Socket>() };
  const server = createServer((request, response) => {
    if (request.url === "/health-check") {
      state.checks++;
      response.writeHead(state.health).end();
      return;
    }
    state.requests++;
    if (answer === undefined) response.setHeader("Cache-Control", "no-store").end("x");
    else answer(request, response);
  });
  server.on("connection", (socket) => {
    state.sockets.add(socket);
    socket.once("close", () => state.sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function steering(ask: (path: string, how?: Ask) => ReturnType<typeof import("./site.ts").ask>) {
  const post = (path: string) => (origin: string) =>
    ask(path, { method: "POST", body: JSON.stringify({ origin }) });
  return {
    add: post("/origins"),
    drain: post("/origins/drain"),
    remove: (origin: string) => ask(`/origins?origin=${encodeURIComponent(origin)}`, { method: "DELETE" }),
    shown: async () => (await ask("/origins")).json<Record<string, Shown>>(),
  };
}

const SOON = { HEALTH_CHECK_INTERVAL: "20ms" };

describe("an origin that is added", () => {
  it("gets its turn once a check has been good, and no request before", async () => {
    const [one, other] = [await anOrigin(), await anOrigin()];
    other.state.health = 500;
    const site = await startSite({ settings: { ORIGINS: one.url, ORIGIN_SLOW_START: "0s", ...SOON } });
    const { add, shown } = steering(site.admin);
    const added = await add(other.url);
    expect([added.status, added.json()]).toMatchObject([200, { origin: other.url, state: "down" }]);
    for (let i = 0; i < 10; i++) await site.get(`/${i}`);
    expect([one.state.requests, other.state.requests]).toEqual([10, 0]);
    other.state.health = 200;
    await site.until("it is up", async () => (await shown())[other.url]?.state === "up");
    for (let i = 0; i < 10; i++) await site.get(`/${i}`);
    expect([one.state.requests, other.state.requests]).toEqual([15, 5]);
  });

  it("is refused where it is there already, or is no origin", async () => {
    const one = await anOrigin();
    const site = await startSite({ settings: { ORIGINS: one.url } });
    const { add } = steering(site.admin);
    const refused = async (origin: string) => {
      const answer = await add(origin);
      return [answer.status, answer.json()["code"]];
    };
    expect(await refused(one.url)).toEqual([409, "origin_exists"]);
    expect(await refused(`${one.url}/`)).toEqual([409, "origin_exists"]);
    for (const wrong of ["localhost:4001", "ftp://a", "http://a/path", "http://me:secret@a", ""])
      expect(await refused(wrong), wrong).toEqual([400, "bad_request"]);
    expect((await add("http://me:secret@a/b")).text).not.toContain("secret");
  });
});

describe("an origin that drains", () => {
  it("ends what it has begun, gets nothing new, and comes back when it is added again", async () => {
    let finish = () => {};
    const slow = await anOrigin((request, response) => {
      if (request.url === "/long") finish = () => response.end("done");
      else response.end("slow");
    });
    const other = await anOrigin();
    const site = await startSite({ settings: { ORIGINS: slow.url } });
    const { add, drain, shown } = steering(site.admin);
    const long = site.get("/long");
    await site.until("it is under way", () => slow.state.requests === 1);
    await add(other.url);
    expect((await drain(slow.url)).json()).toMatchObject({ state: "draining", in_flight: 1 });
    for (let i = 0; i < 6; i++) expect((await site.get(`/${i}`)).text).toBe("x");
    expect(slow.state.requests).toBe(1);
    finish();
    expect((await long).text).toBe("done");
    await site.until("nothing is under way", async () => (await shown())[slow.url]?.in_flight === 0);
    for (let i = 0; i < 6; i++) expect((await site.get(`/idle/${i}`)).text).toBe("x");
    expect((await add(slow.url)).json()).toMatchObject({ state: "up" });
    for (let i = 0; i < 6; i++) await site.get(`/again/${i}`);
    expect(slow.state.requests).toBeGreaterThan(1);
  });

  it("stays so over a reload that leaves ORIGINS alone, and not over one that names other origins", async () => {
    const [one, other] = [await anOrigin(), await anOrigin()];
    const site = await startSite({ settings: { ORIGINS: `${one.url},${other.url}` } });
    const { drain, shown } = steering(site.admin);
    await drain(one.url);
    await site.reload({ ORIGIN_TIMEOUT: "5s" });
    expect((await shown())[one.url]?.state).toBe("draining");
    await site.reload({ ORIGINS: one.url });
    expect(Object.keys(await shown())).toEqual([one.url]);
    expect((await shown())[one.url]?.state).toBe("up");
  });
});

describe("an origin that is removed", () => {
  it("is checked no more, and has no connection left once what was under way has ended", async () => {
    let finish = () => {};
    const leaving = await anOrigin((request, response) => {
      if (request.url?.startsWith("/long")) finish = () => response.end("done");
      else response.end("x");
    });
    const other = await anOrigin();
    const site = await startSite({ settings: { ORIGINS: `${leaving.url},${other.url}`, ...SOON } });
    const { remove, shown } = steering(site.admin);
    const long = Promise.all([site.get("/long?1"), site.get("/long?2")]);
    await site.until("they are under way", () => leaving.state.requests + other.state.requests === 2);
    const removed = await remove(leaving.url);
    expect([removed.status, removed.json()]).toEqual([200, { origin: leaving.url }]);
    expect(Object.keys(await shown())).toEqual([other.url]);
    const { checks, requests } = leaving.state;
    const checksOfOther = other.state.checks;
    await site.until("the other is checked", () => other.state.checks > checksOfOther + 5);
    expect([leaving.state.checks, leaving.state.requests]).toEqual([checks, requests]);
    expect(leaving.state.sockets.size).toBe(1);
    finish();
    expect((await long).map(({ status }) => status)).toEqual([200, 200]);
    await site.until("its connections are closed", () => leaving.state.sockets.size === 0);
  });

  it("is refused where it is the last in turn, or unknown", async () => {
    const [one, other] = [await anOrigin(), await anOrigin()];
    const site = await startSite({ settings: { ORIGINS: `${one.url},${other.url}` } });
    const { add, drain, remove } = steering(site.admin);
    const codeOf = async (answer: ReturnType<typeof remove>) => {
      const { status, json } = await answer;
      return [status, json()["code"]];
    };
    expect(await codeOf(remove("http://127.0.0.1:1"))).toEqual([404, "unknown_origin"]);
    expect(await codeOf(drain("nonsense"))).toEqual([404, "unknown_origin"]);
    expect(await codeOf(site.admin("/origins", { method: "DELETE" }))).toEqual([400, "bad_request"]);
    expect((await drain(one.url)).status).toBe(200);
    expect(await codeOf(drain(other.url))).toEqual([409, "last_origin"]);
    expect(await codeOf(remove(other.url))).toEqual([409, "last_origin"]);
    expect((await remove(one.url)).status).toBe(200);
    expect(await codeOf(remove(other.url))).toEqual([409, "last_origin"]);
    expect((await site.get("/still")).status).toBe(200);
    expect((await add(one.url)).status).toBe(200);
    expect((await remove(other.url)).status).toBe(200);
  });
});

it("the history of an origin's health is kept, the latest last", async () => {
  const [one, other] = [await anOrigin(), await anOrigin()];
  const site = await startSite({
    settings: { ORIGINS: `${one.url},${other.url}`, HEALTH_CHECK_INTERVAL: "10ms" },
  });
  const { shown } = steering(site.admin);
  const historyOf = async (url: string) => (await shown())[url]?.history ?? [];
  for (const [health, healthy] of [
    [503, false],
    [200, true],
  ] as const) {
    one.state.health = health;
    await site.until("it has changed", async () => (await shown())[one.url]?.healthy === healthy);
  }
  expect(await historyOf(one.url)).toMatchObject([
    { healthy: false, detail: "answered 503" },
    { healthy: true, detail: "answered 200" },
  ]);
  expect(await historyOf(other.url)).toEqual([]);
});

it("requests lose nothing while origins come and go", async () => {
  const origins = [await anOrigin(), await anOrigin(), await anOrigin()];
  const urls = origins.map(({ url }) => url);
  const [first = "", ...others] = urls;
  const site = await startSite({ settings: { ORIGINS: first, ORIGIN_SLOW_START: "0s" } });
  const { add, drain, remove } = steering(site.admin);
  const traffic = load(site.proxy.port);
  const some = async () => {
    const answers = traffic.answers();
    await until("requests have been answered", () => traffic.answers() > answers + 20);
  };
  for (const url of others) {
    expect((await add(url)).status).toBe(200);
    await some();
  }
  for (let round = 0; round < 5; round++) {
    for (const url of urls) {
      expect((await drain(url)).status).toBe(200);
      await some();
      expect((await remove(url)).status).toBe(200);
      await some();
      expect((await add(url)).status).toBe(200);
    }
  }
  await traffic.stop();
  expect(traffic.lost).toEqual([]);
  for (const { state } of origins) expect(state.requests).toBeGreaterThan(20);
});

describe("with two workers", () => {
  it("all of them follow, those too that come later, and no request is lost", async () => {
    const [one, other] = [await anOrigin(), await anOrigin()];
    const program = await startProgram({ ORIGINS: one.url, WORKERS: "2", LOG_FORMAT: "json" });
    const admin = (path: string, how?: Ask) => ask(`http://127.0.0.1:${program.adminPort}${path}`, how);
    const { add, remove, shown } = steering(admin);
    const traffic = load(program.port);
    expect((await add(other.url)).json()).toMatchObject({ origin: other.url, state: "up" });
    await until("it is asked", () => other.state.requests > 50);
    expect((await remove(one.url)).status).toBe(200);
    const before = one.state.requests;
    const answers = traffic.answers();
    await until("requests have been answered", () => traffic.answers() > answers + 100);
    // What was under way when it was removed.
    expect(one.state.requests).toBeLessThanOrEqual(before + 8);
    const asked = one.state.requests;
    expect((await admin("/restart", { method: "POST" })).json()).toEqual({ restarted: 2 });
    expect(Object.keys(await shown())).toEqual([other.url]);
    await traffic.stop();
    expect(traffic.lost).toEqual([]);
    expect(one.state.requests).toBe(asked);
  });

  it("one that drains does so in workers that come later", async () => {
    const [one, other] = [await anOrigin(), await anOrigin()];
    const program = await startProgram({ ORIGINS: `${one.url},${other.url}`, WORKERS: "2" });
    const admin = (path: string, how?: Ask) => ask(`http://127.0.0.1:${program.adminPort}${path}`, how);
    const { drain, shown } = steering(admin);
    expect((await drain(one.url)).json()).toMatchObject({ state: "draining" });
    await admin("/restart", { method: "POST" });
    expect((await shown())[one.url]?.state).toBe("draining");
    for (let i = 0; i < 20; i++) await ask(`http://127.0.0.1:${program.port}/${i}`);
    expect([one.state.requests, other.state.requests]).toEqual([0, 20]);
  });
});

it("`freshline origins` shows, adds, drains and removes", async () => {
  const [one, other] = [await anOrigin(), await anOrigin()];
  const site = await startSite({ settings: { ORIGINS: one.url } });
  const freshline = async (...words: string[]) => {
    const program = runProgram(["origins", ...words], { ADMIN_PORT: String(site.proxy.adminPort) });
    return [await program.exited, program.out() + program.err()];
  };
  expect(await freshline()).toEqual([0, `up        ${one.url}  answered 200, 0 in flight\n`]);
  expect(await freshline("add", other.url)).toEqual([
    0,
    `up        ${other.url}  answered 200, 0 in flight\n`,
  ]);
  expect(await freshline("drain", other.url)).toEqual([
    0,
    `draining  ${other.url}  answered 200, 0 in flight\n`,
  ]);
  expect(await freshline("remove", other.url)).toEqual([0, `${other.url} is no origin any more\n`]);
  const [code, said] = await freshline("remove", one.url);
  expect([code, said]).toEqual([1, expect.stringContaining("answered 409")]);
  expect(await freshline("forget", one.url)).toEqual([2, expect.stringContaining("add, drain or remove")]);
  const gone = `http://127.0.0.1:${await freePort()}`;
  expect(await freshline("add", gone)).toEqual([0, expect.stringMatching(/^down {6}http:/)]);
});
