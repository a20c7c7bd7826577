import { describe, expect, it } from "vitest";
import { redisOfFile } from "../redis-of-file.ts";
import { startOrigin } from "./own-origin.ts";
import { type Answer, type Site, startSite } from "./site.ts";

const redis = await redisOfFile();

let namespaces = 0;
const N = 200_000;
const path = (n = N) => `/bytes?n=${n}&cache-control=max-age=600`;

type Settings = Record<string, string>;

async function siteOn(tiers: Settings, more: Settings = {}): Promise<Site> {
  const settings = { CACHE_NAMESPACE: `ranges${++namespaces}`, ...tiers, ...more };
  return startSite({ settings, redisUrl: redis.url });
}

const range = (asked: string, more: Record<string, string> = {}) => ({ Range: `bytes=${asked}`, ...more });
const stored = (site: Site, n: number): Promise<void> =>
  site.until(
    `${n} responses are stored`,
    () => site.events.filter(({ type }) => type === "stored").length >= n,
  );
const statusOf = (answer: Answer) => [answer.status, answer.header("content-range"), answer.cache];

describe.each([
  ["with the memory tier", { CACHE_MEMORY_BYTES: "64MiB" }],
  ["from Redis alone", { CACHE_MEMORY_BYTES: "0" }],
  ["from Redis alone, in chunks", { CACHE_MEMORY_BYTES: "0", CACHE_CHUNK_BYTES: "16KiB" }],
])("ranges %s", (_name, tiers) => {
  it("are cut from a stored whole, one or several", async () => {
    const site = await siteOn(tiers);
    const whole = await site.get(path());
    await stored(site, 1);
    const one = await site.get(path(), range("70000-140000"));
    expect(statusOf(one)).toEqual([206, `bytes 70000-140000/${N}`, "HIT/HIT"]);
    expect(one.body.equals(whole.body.subarray(70_000, 140_001))).toBe(true);
    const beyond = await site.get(path(), range(`${N}-`));
    expect(statusOf(beyond)).toEqual([416, `bytes */${N}`, "HIT/HIT"]);

    const several = await site.get(path(), range("0-9,100000-199989,-10"));
    const boundary = several.header("content-type")?.replace("multipart/byteranges; boundary=", "");
    const asked = [
      [0, 9],
      [100_000, 199_989],
      [199_990, 199_999],
    ] as const;
    const expected = asked.map(([first, last]) =>
      Buffer.concat([
        Buffer.from(
          `--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${first}-${last}/${N}\r\n\r\n`,
        ),
        whole.body.subarray(first, last + 1),
        Buffer.from("\r\n"),
      ]),
    );
    expect(several.body.equals(Buffer.concat([...expected, Buffer.from(`--${boundary}--\r\n`)]))).toBe(true);
    expect(several.header("content-length")).toBe(String(several.body.length));
    expect(await site.asked(`GET ${path()}`)).toBe(1);
  });

  it("are stored as parts, put together, completed, and never taken for the whole", async () => {
    const site = await siteOn(tiers);
    const whole = await site.origin(path());
    const askedBefore = await site.asked(`GET ${path()}`);
    await site.get(path(), range("0-49999"));
    await stored(site, 1);
    await site.get(path(), range("50000-99999"));
    await stored(site, 2);
    const both = await site.get(path(), range("40000-60000"));
    expect(statusOf(both)).toEqual([206, `bytes 40000-60000/${N}`, "HIT/HIT"]);
    expect(both.body.equals(whole.body.subarray(40_000, 60_001))).toBe(true);
    const head = await site.ask(path(), { method: "HEAD" });
    expect([head.status, head.header("content-length"), head.cache]).toEqual([200, String(N), "HIT/HIT"]);
    expect((await site.asked(`GET ${path()}`)) - askedBefore).toBe(2);

    const completed = await site.get(path());
    expect([completed.status, completed.header("content-length"), completed.cache]).toEqual([
      200,
      String(N),
      "MISS/MISS",
    ]);
    expect(completed.header("cache-status")).toBe("freshline; fwd=partial; fwd-status=206; stored");
    expect(completed.body.equals(whole.body)).toBe(true);
    await stored(site, 3);
    const hit = await site.get(path());
    expect([hit.status, hit.cache, hit.body.equals(whole.body)]).toEqual([200, "HIT/HIT", true]);
    expect((await site.asked(`GET ${path()}`)) - askedBefore).toBe(3);
  });

  it("are validated as parts when stale", async () => {
    const site = await siteOn(tiers);
    const first = await site.get(path(), range("-1000"));
    await stored(site, 1);
    site.advance(601);
    const again = await site.get(path(), range("-500"));
    expect(statusOf(again)).toEqual([206, `bytes 199500-199999/${N}`, "HIT/REVALIDATED"]);
    expect(again.body.equals(first.body.subarray(500))).toBe(true);
    await site.until(
      "it is fresh again",
      async () => (await site.get(path(), range("-1"))).cache === "HIT/HIT",
    );
    // Nothing but the part: the whole comes from the origin.
    expect((await site.get(path())).body.length).toBe(N);
  });

  it("are gone after a purge", async () => {
    const site = await siteOn(tiers);
    await site.get(path(), range("0-9"));
    await stored(site, 1);
    const purged = await site.admin("/purge", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ urls: [path()] }),
    });
    expect(purged.status).toBe(200);
    expect((await site.get(path(), range("0-9"))).cache).toBe("MISS/MISS");
  });

  it("without a strong validator are not completed: the whole is fetched", async () => {
    const site = await siteOn(tiers);
    await site.behave({ etag: false });
    await site.get(path(), range("0-9"));
    await stored(site, 1);
    expect((await site.get(path(), range("2-3"))).cache).toBe("HIT/HIT");
    const whole = await site.get(path());
    expect(whole.header("cache-status")).toBe("freshline; fwd=partial; fwd-status=200; stored");
    expect(whole.body.equals((await site.origin(path())).body)).toBe(true);
  });

  it("of a representation that has changed are replaced by the new whole", async () => {
    let content = "abcdefghij";
    const origin = await startOrigin((request, response) => {
      const etag = `"${content}"`;
      const fields = { "Cache-Control": "max-age=600", ETag: etag };
      const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
      if (asked === null || (request.headers["if-range"] ?? etag) !== etag) {
        response.writeHead(200, fields).end(content);
        return;
      }
      const [first, last] = [Number(asked[1]), asked[2] === "" ? content.length - 1 : Number(asked[2])];
      const contentRange = `bytes ${first}-${last}/${content.length}`;
      response
        .writeHead(206, { ...fields, "Content-Range": contentRange })
        .end(content.slice(first, last + 1));
    });
    const site = await siteOn(tiers, { ORIGINS: origin.url });
    expect((await site.get("/a", range("0-4"))).text).toBe("abcde");
    await stored(site, 1);
    content = "0123456789xyz";
    const whole = await site.get("/a");
    expect([whole.status, whole.text]).toEqual([200, "0123456789xyz"]);
    expect(origin.requests.at(-1)?.headers).toMatchObject({ range: "bytes=5-", "if-range": '"abcdefghij"' });
    await stored(site, 2);
    expect(statusOf(await site.get("/a", range("0-4")))).toEqual([206, "bytes 0-4/13", "HIT/HIT"]);
  });
});

it("a part that another instance has stored answers here", async () => {
  const one = await siteOn({ CACHE_MEMORY_BYTES: "64MiB" });
  const settings = { CACHE_NAMESPACE: `ranges${namespaces}` };
  const host = { Host: "shop.example" };
  await one.get(path(), range("0-99", host));
  await stored(one, 1);
  const two = await startSite({ settings, redisUrl: redis.url, beside: one });
  const hit = await two.get(path(), range("10-19", host));
  expect(statusOf(hit)).toEqual([206, `bytes 10-19/${N}`, "HIT/HIT"]);
});
