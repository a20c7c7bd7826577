import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mutations, REQUESTS } from "./plain-lane-requests.ts";
import { again, alike, alikeRefused, byteByByte, pipelined, type Way, whole } from "./plain-lane-ways.ts";
import { startSite } from "./site.ts";

const WAYS: Readonly<Record<string, Way>> = {
  whole,
  pipelined,
  again,
  "byte by byte": (port, bytes) => (bytes.length > 600 ? whole(port, bytes) : byteByByte(port, bytes)),
  "as HTTP/1.0": (port, bytes) => whole(port, bytes.replace(/HTTP\/1\.1/, "HTTP/1.0")),
};

const SETTINGS = {
  CORS_ORIGINS: "https://page.example",
  SECURITY_HEADERS: "true",
  CACHE_KEY_IGNORE_PARAMS: "utm_*",
  CACHE_CLIENT_DIRECTIVES: "honour",
} as const;

describe("the same request gets the same answer with the plain lane on and off", () => {
  describe.each(Object.keys(WAYS))("%s:", (way) => {
    it("every request that there is", async () => {
      const on = await startSite({ settings: SETTINGS });
      const off = await startSite({ settings: { ...SETTINGS, PLAIN_LANE: "off" }, beside: on });
      const send = WAYS[way] as Way;
      const shown = way === "pipelined" || way === "again" ? alikeRefused : alike;
      const different: string[] = [];
      for (const [what, bytes] of REQUESTS) {
        // The second time some of it is stored.
        for (const time of ["first", "second"]) {
          const a = shown(await send(on.proxy.port, bytes));
          const b = shown(await send(off.proxy.port, bytes));
          if (a !== b) different.push(`${what}, the ${time} time:\n--- on:\n${a}\n--- off:\n${b}`);
        }
      }
      expect(different).toEqual([]);
    }, 120_000);
  });

  it("any request", async () => {
    const on = await startSite({ settings: SETTINGS });
    const off = await startSite({ settings: { ...SETTINGS, PLAIN_LANE: "off" }, beside: on });
    const short = REQUESTS.map(([, bytes]) => bytes).filter((bytes) => bytes.length < 600);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...short), mutations, async (base, mutate) => {
        const bytes = mutate(base);
        const a = alikeRefused(await whole(on.proxy.port, bytes));
        const b = alikeRefused(await whole(off.proxy.port, bytes));
        expect(a).toBe(b);
      }),
      { numRuns: 400 },
    );
  }, 120_000);
});
