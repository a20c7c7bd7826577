import { describe, expect, it } from "vitest";
import { formatHttpDate } from "../../src/policy/http-date.ts";
import { exchange } from "./raw.ts";
import { answerOf, startRawOrigin } from "./raw-origin.ts";
import { startSite } from "./site.ts";

const datesIn = (text: string): string[] =>
  [...text.matchAll(/^Date: (.*)\r$/gim)].map(([, date]) => date as string);
const asking = (path: string, method = "GET") =>
  `${method} ${path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`;
const IMF = /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/;

describe("every answer has exactly one Date (RFC 9110 §6.6.1)", () => {
  it("the time of receipt, where the origin has no clock: on a miss, a pass, and later from the cache", async () => {
    const origin = await startRawOrigin(({ socket }) =>
      socket.write(answerOf("200 OK", ["Cache-Control: max-age=600"], "ok")),
    );
    const site = await startSite({ settings: { ORIGINS: origin.url }, standingClock: true });
    // Far from the system's own time, which Node would add.
    site.advance(86_400 * 365);
    const received = formatHttpDate(Date.now() + site.clock.addedMs);
    const about = (date: string | undefined) =>
      Math.abs(Date.parse(date ?? "") - Date.parse(received)) <= 60_000;
    const port = site.proxy.port;
    const [miss, ...more] = datesIn(await exchange(port, asking("/a")));
    expect([about(miss), more]).toEqual([true, []]);
    site.advance(100);
    expect(datesIn(await exchange(port, asking("/a")))).toEqual([miss]);
    const [pass, ...none] = datesIn(await exchange(port, asking("/a", "POST")));
    expect(Date.parse(pass ?? "") - Date.parse(miss ?? "")).toBe(100_000);
    expect(none).toEqual([]);
  });

  it("the origin's, where it gave one, and its first where it gave several", async () => {
    const [first, second] = [Date.now() - 2000, Date.now()].map(formatHttpDate);
    const lines = [`DATE: ${first}`, "Cache-Control: max-age=600", `Date: ${second}`];
    const origin = await startRawOrigin(({ socket }) => socket.write(answerOf("200 OK", lines, "ok")));
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    for (const method of ["GET", "GET", "HEAD", "PUT"]) {
      expect(datesIn(await exchange(site.proxy.port, asking("/a", method)))).toEqual([first]);
    }
  });

  it.each([
    ["no origin can be had", asking("/a"), 502],
    ["the request is refused", asking("/a").replace("Host", "X"), 400],
    ["it is no HTTP", "hello\r\n\r\n", 400],
    ["it asks about the proxy", asking("*", "OPTIONS"), 204],
    ["it wants a tunnel", asking("a:80", "CONNECT"), 501],
    ["it wants another protocol and no origin can be had", upgrading(), 502],
  ])("the proxy's own, when %s", async (_, bytes, status) => {
    const site = await startSite({ settings: { ORIGINS: "http://127.0.0.1:1" } });
    const seen = await exchange(site.proxy.port, bytes);
    expect(seen).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(datesIn(seen)).toEqual([expect.stringMatching(IMF)]);
  });

  it("added to an origin's refusal to change protocols", async () => {
    const origin = await startRawOrigin(({ socket }) => socket.write(answerOf("403 Forbidden", [], "no")));
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const seen = await exchange(site.proxy.port, upgrading());
    expect(seen).toMatch(/^HTTP\/1\.1 403 /);
    expect(datesIn(seen)).toEqual([expect.stringMatching(IMF)]);
  });
});

function upgrading(): string {
  return "GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
}
