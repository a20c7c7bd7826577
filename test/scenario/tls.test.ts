import { once } from "node:events";
import { renameSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { loadConfig } from "../../src/config.ts";
import { start } from "../../src/start.ts";
import { certificateFolder } from "../certificates.ts";
import { configFor } from "../config-for.ts";
import { freePorts } from "../free-port.ts";
import { until } from "../until.ts";
import { startOrigin } from "./own-origin.ts";
import { startProgram } from "./program.ts";
import { askH1, askH2, h2Client, handshake, startSecureSite } from "./secure-site.ts";

const STORED = "/data?id=1&cache-control=max-age=60";
const asking = (path: string, ...lines: string[]): string =>
  `${[`GET ${path} HTTP/1.1`, "Host: localhost", ...lines].join("\r\n")}\r\n\r\n`;

/** Everything that comes until the connection ends, one character per byte. */
async function restOf(socket: NodeJS.ReadableStream & { setEncoding(encoding: "latin1"): unknown }) {
  socket.setEncoding("latin1");
  let text = "";
  socket.on("data", (part: string) => {
    text += part;
  });
  await once(socket, "close");
  return text;
}

it("answers HTTP/1.1 and HTTP/2 on the port for TLS, and HTTP on the other one", async () => {
  const site = await startSecureSite();
  const first = await askH1(site, STORED);
  expect([first.status, first.header("x-cache")]).toEqual([200, "MISS"]);
  const second = await askH2(h2Client(site), { ":path": STORED });
  expect([second.status, second.fields["x-cache"]]).toEqual([200, "HIT"]);
  expect(second.body.toString()).toBe(first.text);
  // What is asked for without TLS is another URL.
  const plain = await site.get(STORED);
  expect([plain.status, plain.cache]).toEqual([200, "MISS/MISS"]);
});

it("tells origins and the key that the client asked over TLS, and lets no client say so", async () => {
  const seen: (string | string[] | undefined)[] = [];
  const origin = await startOrigin((request, response) => {
    seen.push(request.headers["x-forwarded-proto"]);
    response.end("x");
  });
  const site = await startSecureSite({ ORIGINS: origin.url });
  await askH1(site, "/one", { "X-Forwarded-Proto": "http" });
  await askH2(h2Client(site), { ":path": "/two", "x-forwarded-proto": "http" });
  await site.get("/three", { "X-Forwarded-Proto": "https" });
  expect(seen.slice(-3)).toEqual(["https", "https", "http"]);
  const uris = site.events.flatMap((event) => (event.type === "answered" ? [event.uri] : []));
  expect(uris.map((uri) => uri.split(":")[0])).toEqual(["https", "https", "http"]);
});

it.each(["on", "off"])("reads HTTP/1.1 over TLS however it is cut, with the plain lane %s", async (lane) => {
  const site = await startSecureSite({ PLAIN_LANE: lane });
  await askH1(site, STORED, { Host: "localhost" });
  const socket = await handshake(site);
  socket.setNoDelay(true);
  const rest = restOf(socket);
  const requests = asking(STORED) + asking("/bytes?n=3000000&cache-control=max-age=60") + asking(STORED);
  for (const byte of requests) socket.write(byte);
  socket.write(`POST /data HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}`);
  socket.write(asking(STORED, "Connection: close"));
  const heads = (await rest).match(/HTTP\/1\.1 \d+|X-Cache: \w+/g);
  const hit = ["HTTP/1.1 200", "X-Cache: HIT"];
  expect(heads?.slice(0, 6)).toEqual([...hit, "HTTP/1.1 200", "X-Cache: MISS", ...hit]);
  expect(heads?.slice(8)).toEqual(hit);
});

it("refuses what is malformed as it does without TLS", async () => {
  const site = await startSecureSite();
  const socket = await handshake(site);
  const rest = restOf(socket);
  socket.write("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  expect(await rest).toMatch(/^HTTP\/1\.1 400 .*Connection: close/s);
});

it("tunnels a WebSocket", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => server.close());
  await once(server, "listening");
  server.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
  const { port } = server.address() as AddressInfo;
  const site = await startSecureSite({ ORIGINS: `http://127.0.0.1:${port}` });
  const client = new WebSocket(`wss://localhost:${site.tlsPort}/`, { ca: site.ca });
  onTestFinished(() => client.terminate());
  await once(client, "open");
  const answer = once(client, "message");
  client.send("hello");
  expect(String((await answer)[0])).toBe("hello");
});

