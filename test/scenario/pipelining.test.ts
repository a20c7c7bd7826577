import { describe, expect, it } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { rawClient } from "./raw.ts";
import { startSite } from "./site.ts";

const HOST = "Host: a.example\r\n";
const asking = (path: string): string => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`;
const upgrading = (protocol: string): string =>
  `GET /second HTTP/1.1\r\n${HOST}Connection: Upgrade, close\r\nUpgrade: ${protocol}\r\n\r\n`;

const answers = (site: Awaited<ReturnType<typeof startSite>>) =>
  site.events.filter((event) => event.type === "answered");

/** Answers /first when it is told to, and everything else with its path at once. */
async function startPatient() {
  let release = () => {};
  const origin = await startOrigin((request, response) => {
    if (request.url?.startsWith("/first")) release = () => response.end("<first>");
    else response.end(`<${request.url}>`);
  });
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  return { site, origin, release: () => release() };
}

describe("behind a request whose answer is still to come (RFC 9112 §9.3.2)", () => {
  it.each([
    ["an upgrade is an ordinary request", upgrading("foo"), ["200", "200"], "</second>"],
    ["a WebSocket is none", upgrading("websocket"), ["200", "200"], "</second>"],
    ["CONNECT is refused in its turn", `CONNECT a:1 HTTP/1.1\r\n${HOST}\r\n`, ["200", "501"], "bad_request"],
    ["garbage is refused in its turn", "GARBAGE\r\n\r\n", ["200", "400"], "bad_request"],
    [
      "an upgrade with a Host that is none is refused in its turn",
      upgrading("foo").replace("a.example", "a/b"),
      ["200", "400"],
      "bad_request",
    ],
  ])("%s", async (_, second, statuses, end) => {
    const { site, origin, release } = await startPatient();
    const client = await rawClient(site.proxy.port);
    client.write(asking("/first") + second);
    await site.until("the origin is asked", () => origin.requests.length > 0);
    // Whatever would overtake the first answer has by now.
    await site.get("/other");
    expect(client.received()).toBe("");
    release();
    const seen = await client.end();
    expect(seen.match(/(?<=HTTP\/1\.1 )\d+/g)).toEqual(statuses);
    expect(seen.indexOf("<first>")).toBeLessThan(seen.lastIndexOf("HTTP/1.1"));
    expect(seen.slice(seen.lastIndexOf("HTTP/1.1"))).toContain(end);
    await site.until("all is told", () => answers(site).length === 3);
  });

  it("garbage that comes in pieces waits for every answer, and is told once", async () => {
    const { site, origin, release } = await startPatient();
    const client = await rawClient(site.proxy.port);
    client.write(`${asking("/first")}${asking("/a")}GARBAGE\r\n\r\n`);
    await site.until("the origin is asked", () => origin.requests.length === 2);
    client.write("more of it\r\n\r\n");
    await site.get("/other");
    release();
    const seen = await client.end();
    expect(seen.match(/HTTP\/1\.1 \d+|<[a-z/]+>/g)).toEqual([
      ...["HTTP/1.1 200", "<first>", "HTTP/1.1 200", "</a>", "HTTP/1.1 400"],
    ]);
    await site.proxy.stop();
    expect(answers(site).filter(({ status }) => status === 400)).toHaveLength(1);
  });

  it("CONNECT does not hold up an answer that is longer than any buffer", async () => {
    const body = Buffer.alloc(16_777_216, "x");
    const origin = await startOrigin((_, response) => response.end(body));
    const site = await startSite({ settings: { ORIGINS: origin.url, WRITE_TIMEOUT: "5s" } });
    const client = await rawClient(site.proxy.port);
    client.write(`${asking("/long")}CONNECT a:1 HTTP/1.1\r\n${HOST}\r\n`);
    const seen = await client.end();
    expect(seen.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 501"]);
    expect(seen.length).toBeGreaterThan(body.length);
  });

  it("a client that has sent CONNECT and leaves is noticed at the origin", async () => {
    let left = 0;
    const origin = await startOrigin((_, response) => {
      response.write("begun");
      const more = setInterval(() => response.write("more"), 10);
      response.once("close", () => {
        clearInterval(more);
        left++;
      });
    });
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const client = await rawClient(site.proxy.port);
    client.write(`${asking("/1")}${asking("/2")}CONNECT a:1 HTTP/1.1\r\n${HOST}\r\n`);
    await client.sees("more");
    client.socket.destroy();
    await site.until("both are given up", () => left === 2);
    await site.until("both are told", () => answers(site).filter(({ aborted }) => aborted).length === 2);
  });
});

describe("a client that sends thousands of requests in one go", () => {
  it.each([
    ["plain ones, after a miss", "", 1000],
    ["others", "TE: trailers\r\n", 2000],
  ])("has other clients served in between: %s", async (_, line, most) => {
    const origin = await startOrigin((_, response) => {
      response.setHeader("Cache-Control", "max-age=600");
      response.end("x");
    });
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const client = await rawClient(site.proxy.port);
    client.socket.removeAllListeners("data").resume();
    const requests = 20_000;
    client.write(
      asking("/hit")
        .replace(HOST, HOST + line)
        .repeat(requests),
    );
    let worst = 0;
    for (let before = 0; before < requests; ) {
      await new Promise((resolve) => setImmediate(resolve));
      const now = answers(site).length;
      worst = Math.max(worst, now - before);
      before = now;
    }
    expect(origin.requests.filter(({ url }) => url === "/hit")).toHaveLength(1);
    expect(worst).toBeLessThan(most);
  });
});
