import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { redisOfFile } from "../redis-of-file.ts";
import { bytes } from "../store/sample.ts";
import { until } from "../until.ts";
import { get, HOST, PATIENT, type Settings, startFleet } from "./fleet.ts";
import { startSharing } from "./program.ts";
import type { Site } from "./site.ts";

const redis = await redisOfFile();

const MiB = 1024 * 1024;
const LENGTH = 20 * MiB;
const CHUNK = 256 * 1024;
const CHUNKS = LENGTH / CHUNK;
/** Patient with a Redis on a machine that is busy with the test itself. */
const LARGE: Settings = { CACHE_MAX_OBJECT_BYTES: "64MiB" };

/** No KiB of them is like another. */
const bodies = { one: Buffer.from(bytes(LENGTH, 1)), two: Buffer.from(bytes(LENGTH, 2)) };
/** A client that takes whatever comes, and looks at each byte. */
function client(port: number, path: string, headers: Record<string, string> = {}) {
  let taken = 0;
  let message: IncomingMessage | undefined;
  let names = Object.keys(bodies) as (keyof typeof bodies)[];
  const ended = new Promise<"whole" | "broken">((resolve) => {
    const options = { host: "127.0.0.1", port, path, headers: { ...HOST, ...headers }, agent: false };
    const request = httpRequest(options, (response) => {
      message = response;
      response.on("data", (chunk: Buffer) => {
        names = names.filter((name) => chunk.equals(bodies[name].subarray(taken, taken + chunk.length)));
        taken += chunk.length;
      });
      response.on("error", () => resolve("broken"));
      response.on("end", () => resolve("whole"));
    });
    request.on("error", () => resolve("broken"));
    request.end();
    onTestFinished(() => void request.destroy());
  });
  return {
    bytes: () => taken,
    /** How it has ended, after how many bytes of which body. */
    async ends(): Promise<string> {
      const how = await ended;
      const what = names.length === 0 ? "of something else" : `of ${names.join(" or ")}`;
      return how === "whole" && taken === LENGTH ? `all ${what}` : `${how} ${what}`;
    },
    pause: () => message?.pause(),
    resume: () => message?.resume(),
  };
}
type Client = ReturnType<typeof client>;
const clients = (site: Site, n: number, path: string) =>
  Array.from({ length: n }, () => client(site.proxy.port, path));

const begin = (response: ServerResponse, headers = {}) => {
  response.writeHead(200, { "Cache-Control": "max-age=600", "Content-Length": LENGTH, ...headers });
  return response;
};
/** From one MiB to another of the body. */
const write = (response: ServerResponse, body: Buffer, from: number, to: number) =>
  new Promise<void>((resolve) => response.write(body.subarray(from * MiB, to * MiB), () => resolve()));
const haveBytes = (all: readonly Client[], n = 1) =>
  until(`all have ${n} bytes`, () => all.every((one) => one.bytes() >= n), 20_000);
const stored = (site: Site) =>
  site.until("it is stored", () => site.events.some(({ type }) => type === "stored"));