it("shows the certificate that names the asked host, and the first where none does", async () => {
  const more = certificateFolder();
  more.certify("shop", { names: ["DNS:shop.example", "DNS:*.shop.example"] });
  const certificates = certificateFolder();
  certificates.certify("server");
  const site = await startSecureSite({
    TLS_CERT: `${certificates.path("server.pem")},${more.path("shop.pem")}`,
    TLS_KEY: `${more.path("shop.key")},${certificates.path("server.key")}`,
  });
  const shownTo = async (servername: string) => {
    const socket = await handshake(site, { servername, rejectUnauthorized: false });
    return socket.getPeerCertificate().subject.CN;
  };
  const hosts = ["shop.example", "a.shop.example", "SHOP.example", "other.example", ""];
  expect(await Promise.all(hosts.map(shownTo))).toEqual(["shop", "shop", "shop", "server", "server"]);
});

it("shows a certificate that has changed at the next handshake, and none that is unusable", async () => {
  const site = await startSecureSite();
  const { certificates } = site;
  const rejected = { rejectUnauthorized: false };
  const shown = async () => (await handshake(site, rejected)).getPeerCertificate().fingerprint256;
  const before = await shown();
  const kept = h2Client(site);
  expect((await askH2(kept, { ":path": STORED })).status).toBe(200);

  const told = (replaced: boolean) =>
    site.events.some((event) => event.type === "certificates" && event.replaced === replaced);
  writeFileSync(certificates.path("server.pem"), "nonsense");
  await site.until("the broken one is refused", () => told(false));
  expect(await shown()).toBe(before);

  certificates.certify("server", { by: "authority" });
  await site.until("the new one is taken", () => told(true));
  expect(await shown()).not.toBe(before);
  expect((await askH2(kept, { ":path": STORED })).status).toBe(200);
});

it("tells in its metrics until when a certificate is valid, of the newest one", async () => {
  const site = await startSecureSite();
  const said = async () =>
    /^freshline_certificate_expiry_timestamp_seconds\{name="(.*)"\} (\d+)$/m
      .exec((await site.admin("/metrics")).text)
      ?.slice(1);
  const until = async () => Date.parse((await handshake(site)).getPeerCertificate().valid_to) / 1000;
  expect(await said()).toEqual(["DNS:localhost, IP Address:127.0.0.1", String(await until())]);
  site.certificates.certify("server", { by: "authority", names: ["DNS:localhost"] });
  await site.until("the new one is told", async () => (await said())?.[0] === "DNS:localhost");
});

it("reads certificates again at a reload as well, and refuses one that finds them unusable", async () => {
  const site = await startSecureSite({ TLS_WATCH_INTERVAL: "0s" });
  const { certificates } = site;
  const shown = async () => (await handshake(site)).getPeerCertificate().fingerprint256;
  const before = await shown();
  certificates.certify("server", { by: "authority" });
  expect(await shown()).toBe(before);
  expect(await site.proxy.reload()).toMatchObject({ result: "reloaded" });
  const after = await shown();
  expect(after).not.toBe(before);
  writeFileSync(certificates.path("server.key"), "nonsense");
  const errors = [expect.stringMatching(/^TLS_KEY: .* holds no private key/)];
  expect(await site.proxy.reload()).toMatchObject({ result: "refused", errors });
  expect(await shown()).toBe(after);
});

