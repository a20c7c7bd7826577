import { describe, expect, it } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { exchange } from "./raw.ts";
import { startSite } from "./site.ts";

const begin = async (settings: Record<string, string> = {}) => {
  const origin = await startOrigin((_, response) => response.writeHead(200, { Allow: "GET" }).end("origin"));
  const site = await startSite({ settings: { ORIGINS: origin.url, ...settings } });
  const ask = (line: string, ...lines: readonly string[]) =>
    exchange(
      site.proxy.port,
      `${[`${line} HTTP/1.1`, "Host: a.example", "Connection: close", ...lines].join("\r\n")}\r\n\r\n`,
    );
  return { origin, site, ask };
};

describe("OPTIONS", () => {
  it.each([
    ["about the server as a whole", "OPTIONS *", []],
    ["about the server as a whole, in absolute form (RFC 9112 §3.2.4)", "OPTIONS http://b.example", []],
    ["that may be forwarded no more (RFC 9110 §7.6.2)", "OPTIONS /a", ["Max-Forwards: 0"]],
    ["that also wants another protocol", "OPTIONS *", ["Upgrade: x", "Connection: upgrade"]],
  ])("%s is answered here", async (_, line, lines) => {
    const { ask, origin, site } = await begin();
    const seen = await ask(line, ...lines);
    expect(seen).toMatch(/^HTTP\/1\.1 204 No Content\r\n/);
    expect(seen).toMatch(/\r\nAllow: GET, HEAD, .*OPTIONS\r\n/);
    expect(seen).toMatch(/\r\n\r\n$/);
    expect(origin.requests).toEqual([]);
    expect(site.events.filter(({ type }) => type === "answered")).toMatchObject([
      { method: "OPTIONS", status: 204, outcome: { word: "BYPASS" } },
    ]);
  });

  it("that may be forwarded goes on, one less often", async () => {
    const { ask, origin } = await begin();
    expect(await ask("OPTIONS /a", "max-forwards: 2")).toMatch(/\r\nAllow: GET\r\n/);
    expect(origin.requests[0]?.headers["max-forwards"]).toBe("1");
    await ask("OPTIONS http://b.example/", "Max-Forwards: 1");
    expect(origin.requests[1]?.headers["max-forwards"]).toBe("0");
  });

  it.each([["Host: a b"], ["Host: a/b"], ["Host: a.example", "Host: b.example"], []])(
    "about the server as a whole is refused as any other request is, with %j",
    async (...hosts) => {
      const { site, origin } = await begin();
      const lines = ["OPTIONS * HTTP/1.1", ...hosts, "Connection: close"];
      expect(await exchange(site.proxy.port, `${lines.join("\r\n")}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
      expect(origin.requests).toEqual([]);
    },
  );
});

it("Max-Forwards means nothing to other methods, and passes as it came", async () => {
  const { ask, origin } = await begin();
  for (const method of ["GET", "POST", "HEAD"]) {
    expect(await ask(`${method} /a`, "Max-Forwards: 0")).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  }
  expect(origin.requests.map(({ headers }) => headers["max-forwards"])).toEqual(["0", "0", "0"]);
});

describe("TRACE", () => {
  it.each([[], ["Max-Forwards: 5"], ["Max-Forwards: 0"], ["Connection: upgrade", "Upgrade: x"]])(
    "shows nobody what a request carries, with %j",
    async (...lines) => {
      const { ask, origin } = await begin();
      const seen = await ask("TRACE /a", "Cookie: secret", ...lines);
      expect(seen).toMatch(/^HTTP\/1\.1 405 Method Not Allowed\r\n/);
      expect(seen).toMatch(/\r\nAllow: (?!.*TRACE).*GET/);
      expect(seen).not.toContain("secret");
      expect(origin.requests).toEqual([]);
    },
  );
});
