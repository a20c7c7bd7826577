import { hash } from "node:crypto";
import { expect, it } from "vitest";
import { redisOfFile } from "../redis-of-file.ts";
import { rawClient } from "./raw.ts";
import { startSite } from "./site.ts";

const redis = await redisOfFile();

const LENGTH = 60_000;
const PATHS = Array.from(
  { length: 12 },
  (_, i) => `/bytes?n=${LENGTH}&seed=${i + 1}&cache-control=max-age=600`,
);
const STALLED = PATHS[0] as string;
const asking = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`;

/** The bodies of so many answers, as their hashes. */
function bodiesIn(received: string): string[] {
  const bodies: string[] = [];
  for (let at = 0; at < received.length; ) {
    const begin = received.indexOf("\r\n\r\n", at) + 4;
    if (begin < 4 || begin + LENGTH > received.length) break;
    bodies.push(hash("sha1", Buffer.from(received.slice(begin, begin + LENGTH), "latin1")));
    at = begin + LENGTH;
  }
  return bodies;
}

/** A site that has all of them in Redis, and nothing in memory. */
async function startFilled() {
  await redis.command("FLUSHALL");
  const site = await startSite({ settings: { CACHE_MEMORY_BYTES: "0" }, redisUrl: redis.url });
  const expected = new Map<string, string>();
  for (const path of PATHS) {
    const { body } = await site.origin(path);
    expected.set(path, hash("sha1", body));
    await site.until("it is a hit", async () => {
      const { cache } = await site.get(path, { Host: "a.example" });
      return cache === "HIT/HIT";
    });
  }
  const hits = () => site.events.filter((each) => each.type === "answered" && each.tier === "redis").length;
  return { site, hits, expected };
}

it("what a client has not taken yet stays as it was, whatever others ask for meanwhile", async () => {
  const { site, hits, expected } = await startFilled();
  const stalled = await rawClient(site.proxy.port);
  stalled.socket.pause();
  let asked = 0;
  for (let told = -1; asked < 1000 && hits() !== told; asked++) {
    told = hits();
    stalled.write(asking(STALLED));
    let looks = 0;
    await site.until("it is answered, or will not be yet", () => hits() > told || ++looks === 20);
  }
  expect(asked).toBeLessThan(1000);
  for (const path of [...PATHS, ...PATHS]) {
    const other = await rawClient(site.proxy.port);
    other.write(asking(path));
    await site.until("it is here", () => bodiesIn(other.received()).length === 1);
    expect(bodiesIn(other.received())).toEqual([expected.get(path)]);
    other.socket.destroy();
  }
  let length = 0;
  stalled.socket.on("data", (chunk: Buffer) => {
    length += chunk.length;
  });
  stalled.socket.resume();
  await site.until("all is here", () => length > asked * LENGTH);
  await site.until("all is here", () => bodiesIn(stalled.received()).length === asked);
  expect(new Set(bodiesIn(stalled.received()))).toEqual(new Set([expected.get(STALLED)]));
});

it("many clients who ask for many at once get each their own", async () => {
  const { site, expected } = await startFilled();
  const client = async (first: number) => {
    const own = await rawClient(site.proxy.port);
    const wanted = Array.from({ length: 30 }, (_, i) => PATHS[(first * 5 + i) % PATHS.length] as string);
    for (const [i, path] of wanted.entries()) {
      own.write(asking(path));
      await site.until("it is here", () => own.received().length > (i + 1) * LENGTH);
    }
    await site.until("all is here", () => bodiesIn(own.received()).length === wanted.length);
    expect(bodiesIn(own.received())).toEqual(wanted.map((path) => expected.get(path)));
  };
  await Promise.all(Array.from({ length: 10 }, (_, i) => client(i)));
});
