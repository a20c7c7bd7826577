import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";
import { expect, it, onTestFinished, vi } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { createTurnAway } from "../../src/server/no-room.ts";
import { rawClient } from "../scenario/raw.ts";
import { startSite } from "../scenario/site.ts";
import { until } from "../until.ts";

it("a connection beyond MAX_CONNECTIONS is told so, as every refusal is, and those that are open go on", async () => {
  const site = await startSite({ settings: { MAX_CONNECTIONS: "1", CORS_ORIGINS: "*" } });
  const open = await rawClient(site.proxy.port);
  const seen = await (await rawClient(site.proxy.port)).end();
  const [head = "", body = ""] = seen.split("\r\n\r\n");
  const [line, ...fields] = head.split("\r\n");
  expect(line).toBe("HTTP/1.1 503 Service Unavailable");
  const code = "too_many_connections";
  expect(JSON.parse(body)).toMatchObject({ code, message: "more connections are open than may be" });
  expect(fields).toEqual(
    expect.arrayContaining([
      "Retry-After: 1",
      "Connection: close",
      "Cache-Control: no-store",
      `Content-Length: ${body.length}`,
      `Cache-Status: freshline; detail=${code}`,
      `X-Request-Id: ${JSON.parse(body).requestId}`,
      "Access-Control-Allow-Origin: *",
    ]),
  );
  expect(fields.filter((field) => field.startsWith("Date: "))).toHaveLength(1);
  expect(site.events.filter(({ type }) => type === "connection-refused")).toEqual([
    { type: "connection-refused", answered: true },
  ]);
  open.write("GET /data?id=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  expect(await open.end()).toContain("HTTP/1.1 200 OK");
});

it("who has sent a request already, and goes on, gets the 503 all the same (RFC 9112 §9.6)", async () => {
  const site = await startSite({ settings: { MAX_CONNECTIONS: "1" } });
  await rawClient(site.proxy.port);
  const client = await rawClient(site.proxy.port);
  client.socket.pause();
  // More than is read, and less than fits into the connection.
  client.write(`POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n${"x".repeat(100_000)}`);
  await site.until("it is refused", () => site.events.some(({ type }) => type === "connection-refused"));
  // What meets a closed connection breaks it, and what was not read yet is lost.
  for (let i = 0; i < 5; i++) {
    client.write("x".repeat(1000));
    await pause(20);
  }
  client.socket.resume();
  expect(await client.end()).toContain("HTTP/1.1 503 Service Unavailable");
});

/** A port where there is no room for anybody, and connections to it that stay until they are ended. */
async function full() {
  // The second that a goodbye may last is over when the test says so: never.
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const events: CacheEvent[] = [];
  const settings = { corsOrigins: [], securityHeaders: true };
  const turnAway = createTurnAway({ emit: (event) => void events.push(event), settings });
  const server = createServer({ allowHalfOpen: true }, (socket) => turnAway(socket, true));
  onTestFinished(() => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const refused = (answered: boolean) =>
    events.filter((event) => event.type === "connection-refused" && event.answered === answered).length;
  const staying = async () => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => {}).resume();
    await once(socket, "connect");
    return socket;
  };
  const open = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
  return { refused, staying, open };
}

it("of a crowd beyond it 64 at once are told, and the others closed unanswered", async () => {
  const { refused, staying, open } = await full();
  const crowd = await Promise.all(Array.from({ length: 80 }, staying));
  while (refused(true) + refused(false) < 80) await turn();
  expect([refused(true), refused(false)]).toEqual([64, 16]);
  vi.useRealTimers();
  await until("the others are gone", async () => (await open()) === 64);
  for (const socket of crowd) socket.end();
  await until("all are gone", async () => (await open()) === 0);
  (await staying()).end();
  await until("there is room for goodbyes again", () => refused(true) === 65);
});
