import { expect, it } from "vitest";
import { startSite } from "./site.ts";

const DATA = "/data?id=1&cache-control=max-age=60";
const MODIFIED = "Sat, 21 Nov 2026 10:00:00 GMT";
const DATED = `/headers?Last-Modified=${encodeURIComponent(MODIFIED)}&Cache-Control=max-age=60`;

it("a client that has the stored response already gets a 304 from the cache", async () => {
  const site = await startSite({ standingClock: true });
  const etag = (await site.get(DATA)).header("etag") ?? "";
  expect(etag).not.toBe("");
  site.advance(4);
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const answer = await site.get(DATA, { "If-None-Match": known });
    expect({ known, status: answer.status, cache: answer.cache }).toEqual({
      known,
      status: 304,
      cache: "HIT/HIT",
    });
    expect(answer.body.length).toBe(0);
    expect(answer.header("etag")).toBe(etag);
    expect(answer.header("age")).toBe("4");
  }
  expect(await site.counts()).toMatchObject({ total: 1, conditional: 0 });
});

it("a client that has another response gets the whole one", async () => {
  const site = await startSite();
  const first = await site.get(DATA);
  const answer = await site.get(DATA, { "If-None-Match": '"other"' });
  expect(answer.status).toBe(200);
  expect(answer.cache).toBe("HIT/HIT");
  expect(answer.text).toBe(first.text);
});

it.each([
  ["its own date", MODIFIED, 304],
  ["a later date", "Sat, 21 Nov 2026 10:00:01 GMT", 304],
  ["an earlier date", "Sat, 21 Nov 2026 09:59:59 GMT", 200],
  ["no date at all", "yesterday", 200],
])("If-Modified-Since with %s is answered by the cache", async (_, since, status) => {
  const site = await startSite();
  await site.get(DATED);
  const answer = await site.get(DATED, { "If-Modified-Since": since });
  expect(answer.status).toBe(status);
  expect(answer.cache).toBe("HIT/HIT");
  expect((await site.counts()).total).toBe(1);
});

it("If-None-Match goes before If-Modified-Since (RFC 9110 §13.2.2)", async () => {
  const site = await startSite();
  await site.get(DATA);
  const headers = { "If-None-Match": '"other"', "If-Modified-Since": "Sat, 21 Nov 2099 10:00:00 GMT" };
  expect((await site.get(DATA, headers)).status).toBe(200);
});

it("a client's condition on a cold key fetches the whole for everybody", async () => {
  const site = await startSite();
  const etag = (await site.origin(DATA)).header("etag") ?? "";
  const conditional = await site.get(DATA, { "If-None-Match": etag });
  expect(conditional.status).toBe(304);
  expect(conditional.cache).toBe("MISS/MISS");
  const whole = await site.get(DATA);
  expect(whole.status).toBe(200);
  expect(whole.cache).toBe("HIT/HIT");
  expect(whole.json()).toMatchObject({ value: "initial" });
  // The only conditional question was the client's, and it went no further.
  expect(await site.counts()).toMatchObject({ total: 2, conditional: 0 });
});

it("a client's condition on a stale response is judged after its validation", async () => {
  const site = await startSite();
  const path = "/data?id=1&cache-control=max-age=5";
  const etag = (await site.get(path)).header("etag") ?? "";
  site.advance(6);
  const unchanged = await site.get(path, { "If-None-Match": etag });
  expect(unchanged.status).toBe(304);
  expect(unchanged.cache).toBe("HIT/REVALIDATED");
  await site.origin("/data?id=1", { method: "PUT", body: '{"value":"new"}' });
  site.advance(6);
  const changed = await site.get(path, { "If-None-Match": etag });
  expect(changed.status).toBe(200);
  expect(changed.cache).toBe("MISS/EXPIRED");
  expect(changed.json()).toMatchObject({ value: "new" });
});

it("HEAD is answered from a stored GET, with its length and without its body", async () => {
  const site = await startSite();
  const first = await site.get(DATA);
  const head = await site.ask(DATA, { method: "HEAD" });
  expect(head.cache).toBe("HIT/HIT");
  expect(head.header("content-length")).toBe(String(first.body.length));
  expect(head.header("etag")).toBe(first.header("etag"));
  expect(head.body.length).toBe(0);
  expect(await site.asked(`HEAD ${DATA}`)).toBe(0);
});
