import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, it, onTestFinished, vi } from "vitest";
import { until } from "../until.ts";
import { aClient, get, never, readAll } from "./asking.ts";
import { OK, rawServer } from "./raw-server.ts";

const read = async (one: ReturnType<typeof aClient>, target: string) =>
  (await readAll((await one.send(get(target), never())).body)).toString("latin1");

/** Answers with what was asked for. */
const echo = () =>
  rawServer(({ socket }, head) => {
    const target = head.split(" ")[1] as string;
    socket.setNoDelay(true);
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`);
  });

it.each(["/next", "/next-of-two"])(
  "an answer that nobody asked for, right behind another, is not taken for the next one: %s",
  async (target) => {
    const server = await echo();
    const one = aClient(server.url, { connections: target === "/next" ? 1 : 2 });
    for (let i = 0; i < 20; i++) {
      await one.send(get("/"), never());
      // Still in the turn that has brought the answer: the kernel has these before the next request is written.
      server.connections.at(-1)?.socket.write(OK);
      const asked = target === "/next" ? [target] : [target, "/another"];
      expect(await Promise.all(asked.map((each) => read(one, each)))).toEqual(asked);
    }
  },
);

it("a connection that its origin ends right behind an answer is not used again", async () => {
  const server = await echo();
  const one = aClient(server.url, { connections: 1 });
  for (let i = 0; i < 20; i++) {
    await one.send(get("/"), never());
    server.connections.at(-1)?.socket.end();
    expect(await read(one, "/next")).toBe("/next");
  }
});

it("a connection whose origin answers before it has taken all of the request is not used again", async () => {
  const sockets: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.write(OK);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const one = aClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { connections: 1 });
  // More than the system takes for a peer that does not read.
  const long = ["x-long", "x".repeat(32 * 1024 * 1024)];
  await readAll((await one.send(get("/", long), never())).body);
  expect(await read(one, "/next")).toBe("ok");
  expect(sockets).toHaveLength(2);
});

it("requests that come while others end share their connections, and make no more than they may", async () => {
  const server = await echo();
  const one = aClient(server.url, { connections: 4, queue: 1000 });
  const targets = Array.from({ length: 500 }, (_, i) => `/${i}`);
  expect(await Promise.all(targets.map((target) => read(one, target)))).toEqual(targets);
  expect(server.connections).toHaveLength(4);
});

it("no time limit ends before its time, whenever it begins", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const server = await rawServer(() => {});
  const one = aClient(server.url);
  const ended: string[] = [];
  const ask = async (target: string, headMs: number) => {
    one.send(get(target), never(), headMs).catch(() => ended.push(target));
    await until("it is there", () => server.connections.at(-1)?.received().includes(target) === true);
  };
  await ask("/first", 1000);
  vi.advanceTimersByTime(99);
  await ask("/second", 100);
  vi.advanceTimersByTime(99);
  await new Promise(setImmediate);
  expect(ended).toEqual([]);
  vi.advanceTimersByTime(102);
  await new Promise(setImmediate);
  expect(ended).toEqual(["/second"]);
});

it("a request is written at once where nothing has been free for less than two looks, else in the check phase", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setImmediate"] });
  onTestFinished(() => void vi.useRealTimers());
  const [server, other] = [await echo(), await echo()];
  const one = aClient(server.url);
  const isThere = (target: string) => server.connections[0]?.received().includes(target) === true;
  expect(await read(one, "/first")).toBe("/first");
  const second = read(one, "/second");
  // That takes longer than to arrive.
  expect(await read(aClient(other.url), "/meanwhile")).toBe("/meanwhile");
  expect(isThere("/second")).toBe(false);
  await until("it is there", () => {
    vi.advanceTimersByTime(1);
    return isThere("/second");
  });
  expect(await second).toBe("/second");
  vi.advanceTimersByTime(300);
  expect(await read(one, "/third")).toBe("/third");
  expect(server.connections).toHaveLength(1);
});
