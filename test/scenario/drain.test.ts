import { Agent, request as httpRequest, type ServerResponse } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { rawClient } from "./raw.ts";
import { startSite } from "./site.ts";

const asking = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${more}\r\n`;

/** An origin whose answers wait for the test. */
async function slowSite() {
  const waiting: ServerResponse[] = [];
  const origin = await startOrigin((_, response) => waiting.push(response));
  const site = await startSite({ settings: { ORIGINS: origin.url, SHUTDOWN_TIMEOUT: "10s" } });
  const reached = (n: number) => site.until(`${n} are at the origin`, () => waiting.length === n);
  return { site, waiting, reached };
}

/** One request on the agent's kept connection; rejects when the connection breaks. */
const askOver = (agent: Agent, port: number, path: string) =>
  new Promise<{ status: number | undefined; connection: string | undefined }>((resolve, reject) => {
    const request = httpRequest({ agent, port, host: "127.0.0.1", path }, (response) => {
      const { statusCode: status, headers } = response;
      response.on("error", reject);
      response.on("end", () => resolve({ status, connection: headers.connection }));
      response.resume();
    });
    request.on("error", reject).end();
  });

it("fifty busy clients on kept connections see every request answered and no reset", async () => {
  const site = await startSite({ settings: { SHUTDOWN_TIMEOUT: "10s" } });
  await site.behave({ delay_ms: 5 });
  let answers = 0;
  const client = async (id: number): Promise<string | undefined> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    for (let n = 0; ; n++) {
      // Hits and misses by turns.
      const path = n % 2 === 0 ? "/data?id=1&cache-control=max-age=60" : `/data?id=${id}-${n}`;
      const { status, connection } = await askOver(agent, site.proxy.port, path);
      expect(status).toBe(200);
      answers++;
      if (connection === "close") return connection;
    }
  };
  const clients = Promise.all(Array.from({ length: 50 }, (_, id) => client(id)));
  await site.until("they are busy", () => answers > 500);
  const stopped = site.proxy.stop();
  expect(await clients).toEqual(Array(50).fill("close"));
  await stopped;
});

it("an answer that has not begun says that its connection closes, and one that has begun ends well", async () => {
  const { site, waiting, reached } = await slowSite();
  const begun = await rawClient(site.proxy.port);
  begun.write(asking("/begun"));
  await reached(1);
  waiting[0]?.write("be");
  await begun.sees("be");
  const pending = await rawClient(site.proxy.port);
  pending.write(asking("/pending"));
  await reached(2);
  const stopped = site.proxy.stop();
  waiting[0]?.end("gun");
  waiting[1]?.end("answered");
  expect(await pending.end()).toMatch(/^HTTP\/1\.1 200 OK\r\n.*Connection: close\r\n.*answered/s);
  expect(await begun.end()).toMatch(/begun|be\r\n.*gun/s);
  await stopped;
});

it("a request that comes on a kept connection after the stop has begun is answered, and closes it", async () => {
  const { site, waiting, reached } = await slowSite();
  const client = await rawClient(site.proxy.port);
  client.write(asking("/first"));
  await reached(1);
  waiting[0]?.end("first");
  await client.sees("first");
  const stopped = site.proxy.stop();
  client.write(asking("/second"));
  await reached(2);
  waiting[1]?.end("second");
  const seen = await client.end();
  expect(seen.match(/Connection: .*/g)).toEqual(["Connection: keep-alive", "Connection: close"]);
  expect(seen).toMatch(/second/);
  await stopped;
});

it("requests that were sent without waiting are all answered, and the last one closes", async () => {
  const { site, waiting, reached } = await slowSite();
  const client = await rawClient(site.proxy.port);
  client.write(asking("/1") + asking("/2"));
  await reached(2);
  const stopped = site.proxy.stop();
  client.write(asking("/3"));
  await reached(3);
  for (const [i, response] of waiting.entries()) response.end(`<${i + 1}>`);
  const seen = await client.end();
  expect(seen.match(/Connection: .*|<\d>/g)).toEqual([
    ...["Connection: keep-alive", "<1>", "Connection: keep-alive", "<2>", "Connection: close", "<3>"],
  ]);
  await stopped;
});

it("idle connections are closed, and do not hold up the stop until its time-out", async () => {
  const site = await startSite({ settings: { SHUTDOWN_TIMEOUT: "1h" } });
  const used = await rawClient(site.proxy.port);
  used.write(asking("/data?id=1"));
  await used.sees('"id":"1"');
  const unused = await rawClient(site.proxy.port);
  await site.proxy.stop();
  await Promise.all([used.end(), unused.end()]);
});
