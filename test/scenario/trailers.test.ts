import { describe, expect, it } from "vitest";
import { rawClient } from "./raw.ts";
import { startRawOrigin } from "./raw-origin.ts";
import { type Site, startSite } from "./site.ts";

/** A chunked answer with trailers, good and bad, and the head that announces some. */
const ANSWER = [
  ...["HTTP/1.1 200 OK", "Cache-Control: max-age=60", "Transfer-Encoding: chunked"],
  ...["Trailer: X-Sum, Content-Length", "trailer: Set-Cookie", "", "3", "abc", "2", "de", "0"],
  ...["X-Sum: 9", "Set-Cookie: a=1", "x-unannounced: caf\xe9", "Content-Type: text/evil", "Age: 99", "", ""],
].join("\r\n");
const SECTION = "\r\n0\r\nX-Sum: 9\r\nx-unannounced: caf\xe9\r\n\r\n";

const begin = async () => {
  const origin = await startRawOrigin(({ socket }) => socket.write(Buffer.from(ANSWER, "latin1")));
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  return { origin, site };
};

/** One request on a connection of its own. */
async function seen(site: Site, method = "GET", version = "1.1"): Promise<string> {
  const client = await rawClient(site.proxy.port);
  client.write(`${method} /a HTTP/${version}\r\nHost: a.example\r\nConnection: close\r\n\r\n`);
  return client.end();
}

describe("trailers (RFC 9110 §6.5)", () => {
  it.each([
    ["GET", "MISS"],
    ["POST", "BYPASS"],
    ["OPTIONS", "BYPASS"],
  ])(
    "reach who asks the origin by %s, announced as it announced them, without those that come too late",
    async (method, word) => {
      const { site } = await begin();
      const text = await seen(site, method);
      expect(text).toContain(`X-Cache: ${word}\r\n`);
      expect(text.match(/^trailer: .*$/gim)).toEqual(["Trailer: X-Sum"]);
      expect(text.slice(-SECTION.length)).toBe(SECTION);
      expect(text).not.toMatch(/set-cookie|text\/evil|^age:/im);
    },
  );

  it("are not stored, nor merged into what is", async () => {
    const { site, origin } = await begin();
    await seen(site);
    await site.until("it is stored", () => site.events.some(({ type }) => type === "stored"));
    const text = await seen(site);
    expect(text).toContain("X-Cache: HIT\r\n");
    expect(text).toMatch(/\r\nContent-Length: 5\r\n.*\r\n\r\nabcde$/s);
    expect(text).not.toMatch(/trailer|x-sum|x-unannounced|chunked/i);
    expect(origin.heads).toHaveLength(1);
  });

  it("do not reach a client of HTTP/1.0, which has no place for them", async () => {
    const { site } = await begin();
    const text = await seen(site, "GET", "1.0");
    expect(text).toMatch(/\r\n\r\nabcde$/);
    expect(text).not.toMatch(/trailer|x-sum|chunked/i);
  });

  it("of a body that breaks off do not come, and the client sees that it broke", async () => {
    const cut = ANSWER.slice(0, ANSWER.indexOf("X-Sum: 9"));
    const origin = await startRawOrigin(({ socket }) => socket.end(cut));
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const text = await seen(site);
    expect(text).toContain("Trailer: X-Sum");
    expect(text).not.toMatch(/\r\n0\r\n/);
  });

  it("of a request end at the proxy, and the request after it is read right", async () => {
    const { site, origin } = await begin();
    const client = await rawClient(site.proxy.port);
    const head =
      "POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n";
    client.write(`${head}3\r\nabc\r\n0\r\nX-Sum: 9\r\nX-Forwarded-For: evil\r\n\r\n`);
    await client.sees(SECTION);
    client.write("GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    expect((await client.end()).match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    const received = origin.connections.map((connection) => connection.received()).join("");
    expect(received).toMatch(/\r\n3\r\nabc\r\n0\r\n\r\n/);
    expect(received).not.toMatch(/x-sum|evil/i);
  });
});
