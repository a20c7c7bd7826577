import { describe, expect, it } from "vitest";
import { clientAddress, forwardedFor, isHost, trustedPeers } from "../../src/server/peer.ts";

const CLAIM = [
  ...["X-Forwarded-For", "203.0.113.7", "X-Forwarded-Host", "claimed.example"],
  ...["X-Forwarded-Proto", "https"],
];
const from = (remoteAddress: string | undefined, fields: readonly string[] = CLAIM, trusted: string[] = []) =>
  forwardedFor(fields, "a.example", { remoteAddress, encrypted: false }, trustedPeers(trusted));

describe("forwardedFor", () => {
  it("believes nobody unless told to", () => {
    expect(from("10.0.0.1")).toEqual({ for: "10.0.0.1", host: "a.example", proto: "http" });
  });

  it("says https where the connection is encrypted", () => {
    const peer = { remoteAddress: "10.0.0.1", encrypted: true };
    expect(forwardedFor([], "a.example", peer, trustedPeers([])).proto).toBe("https");
  });

  it.each([
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["10.0.0.1/32", "10.0.0.1", true],
    ["10.0.0.0/8", "::ffff:10.0.0.1", true],
    ["fd00::/8", "fd12::1", true],
    ["fd00::/8", "fe80::1", false],
    ["fd00::/8", "10.0.0.1", false],
  ])("with %s trusted, %s is believed: %s", (range, address, believed) => {
    expect(from(address, CLAIM, [range]).host).toBe(believed ? "claimed.example" : "a.example");
  });

  it("adds a trusted peer to the list, without an IPv4 address's IPv6 clothes", () => {
    expect(from("::ffff:10.0.0.1", CLAIM, ["10.0.0.0/8"]).for).toBe("203.0.113.7, 10.0.0.1");
    expect(from("10.0.0.1", [], ["10.0.0.0/8"]).for).toBe("10.0.0.1");
  });

  it("takes the first of several hosts and protocols, and only ones that can be", () => {
    const claim = (host: string, proto: string) =>
      from("10.0.0.1", ["X-Forwarded-Host", host, "X-Forwarded-Proto", proto], ["10.0.0.0/8"]);
    expect(claim("b.example, c.example", "HTTPS, http")).toMatchObject({ host: "b.example", proto: "https" });
    expect(claim("b.example/evil", "ftp")).toMatchObject({ host: "a.example", proto: "http" });
  });

  it("knows a peer that has gone", () => {
    expect(from(undefined, CLAIM, ["0.0.0.0/0", "::/0"])).toEqual({
      for: "unknown",
      host: "a.example",
      proto: "http",
    });
  });
});

describe("clientAddress", () => {
  const TRUSTED = ["10.0.0.0/8", "fd00::/8"];
  it.each([
    ["nobody trusted: the peer itself", "192.0.2.1", "198.51.100.9", [], "192.0.2.1"],
    ["a peer that is no trusted proxy, whatever it claims", "192.0.2.1", "10.0.0.9", TRUSTED, "192.0.2.1"],
    ["whom a trusted proxy names", "10.0.0.1", "192.0.2.1", TRUSTED, "192.0.2.1"],
    ["the last whom nobody trusts", "10.0.0.1", "10.0.0.9, 192.0.2.1, 10.0.0.2", TRUSTED, "192.0.2.1"],
    ["the first where all are trusted", "10.0.0.1", "10.0.0.9, fd00::1", TRUSTED, "10.0.0.9"],
    ["a trusted proxy that names nobody", "10.0.0.1", undefined, TRUSTED, "10.0.0.1"],
    ["an IPv4 address without its IPv6 clothes", "::ffff:10.0.0.1", "::ffff:192.0.2.1", TRUSTED, "192.0.2.1"],
    ["nobody where the name is no address", "10.0.0.1", "10.0.0.2, unknown", TRUSTED, undefined],
    ["nobody where the name has a port", "10.0.0.1", "192.0.2.1:80", TRUSTED, undefined],
    ["who sent a quotation mark before their address", "10.0.0.1", '"\\, 192.0.2.1', TRUSTED, "192.0.2.1"],
    ["nobody where the peer has gone", undefined, "192.0.2.1", TRUSTED, undefined],
  ])("is %s", (_, peer, claimed, trusted, expected) => {
    const fields = claimed === undefined ? [] : ["X-Forwarded-For", claimed];
    expect(clientAddress(fields, peer, trustedPeers(trusted))).toBe(expected);
  });

  it("reads X-Forwarded-For as one list, on however many lines", () => {
    const fields = ["X-Forwarded-For", "192.0.2.1", "x-forwarded-for", "192.0.2.2, 10.0.0.2"];
    expect(clientAddress(fields, "10.0.0.1", trustedPeers(TRUSTED))).toBe("192.0.2.2");
  });
});

describe("isHost", () => {
  it.each(["a", "a.example", "a.example:80", "my_host:8080", "127.0.0.1", "[::1]", "[::1]:3000", "A-b.c"])(
    "takes %s",
    (text) => {
      expect(isHost(text)).toBe(true);
    },
  );

  it.each([
    "",
    "a b",
    "a/b",
    "a@b",
    "a:",
    "a:123456",
    "a:x",
    "::1",
    "[::1",
    "a?b",
    "a#b",
    "a\\b",
    "a,b",
    "ä",
  ])("refuses %j", (text) => {
    expect(isHost(text)).toBe(false);
  });

  it("refuses what is longer than a name can be", () => {
    expect(isHost("a".repeat(255))).toBe(true);
    expect(isHost("a".repeat(256))).toBe(false);
  });
});
