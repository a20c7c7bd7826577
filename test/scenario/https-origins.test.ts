import { once } from "node:events";
import { createServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import type { SettingName } from "../../src/config/settings.ts";
import { loadConfig } from "../../src/config.ts";
import { type CertificateFolder, certificateFolder } from "../certificates.ts";
import { framedOrigin } from "../origin/h2-frames.ts";
import { h2Origin } from "../origin/h2-origin.ts";
import { startSite } from "./site.ts";

/** An https origin with the certificate `name`, and a WebSocket on every path. */
async function secureOrigin(certificates: CertificateFolder, name: string, options: ServerOptions = {}) {
  const seen: string[] = [];
  const files = { key: certificates.pem(`${name}.key`), cert: certificates.pem(`${name}.pem`) };
  const server = createServer({ ...files, ...options }, ({ socket, url }, response) => {
    const { servername, getPeerCertificate } = socket as TLSSocket;
    const shown = getPeerCertificate.call(socket)?.subject?.CN ?? "nobody";
    if (url !== "/health-check") seen.push(`${String(servername)} ${shown}`);
    response.writeHead(200, { "Cache-Control": "max-age=60" }).end("x");
  });
  server.on("tlsClientError", () => {});
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => socket.send("hello"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  /** From now on another certificate, on connections of its own. */
  const show = (other: string) => {
    server.setSecureContext({
      key: certificates.pem(`${other}.key`),
      cert: certificates.pem(`${other}.pem`),
    });
    server.closeAllConnections();
  };
  return { port: (server.address() as AddressInfo).port, seen, show };
}

type Settings = Partial<Record<SettingName, string>>;

describe("an https origin", () => {
  it("is asked where one of ORIGIN_CA vouches for it, by its own name, for tunnels too", async () => {
    const certificates = certificateFolder();
    certificates.certify("authority");
    certificates.certify("origin", { by: "authority" });
    const { port, seen } = await secureOrigin(certificates, "origin");
    const settings: Settings = {
      ORIGINS: `https://localhost:${port}`,
      ORIGIN_CA: certificates.path("authority.pem"),
    };
    const site = await startSite({ settings: { ...settings, PRESERVE_HOST: "true" } });
    const answer = await site.get("/", { Host: "public.example" });
    expect([answer.status, answer.text]).toEqual([200, "x"]);
    expect(seen).toEqual(["localhost nobody"]);
    const socket = new WebSocket(`ws://127.0.0.1:${site.proxy.port}/`);
    onTestFinished(() => socket.terminate());
    expect(String((await once(socket, "message"))[0])).toBe("hello");
  });

  it("may ask who asks", async () => {
    const certificates = certificateFolder();
    certificates.certify("authority");
    certificates.certify("origin", { by: "authority" });
    certificates.certify("freshline", { by: "authority" });
    const ca = certificates.pem("authority.pem");
    const { port, seen } = await secureOrigin(certificates, "origin", {
      requestCert: true,
      rejectUnauthorized: true,
      ca,
    });
    const trusting: Settings = {
      ORIGINS: `https://localhost:${port}`,
      ORIGIN_CA: certificates.path("authority.pem"),
    };
    const unknown = await startSite({ settings: trusting });
    expect((await unknown.get("/")).status).toBe(502);
    const own = {
      ORIGIN_CERT: certificates.path("freshline.pem"),
      ORIGIN_KEY: certificates.path("freshline.key"),
    };
    const known = await startSite({ settings: { ...trusting, ...own } });
    expect((await known.get("/")).status).toBe(200);
    expect(seen).toEqual(["localhost freshline"]);
  });

  it.each([
    ["nobody vouches for", {}, /self-signed|unable to (get|verify)/i],
    ["is for another host", { names: ["DNS:other.example"], by: "authority" }, /altnames|other\.example/i],
    ["has expired", { expired: true, by: "authority" }, /expired/i],
  ] as const)("whose certificate %s is asked nothing, and nothing is stored", async (_, how, why) => {
    const certificates = certificateFolder();
    certificates.certify("authority");
    certificates.certify("origin", how);
    const { port, seen } = await secureOrigin(certificates, "origin");
    const settings: Settings = {
      ORIGINS: `https://localhost:${port}`,
      ORIGIN_CA: certificates.path("authority.pem"),
    };
    const site = await startSite({ settings });
    const answer = await site.get("/");
    expect([answer.status, answer.json()["code"]]).toEqual([502, "origin_certificate"]);
    const told = site.events.flatMap((event) => (event.type === "origin-health" ? [event.detail] : []));
    expect(told).toEqual([expect.stringMatching(why)]);
    expect(seen).toEqual([]);
    expect(site.events.filter(({ type }) => type === "stored")).toEqual([]);
    const url = `http://127.0.0.1:${site.proxy.port}/`;
    const { fetched, advice } = (
      await site.admin(`/explain?${new URLSearchParams({ url, fetch: "1" })}`)
    ).json<{ fetched: { would: string; reason: string }; advice: string[] }>();
    expect(fetched).toMatchObject({ would: "fail", reason: "origin_certificate" });
    expect(advice).toEqual([expect.stringContaining("name who vouches for it in ORIGIN_CA")]);
    const socket = new WebSocket(`ws://127.0.0.1:${site.proxy.port}/`);
    onTestFinished(() => socket.terminate());
    socket.on("error", () => {});
    const [, refused] = await once(socket, "unexpected-response");
    expect(refused.headers["cache-status"]).toBe("freshline; fwd=bypass; detail=origin_certificate");
  });

  it("that shows another certificate all at once is told of by that, and asked nothing until its next check", async () => {
    const certificates = certificateFolder();
    certificates.certify("authority");
    certificates.certify("origin", { by: "authority" });
    certificates.certify("own");
    const { port, seen, show } = await secureOrigin(certificates, "origin");
    const site = await startSite({
      settings: { ORIGINS: `https://localhost:${port}`, ORIGIN_CA: certificates.path("authority.pem") },
    });
    show("own");
    for (const path of ["/a", "/b"]) {
      const answer = await site.get(path);
      expect([answer.status, answer.json()["code"]]).toEqual([502, "origin_certificate"]);
    }
    const told = site.events.flatMap((event) =>
      event.type === "origin-failed" ? [`${event.code} ${event.origin}`] : [],
    );
    expect(told).toEqual([`certificate https://localhost:${port}`, "certificate undefined"]);
    expect(site.events.flatMap((event) => (event.type === "origin-health" ? [event.detail] : []))).toEqual([
      expect.stringMatching(/self-signed/),
    ]);
    expect(seen).toEqual([]);
  });
});

describe("with ORIGIN_HTTP2=on", () => {
  const settingsFor = ({ url, caPath }: { url: string; caPath: string }): Settings => ({
    ORIGINS: url,
    ORIGIN_CA: caPath,
    ORIGIN_HTTP2: "on",
  });

  it("an answer is stored and served like one of HTTP/1.1", async () => {
    const origin = await h2Origin((stream) => {
      stream.respond({ ":status": 200, "cache-control": "max-age=60", "content-length": 6 });
      stream.end("stored");
    });
    const site = await startSite({ settings: settingsFor(origin) });
    const answers = [await site.get("/a"), await site.get("/a")];
    expect(answers.map(({ cache, text }) => `${cache} ${text}`)).toEqual([
      "MISS/MISS stored",
      "HIT/HIT stored",
    ]);
    expect(origin.asked.map((fields) => fields[":path"])).toEqual(["/a"]);
    expect((await site.ask("/form", { method: "POST", body: "x=1" })).text).toBe("1.1 POST x=1");
  });

  it("half a body is neither stored nor ended like a whole one, however its stream is reset", async () => {
    let health = true;
    const origin = await framedOrigin((stream) => {
      stream.head();
      stream.data("half", health ? "END_STREAM" : undefined);
      if (!health) stream.reset(8);
      health = false;
    });
    const site = await startSite({ settings: settingsFor(origin) });
    await expect(site.get("/a")).rejects.toThrow();
    await expect(site.get("/a")).rejects.toThrow();
    expect(origin.asked()).toBe(3);
    expect(site.events.filter(({ type }) => type === "stored")).toEqual([]);
  });
});

it("ORIGIN_CERT and ORIGIN_KEY are set together", () => {
  const certificates = certificateFolder();
  certificates.certify("one");
  const load = (flags: Settings) => loadConfig({ flags: { ORIGINS: "https://a", ...flags } });
  const cert = { ORIGIN_CERT: certificates.path("one.pem") };
  expect(load(cert)).toMatchObject({
    errors: [expect.stringMatching(/^ORIGIN_CERT, ORIGIN_KEY: one is set/)],
  });
  expect(load({ ...cert, ORIGIN_KEY: certificates.path("one.pem") })).toMatchObject({
    errors: [expect.stringMatching(/^ORIGIN_KEY: .* holds no private key/), expect.anything()],
  });
  expect(load({ ...cert, ORIGIN_KEY: certificates.path("one.key") }).ok).toBe(true);
  certificates.certify("two");
  expect(load({ ...cert, ORIGIN_KEY: certificates.path("two.key") })).toMatchObject({
    errors: [expect.stringMatching(/^ORIGIN_KEY: is not the key of ORIGIN_CERT/)],
  });
});
