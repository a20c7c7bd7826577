import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { type RawData, type ServerOptions, WebSocket, WebSocketServer } from "ws";
import { startOrigin } from "./own-origin.ts";
import { exchange, rawClient } from "./raw.ts";
import { startRawOrigin } from "./raw-origin.ts";
import { type Site, startSite } from "./site.ts";

/** Opens a WebSocket through the proxy; closed when the test has finished. */
async function open(site: Site, path = "/ws", protocols: string[] = []): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${site.proxy.port}${path}`, protocols);
  onTestFinished(() => socket.terminate());
  socket.on("error", () => {});
  await once(socket, "open");
  return socket;
}

/** An origin that speaks WebSocket on every path. */
async function startWebSockets(options: ServerOptions = {}) {
  const server = new WebSocketServer({ ...options, port: 0, host: "127.0.0.1" });
  onTestFinished(() => server.close());
  await once(server, "listening");
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function echoed(socket: WebSocket, message: string | Buffer): Promise<[RawData, boolean]> {
  const answer = once(socket, "message");
  socket.send(message);
  return (await answer) as [RawData, boolean];
}

const HANDSHAKE = [
  ...["GET /ws HTTP/1.1", "Host: a.example", "Upgrade: websocket", "Connection: Upgrade"],
  ...["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
];

describe("a WebSocket", () => {
  it("carries text and binary both ways, also large messages", async () => {
    const site = await startSite();
    const socket = await open(site);
    const [text, isBinary] = await echoed(socket, "grüß dich");
    expect([text.toString(), isBinary]).toEqual(["grüß dich", false]);
    const bytes = Buffer.alloc(1_000_000, "0123456789\0\xff", "latin1");
    const [same, binary] = await echoed(socket, bytes);
    expect(binary).toBe(true);
    expect(bytes.equals(same as Buffer)).toBe(true);
  });

  it("hands over the close code of either side", async () => {
    const site = await startSite();
    const socket = await open(site);
    socket.close(4321, "bye");
    const [code] = await once(socket, "close");
    expect(code).toBe(4321);

    const { server, url } = await startWebSockets();
    server.on("connection", (origin) => origin.close(4000, "enough"));
    const other = await startSite({ settings: { ORIGINS: url } });
    const closing = await open(other);
    const [theirs, reason] = await once(closing, "close");
    expect([theirs, String(reason)]).toEqual([4000, "enough"]);
  });

  it("speaks the subprotocol that the origin chose, and tells the origin who asks", async () => {
    const { server, url } = await startWebSockets({ handleProtocols: () => "two" });
    const site = await startSite({ settings: { ORIGINS: url } });
    const connected = once(server, "connection");
    const socket = await open(site, "/chat?room=1", ["one", "two"]);
    const [, request] = await connected;
    expect(socket.protocol).toBe("two");
    expect(request.url).toBe("/chat?room=1");
    expect(request.headers).toMatchObject({
      host: new URL(url).host,
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-host": `127.0.0.1:${site.proxy.port}`,
      via: "1.1 freshline",
      "x-request-id": expect.any(String),
    });
  });

  it("ends at the origin when the client vanishes, and at the client when the origin does", async () => {
    const server = await startWebSockets();
    const site = await startSite({ settings: { ORIGINS: server.url } });
    for (const vanishing of ["client", "origin"]) {
      const connected = once(server.server, "connection");
      const client = await open(site);
      const [origin] = (await connected) as [WebSocket];
      const [leaver, other] = vanishing === "client" ? [client, origin] : [origin, client];
      const closed = once(other, "close");
      leaver.terminate();
      expect((await closed)[0]).toBe(1006);
    }
  });

  it("brings bytes that came right behind the handshake, from both sides", async () => {
    const site = await startSite();
    const client = await rawClient(site.proxy.port);
    // A masked text frame "hi" in the same write as the head.
    const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);
    client.write(Buffer.concat([Buffer.from(`${HANDSHAKE.join("\r\n")}\r\n\r\n`), frame]));
    const seen = await client.sees("\x81\x02hi");
    expect(seen).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(seen).toContain("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  });

  it("brings each client's own bytes, where others send theirs at the same time", async () => {
    const site = await startSite();
    const clients = await Promise.all(Array.from({ length: 20 }, () => rawClient(site.proxy.port)));
    const words = clients.map((_, i) => `w${String(i).padStart(2, "0")}`);
    for (const [i, word] of words.entries()) {
      const frame = Buffer.concat([Buffer.from([0x81, 0x83, 0, 0, 0, 0]), Buffer.from(word)]);
      clients[i]?.write(Buffer.concat([Buffer.from(`${HANDSHAKE.join("\r\n")}\r\n\r\n`), frame]));
    }
    for (const [i, word] of words.entries()) await clients[i]?.sees(`\x81\x03${word}`);
  });

  it("through which nothing passes for TUNNEL_IDLE_TIMEOUT is closed on both sides, and gives its place back", async () => {
    // They take half as long again as a tunnel may be silent.
    const WORDS = 75;
    const { server, url } = await startWebSockets();
    const settings = { ORIGINS: url, TUNNEL_IDLE_TIMEOUT: "1s", ORIGIN_CONNECTIONS: "1" };
    const site = await startSite({ settings });
    let closed = 0;
    server.on("connection", (socket) => {
      socket.on("close", () => closed++).on("error", () => {});
      let said = 0;
      const talking = setInterval(() => {
        socket.send("x");
        if (++said === WORDS) clearInterval(talking);
      }, 20);
    });
    const socket = await open(site);
    let heard = 0;
    socket.on("message", () => heard++);
    await once(socket, "close");
    // It stays as long as one side says something.
    expect(heard).toBe(WORDS);
    await site.until("the origin sees it", () => closed === 1);
    await open(site);
  });

  it("is one `answered` event with status 101", async () => {
    const site = await startSite();
    await open(site);
    await site.until("it is told", () => site.events.some(({ type }) => type === "answered"));
    expect(site.events.find(({ type }) => type === "answered")).toMatchObject({
      status: 101,
      outcome: { word: "BYPASS", reason: "upgrade" },
      origin: site.mock.urls[0],
    });
  });
});

describe("an upgrade that does not come about", () => {
  it("passes the origin's answer on, and ends", async () => {
    const site = await startSite();
    const head = HANDSHAKE.map((line) => line.replace("Version: 13", "Version: 7"));
    const seen = await exchange(site.proxy.port, `${head.join("\r\n")}\r\n\r\n`);
    expect(seen).toMatch(/^HTTP\/1\.1 426 Upgrade Required\r\n/);
    expect(seen).toContain("Sec-WebSocket-Version: 13");
    expect(seen).toContain("Connection: close");
  });

  it("passes the body of that answer on, whatever its length and framing", async () => {
    const body = "not for you ".repeat(10_000);
    const origin = await startOrigin((_, response) => {
      response.writeHead(403, { "X-Why": "policy" });
      response.write(body.slice(0, 100));
      response.end(body.slice(100));
    });
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const seen = await exchange(site.proxy.port, `${HANDSHAKE.join("\r\n")}\r\n\r\n`);
    expect(seen).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    expect(seen).toContain("X-Why: policy");
    expect(seen.slice(seen.indexOf("\r\n\r\n") + 4)).toBe(body);
  });

  it("does not end cleanly when that answer broke off", async () => {
    const origin = await startOrigin((_, response) => {
      response.writeHead(403);
      response.write("half", () => response.destroy());
    });
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const client = await rawClient(site.proxy.port);
    const ended = once(client.socket, "end").then(
      () => "ended",
      (error: NodeJS.ErrnoException) => error.code,
    );
    client.write(`${HANDSHAKE.join("\r\n")}\r\n\r\n`);
    expect(await ended).toBe("ECONNRESET");
  });

  it("is a 502 where the origin switches to no protocol that it names", async () => {
    const said = "HTTP/1.1 101 Switching Protocols\r\n\r\nbytes of nobody knows what";
    const origin = await startRawOrigin(({ socket }) => socket.write(said));
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const seen = await exchange(site.proxy.port, `${HANDSHAKE.join("\r\n")}\r\n\r\n`);
    expect(seen).toMatch(/^HTTP\/1\.1 502 /);
    expect(seen).not.toContain("nobody knows what");
  });

  it("is a 502 with a JSON error when no origin is there", async () => {
    const site = await startSite();
    await site.mock.close();
    const seen = await exchange(site.proxy.port, `${HANDSHAKE.join("\r\n")}\r\n\r\n`);
    expect(seen).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n/);
    const error = JSON.parse(seen.slice(seen.indexOf("\r\n\r\n"))) as object;
    expect(error).toEqual({
      code: "origin_unreachable",
      message: expect.any(String),
      requestId: expect.any(String),
    });
  });
});

describe("a client that wishes for an upgrade that does not come about", () => {
  it("and takes nothing of the answer is cut after WRITE_TIMEOUT, as any other", async () => {
    const sent = Buffer.alloc(1_000_000);
    let broken = false;
    const origin = await startOrigin((_, response) => {
      response.on("close", () => {
        broken = !response.writableFinished;
      });
      response.writeHead(403);
      const more = () => {
        while (!response.destroyed && response.write(sent));
      };
      response.on("drain", more);
      more();
    });
    const site = await startSite({ settings: { ORIGINS: origin.url, WRITE_TIMEOUT: "200ms" } });
    const client = await rawClient(site.proxy.port);
    client.socket.pause();
    client.write(`${HANDSHAKE.join("\r\n")}\r\n\r\n`);
    await site.until("the origin is let go", () => broken);
    await site.until("it is told", () => site.events.some(({ type }) => type === "answered"));
    expect(site.events.find(({ type }) => type === "answered")).toMatchObject({ status: 403, aborted: true });
  });

  it("opens no more connections to an origin than ORIGIN_CONNECTIONS: beyond is a 503", async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const origin = await startOrigin((_, response) => void opened.then(() => response.end("x")));
    const site = await startSite({ settings: { ORIGINS: origin.url, ORIGIN_CONNECTIONS: "2" } });
    const wish = `${HANDSHAKE.join("\r\n")}\r\n\r\n`;
    const clients = await Promise.all(Array.from({ length: 6 }, () => rawClient(site.proxy.port)));
    for (const client of clients) client.write(wish);
    const refused = () => clients.filter((client) => client.received().startsWith("HTTP/1.1 503 "));
    await site.until("all but two are refused", () => refused().length === 4);
    expect(refused()[0]?.received()).toContain('"code":"origin_overloaded"');
    expect(origin.requests).toHaveLength(2);
    open();
    const answers = await Promise.all(clients.map((client) => client.end()));
    expect(answers.filter((answer) => answer.startsWith("HTTP/1.1 200 "))).toHaveLength(2);
    // Whoever asks next finds a place.
    expect(await exchange(site.proxy.port, wish)).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe("a stop", () => {
  it("ends tunnels and handshakes, and waits for neither", async () => {
    const origin = await startOrigin(() => {});
    const { server, url } = await startWebSockets();
    server.on("connection", (socket) => socket.on("error", () => {}));
    const established = await startSite({ settings: { ORIGINS: url, SHUTDOWN_TIMEOUT: "30s" } });
    const socket = await open(established);
    const closed = once(socket, "close");
    const opening = await startSite({ settings: { ORIGINS: origin.url, SHUTDOWN_TIMEOUT: "30s" } });
    const client = await rawClient(opening.proxy.port);
    client.write(`${HANDSHAKE.join("\r\n")}\r\n\r\n`);
    await opening.until("the origin is asked", () => origin.requests.length === 1);
    await Promise.all([established.proxy.stop(), opening.proxy.stop()]);
    expect((await closed)[0]).toBe(1006);
    expect(await client.end()).toBe("");
  });
});

describe("an upgrade that a proxy has no part in", () => {
  // Java's HttpClient asks for h2c with every request, and curl does with --http2.
  const H2C = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";

  it("is ignored: the request is an ordinary one, with its body", async () => {
    const site = await startSite();
    const client = await rawClient(site.proxy.port);
    client.write(`POST /echo HTTP/1.1\r\nHost: a.example\r\n${H2C}Content-Length: 5\r\n\r\nhello`);
    expect(await client.sees('"body":"hello"')).not.toMatch(/"upgrade"/i);
    client.write("GET /data?id=1 HTTP/1.1\r\nHost: a.example\r\n\r\n");
    await client.sees('"id":"1"');
  });

  it("does not keep a GET from the cache", async () => {
    const site = await startSite();
    const path = "/data?id=1&cache-control=max-age=60";
    await site.get(path);
    const head = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${site.proxy.port}\r\n${H2C}\r\n`;
    const client = await rawClient(site.proxy.port);
    client.write(head);
    expect(await client.sees('"id":"1"')).toContain("X-Cache: HIT");
  });

  it("does not keep an unsafe request from invalidating what is stored", async () => {
    const origin = await startOrigin(({ method }, response) => {
      response.writeHead(200, { "Cache-Control": "max-age=600" });
      response.end(method);
    });
    for (const method of ["DELETE", "POST"]) {
      const site = await startSite({ settings: { ORIGINS: origin.url } });
      await site.get("/a");
      await site.until("it is stored", async () => (await site.get("/a")).cache === "HIT/HIT");
      const headers = { Connection: "Upgrade", Upgrade: "websocket", "Content-Length": "0" };
      const changed = await site.ask("/a", { method, headers });
      expect(changed).toMatchObject({ status: 200, text: method });
      expect(origin.requests.at(-1)?.headers.upgrade).toBeUndefined();
      expect((await site.get("/a")).cache).toBe("MISS/MISS");
    }
  });
});
