import { expect, it } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { rawClient } from "./raw.ts";
import { startSite } from "./site.ts";

const BODY = "x".repeat(60_000);
/** More of one page than the system keeps for a client that reads nothing. */
const TIMES = 400;
const SLOW = 4;

it.each(["on", "off"])(
  "what clients who read nothing wait for is not evicted, however much else comes (PLAIN_LANE=%s)",
  async (lane) => {
    const origin = await startOrigin((_request, response) => {
      response.writeHead(200, { "Cache-Control": "max-age=600" }).end(BODY);
    });
    const site = await startSite({
      settings: { ORIGINS: origin.url, PLAIN_LANE: lane, CACHE_MEMORY_BYTES: "2MiB", WRITE_TIMEOUT: "60s" },
    });
    const slow = await Promise.all(Array.from({ length: SLOW }, () => rawClient(site.proxy.port)));
    const host = `127.0.0.1:${site.proxy.port}`;
    for (const [i, { socket, write }] of slow.entries()) {
      expect((await site.get(`/slow/${i}`)).status).toBe(200);
      socket.pause();
      write(`GET /slow/${i} HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(TIMES));
    }
    const answered = () => site.events.filter(({ type }) => type === "answered").length;
    await site.until("they take no more", async () => {
      const before = answered();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return answered() === before && before > SLOW;
    });
    expect(answered()).toBeLessThan(SLOW * TIMES);
    // Each twice: what is asked for once goes before what was asked for again.
    for (let i = 0; i < 400; i++) await site.get(`/other/${i >> 1}`);
    for (let i = 0; i < SLOW; i++) expect((await site.get(`/slow/${i}`)).cache).toBe("HIT/HIT");
    expect(origin.requests).toHaveLength(SLOW + 200);
  },
);
