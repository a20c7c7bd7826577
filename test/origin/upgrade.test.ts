import { once } from "node:events";
import { beforeEach, describe, expect, it } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { OriginError } from "../../src/cache/ports/origin.ts";
import type { OriginPool } from "../../src/origin/pool.ts";
import { createUpgrader, type Upgrade, type UpgraderOptions } from "../../src/origin/upgrade.ts";
import { until } from "../until.ts";
import { aPool, CLIENT, get, never, readAll, rejection } from "./asking.ts";
import { answering, type RawServer, rawServer } from "./raw-server.ts";

let events: CacheEvent[] = [];
beforeEach(() => {
  events = [];
});

const upgraderFor = (
  origin: string,
  settings: Partial<UpgraderOptions> = {},
): { upgrade: Upgrade; pool: OriginPool } => {
  const options = { ...CLIENT, emit: (event: CacheEvent) => events.push(event), now: () => 0, ...settings };
  const pool = aPool([origin], options);
  return { upgrade: createUpgrader(pool, options), pool };
};
const webSocket = (target = "/chat") => ({
  ...get(target, ["Sec-WebSocket-Key", "a2V5", "X-Odd", "caf\xe9"]),
  upgrade: "websocket",
});
/** Health checks get a 404, everything else what the test says. */
const origin = (answer: Parameters<typeof rawServer>[0]): Promise<RawServer> =>
  rawServer((connection, head, nth) => {
    if (head.includes(" /health-check "))
      connection.socket.write("HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n");
    else answer(connection, head, nth);
  });
/** The socket of an upgrade that must switch. */
const switched = async (upgrading: ReturnType<Upgrade>) => {
  const upgraded = await upgrading;
  if (upgraded.type !== "switched") throw new Error("expected a switch");
  return upgraded;
};
/** The response to an upgrade that must be answered instead. */
const answered = async (upgrading: ReturnType<Upgrade>) => {
  const upgraded = await upgrading;
  if (upgraded.type !== "answered") throw new Error("expected an answer");
  return upgraded.response;
};
const asked = (server: RawServer) =>
  server.connections.find((connection) => connection.received().includes(" /chat"));
const SWITCHED =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";

describe("an origin that switches", () => {
  it("gets the request with Upgrade and Connection set anew and nothing added, and gives its socket", async () => {
    const server = await origin(({ socket }) => socket.write(`${SWITCHED}early`));
    const { upgrade, pool } = upgraderFor(server.url);
    await pool.ready;
    const { socket, ...rest } = await switched(upgrade(webSocket(), never()));
    expect(asked(server)?.received()).toBe(
      `GET /chat HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a2V5\r\nX-Odd: caf\xe9\r\n\r\n`,
    );
    expect(rest).toMatchObject({
      statusMessage: "Switching Protocols",
      fields: ["Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Accept", "x"],
      origin: server.url,
    });
    expect(rest.head.toString()).toBe("early");

    socket.write("ping");
    await until("the bytes are there", () => asked(server)?.received().endsWith("ping") === true);
    asked(server)?.socket.write("pong");
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toBe("pong");
    expect(events).toEqual([
      {
        type: "origin-answered",
        origin: server.url,
        status: 101,
        headMs: expect.any(Number),
        conditional: false,
      },
    ]);
    socket.destroy();
  });

  it("has the tunnel counted as in flight while it is open, whatever ends it", async () => {
    const server = await origin(({ socket }) => socket.write(SWITCHED));
    const { upgrade, pool } = upgraderFor(server.url);
    const inFlight = () => pool.states()[0]?.inFlight;
    const first = await switched(upgrade(webSocket(), never()));
    await switched(upgrade(webSocket(), never()));
    expect(inFlight()).toBe(2);
    first.socket.destroy();
    await until("the first is counted out", () => inFlight() === 1);
    // An error on a socket that nobody listens to must end nothing but the tunnel.
    asked(server)?.socket.resetAndDestroy();
    for (const { socket } of server.connections) socket.resetAndDestroy();
    await until("the second is counted out", () => inFlight() === 0);
  });

  it("gets the client's Host when it is preserved", async () => {
    const server = await origin(({ socket }) => socket.write(SWITCHED));
    const { upgrade } = upgraderFor(server.url, { preserveHost: true });
    await upgrade(webSocket(), never());
    expect(asked(server)?.received()).toContain("\r\nHost: client.example\r\n");
  });

  it("is not cut off by a signal that fires after the switch", async () => {
    const server = await origin(({ socket }) => socket.write(SWITCHED));
    const { upgrade } = upgraderFor(server.url);
    const leaving = new AbortController();
    const { socket } = await switched(upgrade(webSocket(), leaving.signal));
    leaving.abort();
    expect(socket.destroyed).toBe(false);
  });
});

