import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { MAX_DUE } from "../../src/server/lane/connection.ts";
import { startOrigin } from "./own-origin.ts";
import { rawClient } from "./raw.ts";
import { type Site, startSite } from "./site.ts";

const asking = (path: string, more = ""): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${more}\r\n`;
const posting = (body: string): string =>
  `POST /echo HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const answered = (site: Site) =>
  site.events.filter((event): event is CacheEvent & { type: "answered" } => event.type === "answered");
const idsIn = (seen: string) => [...seen.matchAll(/^X-Request-Id: (.*)\r$/gm)].map(([, id]) => id);

/** Answers every request to it that many milliseconds late, or when it is told. */
async function startSlow() {
  const waiting: ServerResponse[] = [];
  const origin = await startOrigin((_, response) => waiting.push(response));
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  return { site, waiting, origin };
}

describe("one connection in the plain lane", () => {
  it("has hits, misses and what is not plain answered in their order", async () => {
    const site = await startSite();
    const hit = "/data?id=1&cache-control=max-age=600";
    await site.get(hit, { Host: "a.example" });
    const client = await rawClient(site.proxy.port);
    const last = asking(hit, "Connection: close\r\n");
    client.write(
      `${asking(hit)}${asking("/data?id=2")}${asking(hit)}${posting("one")}${asking(hit)}${posting("two")}${last}`,
    );
    const seen = await client.end();
    expect(seen.match(/"id":"\d"|"body":"\w+"/g)).toEqual([
      ...['"id":"1"', '"id":"2"', '"id":"1"', '"body":"one"', '"id":"1"', '"body":"two"', '"id":"1"'],
    ]);
    expect(idsIn(seen)).toHaveLength(7);
  });

  it(`has at most ${MAX_DUE} requests worked on at once, and all of them answered`, async () => {
    const { site, waiting } = await startSlow();
    const client = await rawClient(site.proxy.port);
    const paths = Array.from({ length: 3 * MAX_DUE }, (_, i) => `/${i}`);
    client.write(paths.map((path) => asking(path)).join(""));
    await site.until("as many as may be are at the origin", () => waiting.length === MAX_DUE);
    await site.ask("/other", { method: "OPTIONS", headers: { "Max-Forwards": "0" } });
    expect(waiting).toHaveLength(MAX_DUE);
    for (let i = 0; i < paths.length; i++) {
      await site.until("the next one is at the origin", () => waiting.length > i);
      waiting[i]?.end(`<${waiting[i]?.req.url}>`);
    }
    const seen = await client.sees(`<${paths.at(-1)}>`);
    expect(seen.match(/<\/\d+>/g)).toEqual(paths.map((path) => `<${path}>`));
  });

  it("of a client that leaves has every answer that is due told as aborted", async () => {
    const { site, waiting } = await startSlow();
    const client = await rawClient(site.proxy.port);
    client.write(asking("/1") + asking("/2"));
    await site.until("both are at the origin", () => waiting.length === 2);
    for (const response of waiting) response.write("begun");
    await client.sees("begun");
    client.socket.resetAndDestroy();
    await site.until("both are told", () => answered(site).filter(({ aborted }) => aborted).length === 2);
  });
});

