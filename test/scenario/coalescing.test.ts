import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { type Answer, type Site, startSite } from "./site.ts";

const CACHEABLE = { "Cache-Control": "max-age=60", "Content-Type": "text/plain" };

/** An origin that keeps every request waiting until the test answers it. */
async function startHeldOrigin() {
  const held: ServerResponse[] = [];
  const origin = await startOrigin((_request, response) => held.push(response));
  return { ...origin, held };
}

/** A client of which nothing is left when the test says so. */
function leavingClient(site: Site, path: string): () => void {
  const socket = connect(site.proxy.port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${site.proxy.port}\r\n\r\n`);
  return () => socket.destroy();
}

const many = <T>(n: number, make: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: n }, (_, i) => make(i)));

const collapsed = (answers: readonly Answer[]): Answer[] =>
  answers.filter((answer) => answer.header("cache-status")?.endsWith("; collapsed"));

it("1,000 clients of a cold key are answered from one flight, while it arrives", async () => {
  const { url, held, requests } = await startHeldOrigin();
  const site = await startSite({ settings: { ORIGINS: url } });
  let begun = 0;
  const clients = many(1000, () => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const socket = connect(site.proxy.port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    let text = "";
    let hasBegun = false;
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (!hasBegun && text.includes("first ")) begun++;
      hasBegun ||= text.includes("first ");
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
    socket.write("GET /page HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
    return promise;
  });
  await site.until("the leader has asked", () => held.length > 0);
  held[0]!.writeHead(200, { ...CACHEABLE, "Content-Length": "11" });
  held[0]!.write("first ");
  // Nobody can have it from the store yet: there is no end of it.
  await site.until("everybody has the beginning", () => begun === 1000);
  held[0]!.end("last!");
  const answers = await clients;
  expect(requests).toHaveLength(1);
  for (const answer of answers) {
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toContain("X-Cache-Status: MISS\r\nX-Cache: MISS\r\n");
    expect(answer).toMatch(/\r\n\r\nfirst last!$/);
  }
  expect(answers.filter((answer) => answer.includes("fwd=uri-miss; collapsed"))).toHaveLength(999);
  expect((await site.admin("/stats")).json()).toMatchObject({ coalesced: 999, origin_requests: 1 });
  expect((await site.get("/page", { Host: "shop.test" })).cache).toBe("HIT/HIT");
});

it("1,000 requests of 100 connections reach a mock origin once", async () => {
  const site = await startSite();
  const path = "/data?id=1&cache-control=max-age=60";
  await site.behave({ delay_ms: 200 });
  const answers = (
    await many(100, async () => {
      const own: Answer[] = [];
      for (let i = 0; i < 10; i++) own.push(await site.get(path));
      return own;
    })
  ).flat();
  expect(answers).toHaveLength(1000);
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect(new Set(answers.map(({ cache }) => cache))).toEqual(new Set(["MISS/MISS", "HIT/HIT"]));
  expect(await site.asked(`GET ${path}`)).toBe(1);
});

it("an expired key is validated once for all", async () => {
  const site = await startSite();
  const path = "/data?id=1&cache-control=must-revalidate,max-age=5";
  const first = await site.get(path);
  site.advance(6);
  await site.behave({ delay_ms: 300 });
  const answers = await many(50, () => site.get(path));
  expect(new Set(answers.map(({ text }) => text))).toEqual(new Set([first.text]));
  expect(collapsed(answers).length).toBeGreaterThan(0);
  expect(await site.counts()).toMatchObject({ total: 2, conditional: 1, not_modified: 1 });
});

it("keys do not wait for one another", async () => {
  const { url, held } = await startHeldOrigin();
  const site = await startSite({ settings: { ORIGINS: url } });
  const paths = ["/a", "/b", "/a?b", "/A"];
  const answers = many(4, (i) => site.get(paths[i]!));
  await site.until("every key has been asked for", () => held.length === 4);
  for (const response of held) response.writeHead(200, CACHEABLE).end(response.req.url);
  expect((await answers).map(({ text }) => text)).toEqual(paths);
});

it("a leader whose client leaves before the answer harms nobody", async () => {
  const { url, held, requests } = await startHeldOrigin();
  const site = await startSite({ settings: { ORIGINS: url } });
  const leave = leavingClient(site, "/page");
  await site.until("the leader has asked", () => held.length === 1);
  const followers = many(5, () => site.get("/page"));
  leave();
  // A later round trip: the end of the connection has come before it.
  await site.admin("/health/live");
  held[0]!.writeHead(200, CACHEABLE).end("for all");
  expect((await followers).map(({ text }) => text)).toEqual(Array(5).fill("for all"));
  expect(requests).toHaveLength(1);
});

it("a leader that leaves while the body arrives, and is alone, still fills the cache", async () => {
  const { url, held, requests } = await startHeldOrigin();
  const site = await startSite({ settings: { ORIGINS: url } });
  const leave = leavingClient(site, "/page");
  await site.until("the leader has asked", () => held.length === 1);
  held[0]!.writeHead(200, { ...CACHEABLE, "Content-Length": "10" });
  held[0]!.write("first");
  leave();
  await site.until("it is told that the client has left", () =>
    site.events.some((event) => event.type === "answered" && event.aborted),
  );
  held[0]!.end("last!");
  await site.until("it is stored", () => site.events.some((event) => event.type === "stored"));
  const answer = await site.get("/page");
  expect(answer.cache).toBe("HIT/HIT");
  expect(answer.text).toBe("firstlast!");
  expect(requests).toHaveLength(1);
});

it("a leader that fails hands over: one client sees the error, the others the answer", async () => {
  const origin = await startHeldOrigin();
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  const clients = many(10, () => site.get("/page"));
  await site.until("the leader has asked", () => origin.held.length === 1);
  origin.held[0]!.destroy();
  await site.until("another one leads", () => origin.held.length === 2);
  origin.held[1]!.writeHead(200, CACHEABLE).end("well");
  const answers = await clients;
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 502]);
  expect(answers.find(({ status }) => status === 502)?.json()["code"]).toBe("origin_unreachable");
  expect(origin.requests).toHaveLength(2);
});

it("an origin that goes on failing slowly is asked twice by a burst, not once by each", async () => {
  const site = await startSite();
  await site.behave({ status: 503, delay_ms: 600 });
  const path = "/data?id=1&cache-control=max-age=60";
  const answers = await many(40, () => site.get(path));
  for (const answer of answers) expect([502, 503]).toContain(answer.status);
  expect(await site.asked(`GET ${path}`)).toBe(2);
});

it("1,000 clients of a cold key in two languages reach the origin twice", async () => {
  const { url, held, requests } = await startHeldOrigin();
  const site = await startSite({ settings: { ORIGINS: url } });
  const answerInOwn = (response: ServerResponse) =>
    response
      .writeHead(200, { ...CACHEABLE, Vary: "Accept-Language" })
      .end(`in ${response.req.headers["accept-language"]}`);
  const languages = ["de", "en"];
  const clients = many(1000, (i) => site.get("/page", { "Accept-Language": languages[i % 2]! }));
  await site.until("the first has asked", () => held.length === 1);
  // Round trips on which the proxy has had time to read them all.
  await many(100, () => site.get("/health-check"));
  answerInOwn(held[0]!);
  await site.until("the other language has asked", () => held.length === 2);
  answerInOwn(held[1]!);
  expect((await clients).map(({ text }) => text)).toEqual(
    Array.from({ length: 1000 }, (_, i) => `in ${languages[i % 2]}`),
  );
  expect(requests.filter((request) => request.url === "/page")).toHaveLength(2);
});

it("an origin that hangs is asked three times by a burst, and all share the error", async () => {
  const { url, requests } = await startHeldOrigin();
  const settings = { ORIGINS: url, COALESCE_PATIENCE: "300ms", ORIGIN_TIMEOUT: "2s" };
  const site = await startSite({ settings });
  const answers = await many(257, () => site.get("/page"));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([504]));
  expect(requests).toHaveLength(3);
});

it("a leader that is merely slow serves those who wait for it, and is stored", async () => {
  const { url, held, requests } = await startHeldOrigin();
  const site = await startSite({ settings: { ORIGINS: url, COALESCE_PATIENCE: "50ms" } });
  const clients = many(100, () => site.get("/page"));
  await site.until("three have asked", () => held.length === 3);
  held[0]!.writeHead(200, CACHEABLE).end("slow");
  await site.until("it is stored", () => site.events.some(({ type }) => type === "stored"));
  for (const response of held.slice(1)) response.destroy();
  const texts = (await clients).map(({ text }) => text).filter((text) => text === "slow");
  // All but the two that asked beside it.
  expect(texts).toHaveLength(98);
  expect((await site.get("/page")).cache).toBe("HIT/HIT");
  expect(requests).toHaveLength(3);
});

it("a member of a group that was fetched across a write is nobody's who came after it", async () => {
  const held: ServerResponse[] = [];
  const origin = await startOrigin((request, response) => {
    if (request.method === "GET") held.push(response);
    else response.writeHead(200, { "Cache-Group-Invalidation": '"g"' }).end();
  });
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  const answer = (nth: number, text: string) =>
    held[nth]!.writeHead(200, { ...CACHEABLE, "Cache-Groups": '"g"' }).end(text);
  const before = site.get("/member");
  await site.until("the leader has asked", () => held.length === 1);
  await site.ask("/list", { method: "PUT", body: "new" });
  const after = many(20, () => site.get("/member"));
  await site.admin("/health/live");
  answer(0, "old");
  await site.until("another fetch has begun", () => held.length === 2);
  answer(1, "new");
  expect((await after).map(({ text }) => text)).toEqual(Array(20).fill("new"));
  expect((await before).text).toBe("old");
  expect((await site.get("/member")).text).toBe("new");
});
