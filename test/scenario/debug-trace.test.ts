import { describe, expect, it } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { rawClient } from "./raw.ts";
import { type Site, startSite } from "./site.ts";

const HERE = { DEBUG_ALLOW: "127.0.0.0/8,::1" };
const DATA = "/data?id=1&cache-control=max-age=60";
const DEBUG = { "X-Freshline-Debug": "1" };

const traceOf = async (site: Site, path = DATA, headers: Record<string, string> = DEBUG) =>
  (await site.get(path, headers)).header("x-freshline-trace");

/** The same on a connection that is kept, as the plain lane answers it. */
async function traceOfPlain(site: Site): Promise<string | undefined> {
  const client = await rawClient(site.proxy.port);
  const head = [`GET ${DATA} HTTP/1.1`, `Host: 127.0.0.1:${site.proxy.port}`, "X-Freshline-Debug: 1"];
  client.write(`${head.join("\r\n")}\r\n\r\n`);
  return /^X-Freshline-Trace: (.*)\r$/m.exec(await client.sees("updated_at"))?.[1];
}
const stored = (site: Site) =>
  site.until("it is stored", () => site.events.some(({ type }) => type === "stored"));

describe("a trace of an answer", () => {
  it.each(["on", "off"])("tells an allowed client what led to it, with the plain lane %s", async (lane) => {
    const site = await startSite({ settings: { ...HERE, PLAIN_LANE: lane }, standingClock: true });
    const key = `http://127.0.0.1:${site.proxy.port}${DATA}`;
    expect(await traceOf(site)).toMatch(/decision=stored; clause="RFC 9111 section 3"/);
    await stored(site);
    expect(await traceOfPlain(site)).toBe(
      `key="${key}"; decision=fresh; clause="RFC 9111 section 4.2"; tier=memory; ttl=60; variant=none; epoch=0; purges=0`,
    );
  });

  it("is told only who asks for it and may, and is kept for nobody else", async () => {
    const site = await startSite({ settings: HERE });
    await traceOf(site);
    await stored(site);
    expect(await traceOf(site, DATA, {})).toBeUndefined();
    expect(await traceOf(site, DATA, { "X-Freshline-Debug": "0" })).toBeUndefined();
    const closed = await startSite();
    expect(await traceOf(closed)).toBeUndefined();
    const elsewhere = await startSite({ settings: { DEBUG_ALLOW: "10.0.0.0/8" } });
    expect(await traceOf(elsewhere)).toBeUndefined();
    const forged = { ...DEBUG, "X-Forwarded-For": "10.0.0.1" };
    expect(await traceOf(elsewhere, DATA, forged)).toBeUndefined();
  });

  it("is asked of no origin, and taken from none", async () => {
    const seen: string[] = [];
    const origin = await startOrigin((request, response) => {
      seen.push(...request.rawHeaders.map((text) => text.toLowerCase()));
      response.setHeader("X-Freshline-Trace", "the origin's");
      response.end("ok");
    });
    for (const settings of [HERE, {}]) {
      const site = await startSite({ settings: { ...settings, ORIGINS: origin.url } });
      const { rawHeaders } = await site.get("/x", DEBUG);
      expect(rawHeaders.filter((text) => text.includes("the origin's"))).toEqual([]);
      await site.ask("/x", { method: "POST", headers: DEBUG });
    }
    expect(seen.filter((text) => text.includes("freshline-debug"))).toEqual([]);
  });

  it("stays in printable ASCII and of bounded length, whatever the URL", async () => {
    const site = await startSite({ settings: HERE });
    const trace = await traceOf(site, `${DATA}&x=%22%5c${"y".repeat(4000)}`);
    expect(trace).toMatch(/^[\x20-\x7e]{500,2048}$/);
  });
});
