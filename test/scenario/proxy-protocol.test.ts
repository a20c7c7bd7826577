import { once } from "node:events";
import { connect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import type { SettingName } from "../../src/config/settings.ts";
import { loadConfig } from "../../src/config.ts";
import { startOrigin } from "./own-origin.ts";
import { exchange, rawClient } from "./raw.ts";
import { startSecureSite } from "./secure-site.ts";

const HEADER = "PROXY TCP4 192.0.2.7 198.51.100.1 1234 443\r\n";
const V2 = Buffer.concat([
  Buffer.from("\r\n\r\n\0\r\nQUIT\n\x21\x11", "latin1"),
  Buffer.from([0, 15, 192, 0, 2, 7, 198, 51, 100, 1, 4, 210, 1, 187, 4, 0, 0]),
]).toString("latin1");
const GET = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";

/** A proxy whose trusted peer is this machine, before an origin that notes whom it is asked for. */
async function trustingSite(settings: Partial<Record<SettingName, string>> = {}) {
  const askedFor: (string | string[] | undefined)[] = [];
  const origin = await startOrigin((request, response) => {
    askedFor.push(request.headers["x-forwarded-for"]);
    response.end("x");
  });
  const trusting = { ORIGINS: origin.url, PROXY_PROTOCOL: "on", TRUSTED_PROXIES: "127.0.0.1" };
  const site = await startSecureSite({ ...trusting, ...settings });
  return { site, askedFor };
}

describe("a trusted proxy that speaks the PROXY protocol", () => {
  it.each([
    ["version 1", HEADER],
    ["version 2", V2],
  ])("says with %s for whom it asks, with the plain lane and without", async (_, header) => {
    for (const lane of ["on", "off"]) {
      const { site, askedFor } = await trustingSite({ PLAIN_LANE: lane });
      expect(await exchange(site.proxy.port, header + GET)).toMatch(/^HTTP\/1\.1 200 /);
      const slow = await rawClient(site.proxy.port);
      slow.socket.setNoDelay(true);
      for (const byte of header + GET) slow.write(byte);
      expect(await slow.end()).toMatch(/^HTTP\/1\.1 200 /);
      expect(askedFor).toEqual(["192.0.2.7", "192.0.2.7"]);
    }
  });

  it("says so before TLS as well, at once and byte by byte", async () => {
    const { site, askedFor } = await trustingSite();
    for (const pieces of [[HEADER], [...HEADER]]) {
      const socket = connect(site.tlsPort, "127.0.0.1").setNoDelay(true);
      onTestFinished(() => void socket.destroy());
      for (const piece of pieces) socket.write(piece);
      const secure = tlsConnect({ socket, servername: "localhost", ca: site.ca });
      secure.write(GET);
      expect(String((await once(secure, "data"))[0])).toMatch(/^HTTP\/1\.1 200 /);
    }
    expect(askedFor).toEqual(["192.0.2.7", "192.0.2.7"]);
  });

  it("asks for itself where it says so", async () => {
    const { site, askedFor } = await trustingSite();
    const local = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    expect(await exchange(site.proxy.port, local + GET)).toMatch(/^HTTP\/1\.1 200 /);
    expect(askedFor).toEqual(["127.0.0.1"]);
  });

  it("asks for somebody who is not believed where it does not say who that is", async () => {
    const { site, askedFor } = await trustingSite({ PURGE_ALLOW: "192.0.2.7,127.0.0.1" });
    const claiming = GET.replace("Host", "X-Forwarded-For: 192.0.2.7\r\nHost");
    const unspecified = "\r\n\r\n\0\r\nQUIT\n\x21\0\0\0";
    for (const header of ["PROXY UNKNOWN\r\n", unspecified]) {
      expect(await exchange(site.proxy.port, header + claiming)).toMatch(/^HTTP\/1\.1 200 /);
      const purging = claiming.replace("GET", "PURGE");
      expect(await exchange(site.proxy.port, header + purging)).toMatch(/^HTTP\/1\.1 403 /);
    }
    expect(askedFor).toEqual(["unknown", "unknown"]);
  });

  it.each([
    ["no header", GET],
    ["a malformed one", `PROXY TCP4 192.0.2.7\r\n${GET}`],
    ["a part of one", HEADER.slice(0, 20)],
    ["nothing", ""],
  ])("is closed without an answer where it sends %s", async (_, bytes) => {
    const { site, askedFor } = await trustingSite({ HEADERS_TIMEOUT: "200ms" });
    expect(await exchange(site.proxy.port, bytes)).toBe("");
    expect(askedFor).toEqual([]);
  });

  it("is closed where it ends within a header", async () => {
    const { site } = await trustingSite();
    const client = await rawClient(site.proxy.port);
    client.write(HEADER.slice(0, 20));
    client.socket.end();
    expect(await client.end()).toBe("");
  });

  it("is believed once: a second header is no request", async () => {
    const { site, askedFor } = await trustingSite();
    const twice = `${HEADER}PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n${GET}`;
    expect(await exchange(site.proxy.port, twice)).toMatch(/^HTTP\/1\.1 400 /);
    expect(askedFor).toEqual([]);
  });

  it("tells of a client whose own X-Forwarded-For counts only where that client is trusted", async () => {
    const claiming = GET.replace("Host", "X-Forwarded-For: 203.0.113.9\r\nHost");
    const { site, askedFor } = await trustingSite();
    await exchange(site.proxy.port, HEADER + claiming);
    const chained = await trustingSite({ TRUSTED_PROXIES: "127.0.0.1,192.0.2.7" });
    await exchange(chained.site.proxy.port, HEADER + claiming);
    expect([askedFor, chained.askedFor]).toEqual([["192.0.2.7"], ["203.0.113.9, 192.0.2.7"]]);
  });
});

describe("who may purge", () => {
  const PURGE = GET.replace("GET", "PURGE");

  it("is told by the header of a trusted proxy", async () => {
    const { site } = await trustingSite({ PURGE_ALLOW: "192.0.2.7" });
    expect(await exchange(site.proxy.port, HEADER + PURGE)).toMatch(/^HTTP\/1\.1 200 /);
    const { site: other } = await trustingSite({ PURGE_ALLOW: "127.0.0.1" });
    expect(await exchange(other.proxy.port, HEADER + PURGE)).toMatch(/^HTTP\/1\.1 403 /);
  });

  it("is not told by anybody else's: for them that is no request", async () => {
    const settings = { PURGE_ALLOW: "192.0.2.7", TRUSTED_PROXIES: "192.0.2.200" };
    const { site, askedFor } = await trustingSite(settings);
    expect(await exchange(site.proxy.port, HEADER + PURGE)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await exchange(site.proxy.port, PURGE)).toMatch(/^HTTP\/1\.1 403 /);
    expect(await exchange(site.proxy.port, GET)).toMatch(/^HTTP\/1\.1 200 /);
    expect(askedFor).toEqual(["127.0.0.1"]);
  });

  it("is not told at all where the protocol is off", async () => {
    const { site } = await trustingSite({ PURGE_ALLOW: "192.0.2.7", PROXY_PROTOCOL: "off" });
    expect(await exchange(site.proxy.port, HEADER + PURGE)).toMatch(/^HTTP\/1\.1 400 /);
  });
});

it("connections that have not said for whom they are count, and keep no shutdown waiting", async () => {
  const { site } = await trustingSite({
    MAX_CONNECTIONS: "1",
    HEADERS_TIMEOUT: "60s",
    SHUTDOWN_TIMEOUT: "15s",
  });
  const silent = await rawClient(site.proxy.port);
  silent.write("PROXY ");
  await site.until("there is no room", async () =>
    (await exchange(site.proxy.port, HEADER + GET)).startsWith("HTTP/1.1 503 "),
  );
  const startedAt = performance.now();
  await site.proxy.stop();
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

it("is spoken by somebody, where it is on", () => {
  const loaded = loadConfig({ flags: { ORIGINS: "http://a", PROXY_PROTOCOL: "on" } });
  expect(loaded).toEqual({
    ok: false,
    errors: [expect.stringMatching(/^PROXY_PROTOCOL: .* TRUSTED_PROXIES/)],
  });
});
