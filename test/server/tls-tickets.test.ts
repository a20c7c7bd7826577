import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type ConnectionOptions, connect } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { createTlsPort } from "../../src/server/tls-port.ts";
import { type CertificateFolder, certificateFolder } from "../certificates.ts";

const SECRET = Buffer.alloc(32, 1);
const OTHER = Buffer.alloc(32, 2);

const shown = (folder: CertificateFolder, ...names: string[]) =>
  names.map((name) => ({ cert: folder.pem(`${name}.pem`), key: folder.pem(`${name}.key`) }));

/** A port for TLS, as one of several processes has it. */
async function aPort(folder: CertificateFolder, ticketSecret: Buffer, ...names: string[]) {
  const port = createTlsPort({
    port: 0,
    certificates: shown(folder, ...names),
    minVersion: "TLSv1.2",
    http2Streams: undefined,
    ticketSecret,
    handshakeTimeoutMs: 10_000,
    enter: (_socket, take) => take(),
    take: (socket) => socket.on("error", () => {}).end("x"),
  });
  onTestFinished(() => void port.server.close());
  await once(port.server.listen(0, "127.0.0.1"), "listening");
  return { ...port, number: (port.server.address() as AddressInfo).port };
}

/** One connection: was a session gone on with, and which can be from here on? */
async function visit(port: number, options: ConnectionOptions) {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  onTestFinished(() => void socket.destroy());
  let session: Buffer | undefined;
  socket.on("session", (ticket) => {
    session = ticket;
  });
  await once(socket, "secureConnect");
  const resumed = socket.isSessionReused();
  await once(socket.resume(), "close");
  return { resumed, ...(session === undefined ? {} : { session }) };
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("a session of %s", (maxVersion) => {
  async function begun() {
    const folder = certificateFolder();
    for (const name of ["one", "two", "next"])
      folder.certify(name, { names: [`DNS:${name === "next" ? "one" : name}.example`] });
    const at = { servername: "two.example", maxVersion };
    const first = await aPort(folder, SECRET, "one", "two");
    const { session } = await visit(first.number, at);
    if (session === undefined) throw new Error("expected a ticket");
    const resumedOn = async ({ number }: { number: number }) =>
      (await visit(number, { ...at, session })).resumed;
    return { folder, first, at, resumedOn };
  }

  it("goes on in every process that has the same secret and shows the same certificates", async () => {
    const { folder, first, resumedOn } = await begun();
    expect(await resumedOn(first)).toBe(true);
    expect(await resumedOn(await aPort(folder, SECRET, "one", "two"))).toBe(true);
    expect(await resumedOn(await aPort(folder, OTHER, "one", "two"))).toBe(false);
  });

  it("does not go on under another secret, and others do then", async () => {
    const { folder, first, at, resumedOn } = await begun();
    first.renewTickets(OTHER);
    expect(await resumedOn(first)).toBe(false);
    const again = await visit(first.number, at);
    const second = await aPort(folder, OTHER, "one", "two");
    expect((await visit(second.number, { ...at, ...again })).resumed).toBe(true);
  });

  it("does not go on once a certificate was replaced, and others do then", async () => {
    const { folder, first, at, resumedOn } = await begun();
    const second = await aPort(folder, SECRET, "one", "two");
    first.replaceCertificates(shown(folder, "next", "two"));
    expect(await resumedOn(first)).toBe(false);
    const under = await visit(first.number, at);
    // Another process has not read them yet: a whole handshake, and no failure.
    expect((await visit(second.number, { ...at, ...under })).resumed).toBe(false);
    second.replaceCertificates(shown(folder, "next", "two"));
    expect((await visit(second.number, { ...at, ...under })).resumed).toBe(true);
    for (const port of [first, second]) port.renewTickets(OTHER);
    const later = await visit(first.number, at);
    expect((await visit(second.number, { ...at, ...later })).resumed).toBe(true);
  });
});
