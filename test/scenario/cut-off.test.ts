import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { exchange } from "./raw.ts";
import { startSite } from "./site.ts";

/** An origin that answers each request with bytes of its own, then ends the connection. */
async function startRawOrigin(answer: (target: string) => string): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      const target = /^GET (\S+)/.exec(chunk.toString("latin1"))?.[1] ?? "/";
      const health = target === "/health-check";
      socket.end(health ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" : answer(target));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it.each([
  ["with a Content-Length", "/bytes?n=100000&cache-control=max-age=60"],
  ["in chunks", "/bytes?n=100000&chunked=1&cache-control=max-age=60"],
])("a body %s that breaks off breaks the client's connection, and is not stored", async (_, path) => {
  const site = await startSite();
  await site.behave({ cut_after_bytes: 70_000 });
  await expect(site.get(path)).rejects.toThrow(/aborted|reset|hang up/i);
  await site.until("the cut is told", () =>
    site.events.some((event) => event.type === "not-stored" && event.reason === "cut-off"),
  );
  await site.behave({ cut_after_bytes: null });
  const whole = await site.get(path);
  expect(whole.cache).toBe("MISS/MISS");
  expect(whole.body.length).toBe(100_000);
  expect((await site.get(path)).cache).toBe("HIT/HIT");
});

it("everyone who waits for a body that breaks off sees it break", async () => {
  const site = await startSite();
  const path = "/bytes?n=100000&cache-control=max-age=60";
  await site.behave({ cut_after_bytes: 70_000, delay_ms: 200 });
  const answers = await Promise.allSettled(Array.from({ length: 5 }, () => site.get(path)));
  expect(answers.map(({ status }) => status)).toEqual(Array(5).fill("rejected"));
  expect(await site.asked(`GET ${path}`)).toBe(1);
});

it("a chunked body without its last chunk never gets one from the proxy", async () => {
  const url = await startRawOrigin(
    () => "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
  );
  const site = await startSite({ settings: { ORIGINS: url } });
  for (let i = 0; i < 2; i++) {
    const seen = await exchange(site.proxy.port, "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n");
    expect(seen).toContain("\r\n5\r\nhello\r\n");
    expect(seen).not.toContain("\r\n0\r\n");
    expect(seen).toContain("X-Cache: MISS");
  }
});

it("a body that ends with its connection is passed, and not stored: nobody can tell whether it is whole", async () => {
  const url = await startRawOrigin(() => "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\nhello");
  const site = await startSite({ settings: { ORIGINS: url } });
  for (let i = 0; i < 2; i++) {
    const answer = await site.get("/a");
    expect(answer.text).toBe("hello");
    expect(answer.header("cache-status")).toContain("detail=close-delimited");
  }
});

it("an answer that breaks off in the head is a 502 with a JSON error", async () => {
  const url = await startRawOrigin(() => "HTTP/1.1 200 OK\r\nCache-Contr");
  const site = await startSite({ settings: { ORIGINS: url } });
  const answer = await site.get("/a");
  expect(answer.status).toBe(502);
  expect(answer.json()).toEqual({
    code: "origin_unreachable",
    message: expect.any(String),
    requestId: answer.header("x-request-id"),
  });
});

it("a body that is longer than its Content-Length is cut there, and what follows is nobody's answer", async () => {
  const url = await startRawOrigin(
    () => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
  );
  const site = await startSite({ settings: { ORIGINS: url } });
  for (const path of ["/a", "/b"]) {
    const seen = await site.get(path).then(
      ({ text }) => text,
      () => "broken",
    );
    expect(["hello", "broken"]).toContain(seen);
  }
});

it("what was stored whole is still there after a newer one broke off", async () => {
  let mood: "whole" | "broken" | "failing" = "whole";
  const origin = await startOrigin((_, response) => {
    const fields = { "Content-Length": "10", "Cache-Control": "max-age=5, stale-if-error=60" };
    response.writeHead(mood === "failing" ? 503 : 200, fields);
    if (mood === "broken") response.write("new", () => response.destroy());
    else response.end("old--whole");
  });
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  await site.get("/a");
  mood = "broken";
  site.advance(6);
  await expect(site.get("/a")).rejects.toThrow();
  mood = "failing";
  const answer = await site.get("/a");
  expect(answer.cache).toBe("HIT/STALE");
  expect(answer.text).toBe("old--whole");
});