async function reads(): Promise<number> {
  const stats = String(await redis.command("INFO", "commandstats"));
  return Number(/cmdstat_get:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}
const keysOf = async (namespace: string) => (await redis.command("KEYS", `${namespace}:{http*`)) as string[];

/** An instance that fetches, others that follow, and the first five MiB of the body on their way. */
async function halfway(size: number, settings: Settings = {}) {
  const fleet = await startFleet(redis, size, { ...PATIENT, ...LARGE, ...settings });
  const [a, ...others] = fleet.sites;
  const body = bodies.one;
  const leading = client(a.proxy.port, "/large");
  await fleet.asked(1);
  const response = begin(fleet.held[0]!);
  const following = others.flatMap((site) => clients(site, 2, "/large"));
  await fleet.waiting("/large", others.length);
  await write(response, body, 0, 0.5);
  await haveBytes([leading, ...following]);
  await write(response, body, 0.5, 5);
  return { ...fleet, a, others, body, leading, following, response };
}

describe("a long body that one instance gets", () => {
  it("reaches all clients of the others while it arrives: one request, each chunk read once by each", async () => {
    const { sites, held, asked, waiting, requests, namespace } = await startFleet(redis, 4, {
      ...PATIENT,
      ...LARGE,
    });
    const body = bodies.one;
    const all = sites.flatMap((site) => clients(site, 6, "/large"));
    await asked(1);
    await waiting("/large", 3);
    await redis.command("CONFIG", "RESETSTAT");
    const response = begin(held[0]!);
    await write(response, body, 0, 2);
    await haveBytes(all);
    // Who comes later begins at the first byte, too.
    all.push(...sites.flatMap((site) => clients(site, 2, "/large")));
    await haveBytes(all, MiB);
    await write(response, body, 2, 19);
    await haveBytes(all, 18 * MiB);
    response.end(body.subarray(19 * MiB));
    for (const one of all) expect(await one.ends()).toBe("all of one");
    expect(await reads()).toBe(3 * CHUNKS);
    expect(requests).toHaveLength(1);
    await until("it is in the store", async () =>
      (await keysOf(namespace)).includes(`${namespace}:{http://shop.test/large}`),
    );
    for (const site of sites) {
      const { cache, body: again } = await get(site, "/large");
      expect([cache, again.equals(body)]).toEqual(["HIT/HIT", true]);
    }
    expect(requests).toHaveLength(1);
  });

  it("is followed by an instance that asks in the middle, and by one whose leader pauses", async () => {
    const settings = { LEASE_TTL: "2s", COALESCE_PATIENCE: "200ms" };
    const { sites, response, body, requests, leading, following } = await halfway(3, settings);
    const startedAt = performance.now();
    await until("two lives of a lease have passed", () => performance.now() - startedAt > 5000);
    const late = sites.flatMap((site) => clients(site, 2, "/large"));
    await haveBytes(late);
    await write(response, body, 5, 19);
    response.end(body.subarray(19 * MiB));
    const all = [leading, ...following, ...late];
    for (const one of all) expect(await one.ends()).toBe("all of one");
    expect(requests).toHaveLength(1);
  });

  it("whose length nobody knows is waited for, as a whole", async () => {
    const { sites, held, asked, waiting, requests } = await startFleet(redis, 2, { ...PATIENT, ...LARGE });
    const [a, b] = sites;
    const leading = client(a.proxy.port, "/large");
    await asked(1);
    const following = client(b.proxy.port, "/large");
    await waiting("/large", 1);
    const body = bodies.one;
    held[0]!.writeHead(200, { "Cache-Control": "max-age=600" });
    await write(held[0]!, body, 0, 10);
    await haveBytes([leading], 9 * MiB);
    expect(following.bytes()).toBe(0);
    held[0]!.end(body.subarray(10 * MiB));
    for (const one of [leading, following]) {
      expect(await one.ends()).toBe("all of one");
    }
    expect(requests).toHaveLength(1);
  });

  it("that no instance has memory for reaches all who read it, and is not stored", async () => {
    const { sites, response, body, leading, following, requests, namespace } = await halfway(3, {
      CACHE_FLIGHT_BYTES: "1MiB",
    });
    response.end(body.subarray(5 * MiB));
    for (const one of [leading, ...following]) expect(await one.ends()).toBe("all of one");
    expect(requests).toHaveLength(1);
    expect(sites[0].events.filter(({ type }) => type === "not-stored")).toMatchObject([
      { reason: "flights-full" },
    ]);
    expect(await redis.command("EXISTS", `${namespace}:{http://shop.test/large}`)).toBe(0);
  });
});

describe("a body that others read is not whole", () => {
  it("when its leader is killed: a visible break, and another fetches it", async () => {
    const fleet = await startFleet(redis, 2, { ...LARGE, LEASE_TTL: "2s", COALESCE_PATIENCE: "60s" });
    const { sites, held, asked, waiting, settings, namespace } = fleet;
    const [a] = sites;
    const body = bodies.one;
    const leader = await startSharing({ ...settings, REDIS_URL: redis.url, LOG_LEVEL: "silent" });
    const leading = client(leader.port, "/large");
    await asked(1);
    const following = sites.flatMap((site) => clients(site, 3, "/large"));
    await waiting("/large", 2);
    const response = begin(held[0]!);
    await write(response, body, 0, 5);
    await haveBytes([leading, ...following]);
    leader.child.kill("SIGKILL");
    for (const one of [leading, ...following]) {
      expect(await one.ends()).toBe("broken of one");
      expect(one.bytes()).toBeLessThan(LENGTH);
    }
    const next = sites.flatMap((site) => clients(site, 3, "/large"));
    await asked(2);
    begin(held[1]!).end(bodies.two);
    for (const one of next) expect(await one.ends()).toBe("all of two");
    expect(held).toHaveLength(2);
    await stored(a).catch(() => stored(sites[1]));
    for (const key of await keysOf(namespace)) expect(await redis.command("PTTL", key)).not.toBe(-1);
  });

  it("when the origin breaks off: a visible break, nothing is stored, and nothing of it stays", async () => {
    const { sites, held, asked, response, leading, following, namespace } = await halfway(3);
    response.destroy();
    for (const one of [leading, ...following]) {
      expect(await one.ends()).toBe("broken of one");
    }
    await until("nothing is left", async () => (await keysOf(namespace)).length === 0);
    const next = sites.flatMap((site) => clients(site, 2, "/large"));
    await asked(2);
    begin(held[1]!).end(bodies.two);
    for (const one of next) expect(await one.ends()).toBe("all of two");
    expect(held).toHaveLength(2);
  });

  it.each(["gone", "another's", "damaged"])(
    "when a chunk is %s: a visible break for those who come to it, never other bytes",
    async (what) => {
      const { sites, held, asked, waiting, namespace } = await startFleet(redis, 2, { ...PATIENT, ...LARGE });
      const [a, b] = sites;
      const leading = client(a.proxy.port, "/large");
      await asked(1);
      const following = client(b.proxy.port, "/large");
      await waiting("/large", 1);
      const response = begin(held[0]!);
      await write(response, bodies.one, 0, 1);
      await haveBytes([following]);
      // What it does not take is not read: that of chunk 74 is more than lies between it and Redis.
      following.pause();
      await write(response, bodies.one, 1, 19);
      const named74 = async () => (await keysOf(namespace)).filter((key) => key.endsWith(":74"));
      await until("chunk 74 is there", async () => (await named74()).length === 1);
      const [key = ""] = await named74();
      if (what === "gone") await redis.command("DEL", key);
      else if (what === "damaged") await redis.command("SETRANGE", key, 5000, "spoilt");
      else await redis.command("COPY", key.replace(/74$/, "73"), key, "REPLACE");
      following.resume();
      expect(await following.ends()).toBe("broken of one");
      expect(following.bytes()).toBe(74 * CHUNK);
      response.end(bodies.one.subarray(19 * MiB));
      expect(await leading.ends()).toBe("all of one");
      const ours = b.events.filter(({ type }) => type === "foreign-value");
      expect(ours).toMatchObject([{ key: "http://shop.test/large" }]);
    },
  );
});

it("a Redis that forgets everything in the middle costs no wrong byte", async () => {
  const { sites, held, asked, response, leading, following, requests } = await halfway(3, {
    LEASE_TTL: "3s",
  });
  await redis.command("FLUSHALL");
  response.end(bodies.one.subarray(5 * MiB));
  expect(await leading.ends()).toBe("all of one");
  for (const one of following) expect(["all of one", "broken of one"]).toContain(await one.ends());
  const next = sites.flatMap((site) => clients(site, 2, "/large"));
  await asked(2);
  begin(held[1]!).end(bodies.two);
  for (const one of next) expect(await one.ends()).toBe("all of two");
  expect(requests).toHaveLength(2);
});

describe("what others may not have of it", () => {
  it.each(["delete", "invalidate"])(
    "a purge in the middle (%s): who asks later gets the new body, on every instance",
    async (mode) => {
      const { sites, others, response, body, leading, following, held, asked, requests } = await halfway(3);
      const purge = { urls: ["http://shop.test/large"], mode };
      const receipt = await others[0]!.admin("/purge", { method: "POST", body: JSON.stringify(purge) });
      expect(receipt.json()).toMatchObject({ instances: 3, acked: 3 });
      const later = sites.flatMap((site) => clients(site, 2, "/large"));
      response.end(body.subarray(5 * MiB));
      for (const one of [leading, ...following]) expect(await one.ends()).toBe("all of one");
      await asked(2);
      begin(held[1]!).end(bodies.two);
      for (const one of later) expect(await one.ends()).toBe("all of two");
      expect(requests).toHaveLength(2);
      for (const site of sites) expect((await get(site, "/large")).body.equals(bodies.two)).toBe(true);
      expect(requests).toHaveLength(2);
    },
  );

  it.each([
    ["private", { "Cache-Control": "private, max-age=60" }],
    ["with a cookie", { "Set-Cookie": "a=b" }],
    ["not to be stored", { "Cache-Control": "no-store" }],
    ["too large to be stored", { "Content-Length": LENGTH }],
  ])("a response that is %s: each has its own", async (what, headers) => {
    const limit = what.startsWith("too large") ? { CACHE_MAX_OBJECT_BYTES: "10MiB" } : {};
    const { sites, held, asked, waiting, namespace } = await startFleet(redis, 2, {
      ...PATIENT,
      ...LARGE,
      ...limit,
    });
    const [a, b] = sites;
    const first = client(a.proxy.port, "/large");
    await asked(1);
    const second = client(b.proxy.port, "/large");
    await waiting("/large", 1);
    await write(begin(held[0]!, headers), bodies.one, 0, 5);
    await asked(2);
    begin(held[1]!, headers).end(bodies.two);
    held[0]!.end(bodies.one.subarray(5 * MiB));
    expect(await first.ends()).toBe("all of one");
    expect(await second.ends()).toBe("all of two");
    expect(await keysOf(namespace)).toEqual([]);
  });

  it("another variant: who asks for it fetches it at once, and who asks for the same follows", async () => {
    const { sites, held, asked, waiting, requests } = await startFleet(redis, 3, { ...PATIENT, ...LARGE });
    const [a, b, c] = sites as [Site, Site, Site];
    const language = (name: string) => ({ "Accept-Language": name });
    const vary = { Vary: "Accept-Language" };
    const german = client(a.proxy.port, "/large", language("de"));
    await asked(1);
    const english = client(b.proxy.port, "/large", language("en"));
    const alsoGerman = client(c.proxy.port, "/large", language("de"));
    await waiting("/large", 2);
    await write(begin(held[0]!, vary), bodies.one, 0, 5);
    await haveBytes([german, alsoGerman]);
    await asked(2);
    expect(requests[1]!.headers["accept-language"]).toBe("en");
    await write(begin(held[1]!, vary), bodies.two, 0, 5);
    await haveBytes([english]);
    const alsoEnglish = client(a.proxy.port, "/large", language("en"));
    await haveBytes([alsoEnglish]);
    held[0]!.end(bodies.one.subarray(5 * MiB));
    held[1]!.end(bodies.two.subarray(5 * MiB));
    for (const one of [german, alsoGerman]) expect(await one.ends()).toBe("all of one");
    for (const one of [english, alsoEnglish]) expect(await one.ends()).toBe("all of two");
    expect(requests).toHaveLength(2);
  });
});