it.each([
  [
    "an older version of TLS",
    {},
    { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
  ],
  ["an older version than is asked for", { TLS_MIN_VERSION: "TLSv1.3" }, { maxVersion: "TLSv1.2" }],
  [
    "a cipher without authenticated encryption",
    {},
    { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" },
  ],
] as const)("does not speak %s", async (_, settings, options) => {
  const site = await startSecureSite(settings);
  await expect(handshake(site, options)).rejects.toThrow(/alert|SSL/i);
  expect((await askH1(site, STORED)).status).toBe(200);
});

it("shakes hands once on a connection: there is no renegotiation", async () => {
  const site = await startSecureSite();
  const socket = await handshake(site, { maxVersion: "TLSv1.2" });
  const outcome = await new Promise((resolve) => {
    socket.once("error", resolve);
    socket.renegotiate({ rejectUnauthorized: false }, (error) => resolve(error ?? "a second handshake"));
  });
  expect(String(outcome)).toMatch(/no renegotiation/i);
});

it("offers no HTTP/2 where that is off", async () => {
  const site = await startSecureSite({ HTTP2: "off" });
  const socket = await handshake(site, { ALPNProtocols: ["h2", "http/1.1"] });
  expect(socket.alpnProtocol).toBe("http/1.1");
  await expect(handshake(site, { ALPNProtocols: ["h2"] })).rejects.toThrow(/alert/);
});

it("ends connections that say nothing, or speak no TLS", async () => {
  const site = await startSecureSite({ HEADERS_TIMEOUT: "200ms" });
  const silent = connect(site.tlsPort, "127.0.0.1");
  const plain = connect(site.tlsPort, "127.0.0.1");
  plain.on("error", () => {});
  plain.write(asking(STORED));
  await Promise.all([once(silent, "close"), once(plain, "close")]);
  expect((await askH1(site, STORED)).status).toBe(200);
});

it("counts the connections of both ports together", async () => {
  const site = await startSecureSite({ MAX_CONNECTIONS: "2" });
  const secure = await handshake(site);
  const plain = connect(site.proxy.port, "127.0.0.1");
  onTestFinished(() => void plain.destroy());
  await once(plain, "connect");
  plain.write(asking(STORED));
  await once(plain, "data");
  await expect(handshake(site)).rejects.toThrow();
  expect((await site.get(STORED)).status).toBe(503);
  secure.destroy();
  await site.until("there is room again", async () => (await site.get(STORED)).status === 200);
});

it("ends well: what is under way is answered, idle connections and handshakes do not keep it waiting", async () => {
  const site = await startSecureSite({ SHUTDOWN_TIMEOUT: "20s", HEADERS_TIMEOUT: "60s" });
  const idle = await handshake(site);
  const begun = connect(site.tlsPort, "127.0.0.1");
  const client = h2Client(site);
  await askH2(client, { ":path": STORED });
  await site.behave({ delay_ms: 1500 });
  const slow = [askH2(client, { ":path": "/data?id=slow" }), askH1(site, "/data?id=slow-too")];
  await site.until("both are at the origin", async () => (await site.asked("GET /data?id=slow-too")) === 1);
  const stopped = site.proxy.stop();
  expect((await Promise.all(slow)).map(({ status }) => status)).toEqual([200, 200]);
  await stopped;
  expect([idle.readable, begun.readable, client.closed]).toEqual([false, false, true]);
  await expect(once(tlsConnect(site.tlsPort, "127.0.0.1"), "secureConnect")).rejects.toThrow("ECONNREFUSED");
});

it("is spoken by every worker", async () => {
  const certificates = certificateFolder();
  certificates.certify("server");
  const [tlsPort = 0] = await freePorts(1);
  const origin = await startOrigin((_, response) => response.end("x"));
  // One file, replaced at once: what changes while it is read is read twice.
  const both = certificates.path("both.pem");
  const putBoth = () => {
    writeFileSync(`${both}.new`, certificates.pem("server.pem") + certificates.pem("server.key"));
    renameSync(`${both}.new`, both);
  };
  putBoth();
  const program = await startProgram({
    WORKERS: "2",
    ORIGINS: origin.url,
    TLS_PORT: `${tlsPort}`,
    TLS_CERT: both,
    TLS_KEY: both,
    TLS_WATCH_INTERVAL: "20ms",
  });
  expect(program.out()).toContain(` and https://localhost:${tlsPort} →`);
  const site = { tlsPort, ca: certificates.pem("server.pem") };
  for (let i = 0; i < 4; i++) expect((await askH2(h2Client(site), { ":path": `/${i}` })).status).toBe(200);
  const asked = () => program.lines().filter((line) => "path" in line);
  await until("all are told", () => asked().length === 4);
  expect(new Set(asked().map((line) => line["worker"])).size).toBe(2);
  // A session that one of them has begun goes on with the others.
  let session: Buffer | undefined;
  const resumed: boolean[] = [];
  for (let i = 0; i < 5; i++) {
    const socket = await handshake(site, session === undefined ? {} : { session });
    socket.once("session", (ticket: Buffer) => {
      session ??= ticket;
    });
    resumed.push(socket.isSessionReused());
    const rest = restOf(socket);
    socket.write(asking(`/session/${i}`, "Connection: close"));
    await rest;
  }
  expect(resumed).toEqual([false, true, true, true, true]);
  const served = () => program.lines().filter((line) => `${line["path"]}`.startsWith("/session/"));
  await until("all are told", () => served().length === 5);
  expect(new Set(served().map((line) => line["worker"])).size).toBe(2);

  certificates.certify("server");
  putBoth();
  const anew = { tlsPort, ca: certificates.pem("server.pem") };
  const all: unknown[] = [];
  await until("both show what has replaced it", async () => {
    const shown = await Promise.allSettled([1, 2, 3, 4].map((i) => askH1(anew, `/anew/${i}`)));
    all.splice(0, all.length, ...shown.filter(({ status }) => status === "fulfilled"));
    return all.length === 4;
  });
  await program.says('"path":"/anew/4"');
  await program.says("certificates replaced");
  // What all have read alike one of them tells.
  expect(program.lines().filter(({ msg }) => msg === "certificates replaced")).toHaveLength(1);
});

it("is set with certificates and keys that fit, and nothing else", () => {
  const certificates = certificateFolder();
  certificates.certify("one");
  certificates.certify("two");
  writeFileSync(certificates.path("broken.pem"), "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----");
  const paths = (...names: string[]) => names.map((name) => certificates.path(name)).join(",");
  const errorsOf = (certs: string, keys: string, more = {}) => {
    const loaded = loadConfig({ flags: { ORIGINS: "http://a", TLS_CERT: certs, TLS_KEY: keys, ...more } });
    return loaded.ok ? [] : loaded.errors.map((error) => error.replaceAll(/"[^"]*\/(\w+)/g, '"$1'));
  };
  expect(errorsOf(paths("one.pem", "two.pem"), paths("two.key", "one.key"))).toEqual([]);
  expect(errorsOf(paths("one.pem"), paths("two.key"))).toEqual([
    'TLS_CERT: "one.pem" fits no key of TLS_KEY; expected a certificate for one of them',
  ]);
  expect(errorsOf(paths("nothing.pem"), paths("one.key"))).toEqual([
    expect.stringContaining('TLS_CERT: "nothing.pem" cannot be read (ENOENT)'),
  ]);
  expect(errorsOf(paths("broken.pem"), paths("one.key"))).toEqual([
    expect.stringContaining('TLS_CERT: "broken.pem" holds no certificate, or a damaged one'),
  ]);
  expect(errorsOf(paths("one.pem"), paths("one.pem"))).toEqual([
    expect.stringContaining('TLS_KEY: "one.pem" holds no private key'),
  ]);
  expect(errorsOf(paths("one.pem"), "")).toEqual([expect.stringContaining("TLS_KEY: is empty")]);
  expect(errorsOf("", paths("one.key"))).toEqual([expect.stringContaining("TLS_CERT: is empty")]);
  expect(errorsOf(paths("one.pem"), paths("one.key"), { TLS_PORT: "3001" })).toEqual([
    expect.stringContaining('TLS_PORT: "3001" is ADMIN_PORT as well'),
  ]);
});

it("adds nothing to an answer that an origin breaks off in place of changing protocols", async () => {
  const origin = await startOrigin((_, response) => {
    response.writeHead(200);
    response.write("a part", () => response.destroy());
  });
  const site = await startSecureSite({ ORIGINS: origin.url });
  const socket = await handshake(site);
  const rest = restOf(socket);
  socket.write(asking("/ws", "Upgrade: websocket", "Connection: Upgrade"));
  // As a whole answer it would have to end with an alert of TLS, which a part has not.
  expect((await rest).split("\r\n\r\n")[1]).toMatch(/^(a part)?$/);
  await site.until("it is told", () => site.events.some(({ type }) => type === "answered"));
  expect(site.events.find(({ type }) => type === "answered")).toMatchObject({ status: 200, aborted: true });
});

it("answers a client of HTTP/1.1 that has ended its side", async () => {
  const site = await startSecureSite();
  await site.behave({ delay_ms: 200 });
  const socket = await handshake(site, { allowHalfOpen: true } as object);
  const rest = restOf(socket);
  socket.end(asking(STORED));
  expect(await rest).toMatch(/^HTTP\/1\.1 200 /);
});

it("a start over certificates that have become unusable fails before it asks anybody", async () => {
  const folder = certificateFolder();
  folder.certify("server");
  const origin = await startOrigin((_request, response) => void response.end());
  const config = configFor({
    ORIGINS: origin.url,
    HEALTH_CHECK_PATH: "/up",
    TLS_CERT: folder.path("server.pem"),
    TLS_KEY: folder.path("server.key"),
  });
  writeFileSync(folder.path("server.key"), "no key any more");
  await expect(start(config)).rejects.toThrow("TLS_KEY");
  // Nobody is left behind who checks its health.
  await fetch(`${origin.url}/asked-last`);
  expect(origin.requests.map(({ url }) => url)).toEqual(["/asked-last"]);
});
