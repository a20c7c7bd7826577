import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readProxyHeader } from "../../src/server/proxy-protocol.ts";

const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
const v1 = (line: string): Buffer => Buffer.from(`${line}\r\n`, "latin1");
/** Version 2: command and family as one byte each, then addresses and whatever comes beside them. */
const v2 = (command: number, family: number, rest: readonly number[], length = rest.length): Buffer =>
  Buffer.concat([
    Buffer.from(SIGNATURE, "latin1"),
    Buffer.from([command, family, length >> 8, length & 255, ...rest]),
  ]);

const TCP4 = [192, 0, 2, 1, 198, 51, 100, 1, 0x04, 0xd2, 0x01, 0xbb];
const TCP6 = [0x20, 1, 0x0d, 0xb8, ...Array(11).fill(0), 1, ...Array(16).fill(0), 0x04, 0xd2, 0x01, 0xbb];
const LONGEST =
  "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535";

const GOOD: readonly (readonly [string, Buffer, string | undefined])[] = [
  ["version 1 of IPv4", v1("PROXY TCP4 192.0.2.1 198.51.100.1 1234 443"), "192.0.2.1"],
  ["version 1 of IPv6", v1("PROXY TCP6 2001:db8:0:0:0:0:0:1 2001:db8::2 1234 443"), "2001:db8::1"],
  ["version 1 of IPv4 in IPv6", v1("PROXY TCP6 0:0:0:0:0:ffff:7f00:1 ::1 1 2"), "::ffff:127.0.0.1"],
  ["version 1 that does not know", v1("PROXY UNKNOWN"), "unknown"],
  ["version 1 that does not know, and is as long as it may be", v1(LONGEST), "unknown"],
  ["version 2 of IPv4", v2(0x21, 0x11, TCP4), "192.0.2.1"],
  ["version 2 of IPv6", v2(0x21, 0x21, TCP6), "2001:db8::1"],
  ["version 2 with more beside the addresses", v2(0x21, 0x11, [...TCP4, 0x20, 0, 3, 1, 2, 3]), "192.0.2.1"],
  ["version 2 with 4,096 bytes", v2(0x21, 0x11, [...TCP4, ...Array(4084).fill(9)]), "192.0.2.1"],
  ["version 2 of the proxy's own", v2(0x20, 0x11, TCP4), undefined],
  ["version 2 of the proxy's own, without an address", v2(0x20, 0, []), undefined],
  ["version 2 that does not know", v2(0x21, 0, []), "unknown"],
  ["version 2 of a path", v2(0x21, 0x31, Array(216).fill(0)), "unknown"],
];

describe("a PROXY header", () => {
  it.each(GOOD)("of %s says who the client is, and where its bytes begin", (_, header, client) => {
    expect(readProxyHeader(Buffer.concat([header, Buffer.from("GET /")]))).toEqual({
      client,
      end: header.length,
    });
  });

  it.each(GOOD)("of %s is known when its last byte has come, and not before", (_, header) => {
    for (let length = 0; length < header.length; length++)
      expect(readProxyHeader(header.subarray(0, length))).toBe("incomplete");
  });

  it.each([
    ["no header", Buffer.from("GET / HTTP/1.1\r\n")],
    ["another case", v1("proxy TCP4 192.0.2.1 198.51.100.1 1234 443")],
    ["another protocol", v1("PROXY UDP4 192.0.2.1 198.51.100.1 1234 443")],
    ["no address", v1("PROXY TCP4")],
    ["an address that is none", v1("PROXY TCP4 192.0.2.256 198.51.100.1 1234 443")],
    ["an address with zeros before it", v1("PROXY TCP4 192.0.2.01 198.51.100.1 1234 443")],
    ["an address of the other family", v1("PROXY TCP4 2001:db8::1 2001:db8::2 1234 443")],
    ["an address with a zone", v1("PROXY TCP6 fe80::1%eth0 2001:db8::2 1234 443")],
    ["a port that is too high", v1("PROXY TCP4 192.0.2.1 198.51.100.1 65536 443")],
    ["a port with a sign", v1("PROXY TCP4 192.0.2.1 198.51.100.1 +1 443")],
    ["two spaces", v1("PROXY TCP4  192.0.2.1 198.51.100.1 1234 443")],
    ["more behind the ports", v1("PROXY TCP4 192.0.2.1 198.51.100.1 1234 443 x")],
    ["a line end that is none", Buffer.from(`PROXY TCP4 192.0.2.1 198.51.100.1 1234 443\n${" ".repeat(80)}`)],
    ["a line that is too long", v1(`${LONGEST}0`)],
    ["version 3", v2(0x31, 0x11, TCP4)],
    ["a command that is not known", v2(0x22, 0x11, TCP4)],
    ["a family that is not known", v2(0x21, 0x41, TCP4)],
    ["datagrams", v2(0x21, 0x12, TCP4)],
    ["too few bytes of addresses", v2(0x21, 0x11, TCP4.slice(1))],
    ["too few bytes of IPv6 addresses", v2(0x21, 0x21, TCP4)],
    ["more beside the addresses than is skipped", v2(0x21, 0x11, [], 4097)],
  ])("with %s is none", (_, bytes) => {
    expect(readProxyHeader(bytes)).toBe("malformed");
  });

  it("waits for no more than 4,112 bytes, whatever comes", () => {
    const beginnings = fc.constantFrom("PROXY ", SIGNATURE, "").map((text) => Buffer.from(text, "latin1"));
    fc.assert(
      fc.property(beginnings, fc.uint8Array({ minLength: 4112, maxLength: 4200 }), (beginning, rest) => {
        expect(readProxyHeader(Buffer.concat([beginning, rest]))).not.toBe("incomplete");
      }),
    );
  });
});