describe("an origin that answers instead", () => {
  const half = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";

  it("gives a response like any other", async () => {
    const server = await origin(({ socket }) =>
      socket.write("HTTP/1.1 426 Upgrade Required\r\nUPGRADE: h9\r\nContent-Length: 2\r\n\r\nno"),
    );
    const { upgrade, pool } = upgraderFor(server.url);
    const { body, ...head } = await answered(upgrade(webSocket(), never()));
    expect(head).toEqual({
      status: 426,
      statusMessage: "Upgrade Required",
      fields: ["UPGRADE", "h9", "Content-Length", "2"],
      origin: server.url,
    });
    expect((await readAll(body)).toString()).toBe("no");
    await until("it is counted out", () => pool.states()[0]?.inFlight === 0);
  });

  it("and breaks off rejects with reset", async () => {
    const server = await origin(({ socket }) => socket.end(half));
    const { body } = await answered(upgraderFor(server.url).upgrade(webSocket(), never()));
    expect(await rejection(readAll(body))).toMatchObject({
      name: "OriginError",
      code: "reset",
    });
  });

  it("and breaks off before anybody reads rejects with reset, too", async () => {
    const server = await origin(({ socket }) => socket.write(half));
    const { upgrade, pool } = upgraderFor(server.url);
    const { body } = await answered(upgrade(webSocket(), never()));
    asked(server)?.socket.resetAndDestroy();
    await until("it is counted out", () => pool.states()[0]?.inFlight === 0);
    expect(await rejection(readAll(body))).toMatchObject({ code: "reset" });
  });

  it("and falls silent rejects with timeout", async () => {
    const server = await origin(({ socket }) => socket.write(half));
    const { upgrade } = upgraderFor(server.url, { bodyTimeoutMs: 50 });
    const { body } = await answered(upgrade(webSocket(), never()));
    expect(await rejection(readAll(body))).toMatchObject({ code: "timeout" });
  });

  it("and falls silent before anybody reads rejects with timeout, too", async () => {
    const server = await origin(({ socket }) => socket.write(half));
    const { upgrade, pool } = upgraderFor(server.url, { bodyTimeoutMs: 50 });
    const { body } = await answered(upgrade(webSocket(), never()));
    await until("it is counted out", () => pool.states()[0]?.inFlight === 0);
    expect(await rejection(readAll(body))).toMatchObject({ code: "timeout" });
  });

  it("is left when the signal fires", async () => {
    const server = await origin(({ socket }) => socket.write(half));
    const leaving = new AbortController();
    const { upgrade } = upgraderFor(server.url, { bodyTimeoutMs: 60_000 });
    const { body } = await answered(upgrade(webSocket(), leaving.signal));
    const reading = rejection(readAll(body));
    leaving.abort(new Error("left"));
    expect(await reading).toMatchObject({ message: "left" });
    await until("the connection is closed", () => asked(server)?.socket.destroyed === true);
  });
});

describe("a handshake that fails", () => {
  it("is refused when nobody listens any more, and the origin is out", async () => {
    const server = await origin(() => {});
    const { upgrade, pool } = upgraderFor(server.url);
    await pool.ready;
    await server.close();
    expect(pool.anyHealthy()).toBe(true);
    expect(await rejection(upgrade(webSocket(), never()))).toMatchObject({ code: "refused" });
    expect(pool.anyHealthy()).toBe(false);
    expect(pool.states()[0]?.inFlight).toBe(0);
    expect(await rejection(upgrade(webSocket(), never()))).toMatchObject({ code: "no-healthy-origin" });
  });

  it("is timeout when no answer comes, and the connection is closed", async () => {
    const server = await origin(() => {});
    const { upgrade, pool } = upgraderFor(server.url, { headersTimeoutMs: 100 });
    expect(await rejection(upgrade(webSocket(), never()))).toMatchObject({
      code: "timeout",
      origin: server.url,
    });
    await until("the connection is closed", () => asked(server)?.socket.destroyed === true);
    expect(pool.states()[0]?.inFlight).toBe(0);
  });

  it("is connect when TLS is never answered", async () => {
    const server = await rawServer(() => {});
    const { upgrade } = upgraderFor(`https://127.0.0.1:${server.port}`, { connectTimeoutMs: 50 });
    expect(await rejection(upgrade(webSocket(), never()))).toMatchObject({ code: "connect" });
  });

  it.each([
    ["reset", ""],
    ["reset", "HTTP/1.1 10"],
    ["malformed", "hello\r\n\r\n"],
  ])("is %s when the origin hangs up after %j, and is not tried again", async (code, bytes) => {
    const server = await origin(({ socket }) => socket.end(bytes));
    const { upgrade } = upgraderFor(server.url);
    expect(await rejection(upgrade(webSocket(), never()))).toMatchObject({ name: "OriginError", code });
    expect(events.filter(({ type }) => type === "origin-failed")).toHaveLength(1);
    expect(server.connections.filter((each) => each.received().includes("/chat"))).toHaveLength(1);
  });

  it("is malformed when it cannot be written safely", async () => {
    const server = await answering("");
    const { upgrade } = upgraderFor(server.url);
    for (const request of [webSocket("/a b"), { ...webSocket(), fields: ["X", "a\r\nb: c"] }]) {
      const error = await rejection(upgrade(request, never()));
      expect(error).toBeInstanceOf(OriginError);
      expect(error).toMatchObject({ code: "malformed" });
    }
    expect(asked(server)).toBeUndefined();
  });

  it("ends at once when the signal fires, and sends nothing when it has fired before", async () => {
    const server = await origin(() => {});
    const { upgrade, pool } = upgraderFor(server.url);
    expect(await rejection(upgrade(webSocket(), AbortSignal.abort(new Error("before"))))).toMatchObject({
      message: "before",
    });
    const leaving = new AbortController();
    const answer = rejection(upgrade(webSocket(), leaving.signal));
    await until("it is asked", () => asked(server) !== undefined);
    leaving.abort(new Error("left"));
    expect(await answer).toMatchObject({ message: "left" });
    expect(pool.states()[0]?.inFlight).toBe(0);
    await until("the connection is closed", () => asked(server)?.socket.destroyed === true);
  });
});

it("the upgrader and the checks name the same origin", async () => {
  const server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const { pool } = upgraderFor(server.url);
  await pool.ready;
  expect(pool.states()[0]).toMatchObject({ origin: server.url, healthy: true, detail: "answered 200" });
});
