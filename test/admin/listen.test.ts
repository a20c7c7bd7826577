import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import type { AdminDeps } from "../../src/admin/api.ts";
import { type AdminListener, listenAdmin, MAX_REQUESTS } from "../../src/admin/listen.ts";
import { until } from "../until.ts";
import { anApi, urlsOf } from "./an-api.ts";

const GLOBALS = [globalThis.Request, globalThis.Response];

const open: (AdminListener | Socket)[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) {
    if ("destroy" in thing) thing.destroy();
    else await thing.close(0);
  }
});

async function listening(overrides: Partial<AdminDeps> = {}) {
  const api = anApi(overrides);
  const listener = await listenAdmin(api.app, { host: "127.0.0.1", port: 0 });
  open.push(listener);
  return { ...api, listener };
}

/** Sends bytes as they are on a connection of their own. */
async function dial(listener: AdminListener, bytes: string): Promise<Socket> {
  const socket = connect(listener.port, listener.host);
  open.push(socket);
  await once(socket, "connect");
  socket.write(bytes, "latin1");
  return socket;
}

async function exchange(
  listener: AdminListener,
  head: string,
  body = "",
): Promise<{ status: number; body: string }> {
  const socket = await dial(listener, `${head}\r\nConnection: close\r\n\r\n${body}`);
  const answer = await text(socket);
  return { status: Number(answer.slice(9, 12)), body: answer.slice(answer.indexOf("\r\n\r\n") + 4) };
}

test.each([
  ["//a/../b?x=%2F"],
  ["/%2e%2e/stats?%zz&&=#"],
  ["/a/./b/"],
  ["/a%20b?q=a+b?c"],
  ["/cache/cache/x"],
  ["/health/live"],
  ["/"],
])("DELETE /cache%s purges exactly that request-target", async (target) => {
  const { listener, purged } = await listening();
  const { status } = await exchange(
    listener,
    `DELETE /cache${target} HTTP/1.1\r\nHost: localhost\r\nX-Host: h`,
  );
  expect(status).toBe(200);
  expect(purged).toEqual([urlsOf(`h${target}`)]);
});

test("an absolute-form request-target means the same", async () => {
  const { listener, purged } = await listening();
  const head = "DELETE http://localhost/cache//a/../b?x=%2F HTTP/1.1\r\nHost: localhost\r\nX-Host: h";
  expect((await exchange(listener, head)).status).toBe(200);
  expect(purged).toEqual([urlsOf("h//a/../b?x=%2F")]);
});

test("no spelling of a path gets past the token", async () => {
  const { listener } = await listening({ token: "t" });
  for (const target of [
    "/health/live/../../stats",
    "/health/../stats",
    "//health/live",
    "/health/live%2F..%2F..%2Fstats",
    "/%68ealth/live",
    "http://localhost/stats",
    "http://localhost/health/live/../../stats",
  ]) {
    const { status } = await exchange(listener, `GET ${target} HTTP/1.1\r\nHost: localhost`);
    expect(`${target} ${status}`).toBe(`${target} 401`);
  }
  expect((await exchange(listener, "GET /health/live?x=1 HTTP/1.1\r\nHost: localhost")).status).toBe(200);
  const stats = await exchange(listener, "GET /stats HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t");
  expect([stats.status, stats.body]).toEqual([200, '{"requests":3,"hit_rate":0.5}\n']);
});

test("a chunked body is read, and bounded", async () => {
  const { listener, purged } = await listening();
  const head = "POST /purge HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked";
  const small = await exchange(listener, head, '13\r\n{"everything":true}\r\n0\r\n\r\n');
  expect(small.status).toBe(200);
  expect(purged).toEqual([[{ type: "everything" }]]);

  const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
  const large = await exchange(listener, head, `${chunk.repeat(17)}0\r\n\r\n`);
  expect(large.status).toBe(413);
  expect(JSON.parse(large.body)).toMatchObject({ code: "payload_too_large" });
  expect(purged).toHaveLength(1);
});

test("it leaves the global Request and Response alone", async () => {
  await listening();
  expect(globalThis.Request).toBe(GLOBALS[0]);
  expect(globalThis.Response).toBe(GLOBALS[1]);
});

test("a port that is taken is Node's error", async () => {
  const { listener, app } = await listening();
  await expect(listenAdmin(app, { host: "127.0.0.1", port: listener.port })).rejects.toMatchObject({
    code: "EADDRINUSE",
    port: listener.port,
  });
});

test("close lets a request finish that is under way, and an idle connection does not hold it up", async () => {
  let finish = () => {};
  let asked = () => {};
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const { listener } = await listening({
    metricsText: () => {
      asked();
      return new Promise((resolve) => {
        finish = () => resolve("up 1\n");
      });
    },
  });
  const idle = await dial(listener, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(idle, "data");
  const busy = exchange(listener, "GET /metrics HTTP/1.1\r\nHost: localhost");
  await isAsked;

  const closed = listener.close(10_000);
  await expect(dial(listener, "")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  finish();
  expect(await busy).toEqual({ status: 200, body: "up 1\n" });
  await closed;
});

test("close does not wait longer than it was told to", async () => {
  let asked = () => {};
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const { listener } = await listening({
    metricsText: () => {
      asked();
      return new Promise(() => {});
    },
  });
  const stuck = await dial(listener, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await isAsked;
  const ended = once(stuck, "close");
  await listener.close(50);
  await ended;
});

test("requests without end on one connection, sent without waiting, are not all worked on", async () => {
  let asked = 0;
  const answers = Promise.withResolvers<string>();
  const metricsText = () => {
    asked++;
    return answers.promise;
  };
  const { listener } = await listening({ metricsText });
  const socket = await dial(
    listener,
    "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(5 * MAX_REQUESTS),
  );
  let seen = "";
  socket.setEncoding("latin1").on("data", (some: string) => {
    seen += some;
  });
  await until("as many as may be are asked for", () => asked >= MAX_REQUESTS);
  answers.resolve("up 1\n");
  await until("another one is refused", () => seen.includes("HTTP/1.1 503"));
  expect(asked).toBe(MAX_REQUESTS);
  expect(seen.match(/HTTP\/1\.1 200/g)).toHaveLength(MAX_REQUESTS);
});
