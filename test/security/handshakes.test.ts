import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import { askH2, h2Client, type SecureSite, startSecureSite } from "../scenario/secure-site.ts";
import { FRAME, frame, GET, section } from "./h2-raw.ts";

const vector = (lengthBytes: 1 | 2 | 3, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(content.length, 0, lengthBytes);
  return Buffer.concat([length, content]);
};
const extension = (type: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type >> 8, type & 255]), vector(2, content)]);
const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

/** The first words of a client of TLS 1.2, with names that no library sends (RFC 5246 §7.4.1.2). */
function clientHello(host: string, protocols: readonly string[]): Buffer {
  const named = extension(0, vector(2, Buffer.from([0]), vector(2, bytes(host))));
  const spoken = extension(16, vector(2, ...protocols.map((protocol) => vector(1, bytes(protocol)))));
  const curves = extension(10, vector(2, Buffer.from([0, 23])));
  const signatures = extension(13, vector(2, Buffer.from([4, 3, 8, 4])));
  const suites = vector(2, Buffer.from([0xc0, 0x2b]));
  const hello = [Buffer.from([3, 3]), Buffer.alloc(32, 7), vector(1), suites, vector(1, Buffer.from([0]))];
  const body = Buffer.concat([...hello, vector(2, named, curves, signatures, spoken)]);
  return Buffer.concat([Buffer.from([22, 3, 1]), vector(2, Buffer.from([1]), vector(3, body))]);
}

const ALERT = 21;
const HANDSHAKE = 22;

/** What kind of record the server's first one is. */
async function answerTo(site: SecureSite, hello: Buffer): Promise<number | undefined> {
  const socket = connect(site.tlsPort, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  socket.write(hello);
  const [first] = (await Promise.race([once(socket, "data"), once(socket, "close")])) as [unknown];
  return Buffer.isBuffer(first) ? first[0] : undefined;
}
const serves = async (site: SecureSite): Promise<void> =>
  expect((await askH2(h2Client(site), { ":path": "/data?id=1" })).status).toBe(200);

it("a host name that is none is answered with the first certificate or an alert, and harms nobody", async () => {
  const site = await startSecureSite();
  for (const host of ["", ".", "..", "*", "-", " ", "\r\n", "\xe9", "127.0.0.1", "a".repeat(255)])
    expect([host, await answerTo(site, clientHello(host, ["h2"]))]).toEqual([host, HANDSHAKE]);
  for (const host of ["a\0b", "a".repeat(256), "a".repeat(10_000)])
    expect([host, await answerTo(site, clientHello(host, ["h2"]))]).toEqual([host, ALERT]);
  await serves(site);
});

it("a client that offers no protocol that is spoken here gets an alert", async () => {
  const site = await startSecureSite();
  for (const protocols of [["h3"], [""], ["h2c"], ["http/1.0"], ["x".repeat(255)], Array(1000).fill("zz")])
    expect([protocols, await answerTo(site, clientHello("localhost", protocols))]).toEqual([
      protocols,
      ALERT,
    ]);
  expect(await answerTo(site, clientHello("localhost", ["h3", "http/1.1", "h2"]))).toBe(HANDSHAKE);
  await serves(site);
});

it("clients that reset their connection within, or right behind, the handshake harm nobody", async () => {
  const site = await startSecureSite();
  const begin = Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(0)),
    frame(FRAME.HEADERS, 5, 1, section(GET)),
  ]);
  const clients = Array.from({ length: 60 }, async (_, i) => {
    const socket = connect(site.tlsPort, "127.0.0.1");
    socket.on("error", () => {});
    const closed = once(socket, "close");
    if (i % 3 === 0) {
      socket.write(clientHello("localhost", ["h2"]));
      if (i % 2 === 0) await once(socket, "data");
    } else {
      const protocol = i % 2 === 0 ? "h2" : "http/1.1";
      const options = { socket, ca: site.ca, servername: "localhost", ALPNProtocols: [protocol] };
      const secure = connectTls({ ...options, maxVersion: i % 5 === 0 ? "TLSv1.2" : "TLSv1.3" });
      secure.on("error", () => {});
      await once(secure, "secureConnect");
      if (i % 3 === 1) secure.write(begin);
    }
    socket.resetAndDestroy();
    await closed;
  });
  await Promise.all(clients);
  await serves(site);
});