it.each(["on", "off"])(
  "behind a request that closes its connection nothing is a request, with the plain lane %s",
  async (lane) => {
    const origin = await startOrigin((_, response) => response.end("x"));
    const site = await startSite({ settings: { ORIGINS: origin.url, PLAIN_LANE: lane } });
    const client = await rawClient(site.proxy.port);
    client.write(asking("/1", "Connection: close\r\n") + asking("/2") + asking("/3"));
    expect((await client.end()).match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200"]);
    await site.get("/other");
    expect(origin.requests.map(({ url }) => url)).toEqual(["/1", "/other"]);
  },
);

it("bytes that come behind a request that closes its connection are dropped", async () => {
  const { site, waiting, origin } = await startSlow();
  const client = await rawClient(site.proxy.port);
  client.write(asking("/1", "Connection: close\r\n"));
  await site.until("it is at the origin", () => waiting.length === 1);
  client.write(asking("/2"));
  await site.ask("/other", { method: "OPTIONS", headers: { "Max-Forwards": "0" } });
  waiting[0]?.end("<first>");
  expect((await client.end()).endsWith("<first>")).toBe(true);
  expect(origin.requests.map(({ url }) => url)).toEqual(["/1"]);
});

describe("a client that takes nothing of its hits", () => {
  const HITS = 20_000;
  const path = "/bytes?n=100&cache-control=max-age=600";

  /** A client that has asked for more than its connection holds. */
  async function startStalled(settings: Record<string, string> = {}) {
    // So that no second passes, after which an answer is made anew.
    const site = await startSite({ settings, standingClock: true });
    await site.get(path, { Host: "a.example" });
    await site.until("it is stored", () => site.events.some(({ type }) => type === "stored"));
    const client = await rawClient(site.proxy.port);
    client.socket.pause();
    client.write(asking(path).repeat(HITS - 1) + asking(path, "Connection: close\r\n"));
    let told = 0;
    let looks = 0;
    await site.until("no more is answered", () => {
      looks = answered(site).length === told ? looks + 1 : 0;
      told = answered(site).length;
      return told > 1 && looks === 40;
    });
    return { site, client };
  }

  it("is not read from meanwhile, gets all of them later, and each with the id that is told", async () => {
    const { site, client } = await startStalled();
    expect(answered(site).length).toBeLessThan(HITS);
    const other = await rawClient(site.proxy.port);
    for (let i = 1; i <= 20; i++) {
      other.write(asking(path));
      await site.until("it is answered", () => idsIn(other.received()).length === i);
    }
    client.socket.resume();
    const ids = idsIn(await client.end());
    await site.until("all is told", () => answered(site).length > HITS + 20);
    expect(ids).toHaveLength(HITS);
    expect(new Set([...ids, ...idsIn(other.received())]).size).toBe(HITS + 20);
    const told = new Set(answered(site).map(({ requestId }) => requestId));
    expect(ids.filter((id) => !told.has(id ?? ""))).toEqual([]);
    expect(answered(site).filter(({ aborted }) => aborted)).toEqual([]);
  });

  it("is cut after WRITE_TIMEOUT, and that is told of one request", async () => {
    const { site } = await startStalled({ WRITE_TIMEOUT: "300ms" });
    await site.until("it is cut", () => answered(site).some(({ aborted }) => aborted));
    expect(answered(site).filter(({ aborted }) => aborted)).toHaveLength(1);
    expect(answered(site).find(({ aborted }) => aborted)).toMatchObject({
      outcome: { word: "HIT" },
      tier: "memory",
    });
  });
});

it("a hit is told alike with the plain lane on and off", async () => {
  const on = await startSite();
  const off = await startSite({ settings: { PLAIN_LANE: "off" }, beside: on });
  const told = [];
  for (const site of [on, off]) {
    for (const bytes of [
      asking("/data?id=1&cache-control=max-age=600"),
      asking("/data?id=1&cache-control=max-age=600", "X-Request-Id: mine\r\n"),
      asking("/data?id=1&cache-control=max-age=600", "If-None-Match: *\r\n"),
      asking("/data?id=1&cache-control=max-age=600").replace("GET", "HEAD"),
      asking("/nowhere?id=1"),
    ]) {
      const before = answered(site).length;
      const client = await rawClient(site.proxy.port);
      client.write(bytes);
      await site.until("it is told", () => answered(site).length > before);
    }
    told.push(
      answered(site).map(({ requestId, headMs, durationMs, at: _, ...rest }) => ({
        ...rest,
        requestId: requestId === "mine" ? requestId : requestId.length,
        times: headMs >= 0 && durationMs >= headMs,
      })),
    );
  }
  expect(told[0]).toEqual(told[1]);
  expect(told[0]?.map(({ outcome }) => outcome.word)).toEqual(["MISS", "HIT", "HIT", "HIT", "MISS"]);
});

it.each(["on", "off"])(
  "100 Continue is never said in the midst of an answer that had to wait for others (PLAIN_LANE=%s)",
  async (lane) => {
    let release = () => {};
    const origin = await startOrigin((request, response) => {
      response.setHeader("Cache-Control", "max-age=60");
      if (request.url === "/stored") response.end("<stored>");
      else {
        response.write("<fir");
        release = () => response.end("st>");
      }
    });
    const site = await startSite({ settings: { ORIGINS: origin.url, PLAIN_LANE: lane } });
    await site.get("/stored", { Host: "a.example" });
    const client = await rawClient(site.proxy.port);
    client.write(asking("/first") + asking("/stored", "Expect: 100-continue\r\nConnection: close\r\n"));
    await client.sees("<fir");
    await site.get("/stored");
    release();
    const seen = (await client.end()).replace("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200", "HTTP/1.1 200");
    expect(seen.match(/HTTP\/1\.1 \d+|<fir|st>|<stored>/g)).toEqual([
      ...["HTTP/1.1 200", "<fir", "st>", "HTTP/1.1 200", "<stored>"],
    ]);
  },
);
