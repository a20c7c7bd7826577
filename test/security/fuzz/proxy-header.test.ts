import fc from "fast-check";
import { expect } from "vitest";
import { readProxyHeader } from "../../../src/server/proxy-protocol.ts";
import { fuzz } from "./harness.ts";

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const PORT = /^(?:0|[1-9]\d{0,4})$/;

/** The eight groups of an IPv6 address (RFC 4291 §2.2); undefined where it is none. */
function groupsOf(text: string): number[] | undefined {
  const dotted = /^(.*:)([\d.]+)$/.exec(text);
  if (dotted?.[2]?.includes(".") === true) {
    if (!IPV4.test(dotted[2])) return undefined;
    const [a, b, c, d] = dotted[2].split(".").map(Number) as [number, number, number, number];
    return groupsOf(`${dotted[1]}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`);
  }
  const halves = text.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const groups = halves.flat();
  if (groups.some((group) => !/^[\da-f]{1,4}$/i.test(group))) return undefined;
  if (halves.length > 2 || (halves.length === 1 ? groups.length !== 8 : groups.length > 7)) return undefined;
  const zeros: string[] = halves.length === 1 ? [] : Array(8 - groups.length).fill("0");
  return [...(halves[0] ?? []), ...zeros, ...(halves[1] ?? [])].map((group) => Number.parseInt(group, 16));
}

/** An address by what it is, however it is written. */
const addressOf = (text: string): string =>
  IPV4.test(text) || text === NOBODY ? text : String(groupsOf(text));

/** Whom a proxy does not name is not the proxy. */
const NOBODY = "unknown";

type Verdict = "incomplete" | "malformed" | { readonly client: string | undefined; readonly end: number };

/** Version 1 (§2.1), as the specification has it. */
function byVersion1(text: string): Verdict {
  const end = text.slice(0, 107).indexOf("\r\n");
  if (end === -1) return text.length < 107 ? "incomplete" : "malformed";
  const line = text.slice(0, end);
  if (/^PROXY UNKNOWN(?: .*)?$/s.test(line)) return { client: NOBODY, end: end + 2 };
  const [, family, from = "", to = "", ...ports] =
    /^PROXY TCP([46]) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+)$/s.exec(line) ?? [];
  const isAddress =
    family === "4" ? (one: string) => IPV4.test(one) : (one: string) => groupsOf(one) !== undefined;
  const right =
    family !== undefined &&
    isAddress(from) &&
    isAddress(to) &&
    ports.every((port) => PORT.test(port) && Number(port) < 65_536);
  return right ? { client: addressOf(from), end: end + 2 } : "malformed";
}

const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";

/** Version 2 (§2.2); not of more than 4,096 bytes, which nobody sends. */
function byVersion2(text: string): Verdict {
  if (text.length < 16) return "incomplete";
  const byte = (at: number) => text.charCodeAt(at);
  const length = byte(14) * 256 + byte(15);
  const [command, family] = [byte(12), byte(13)];
  if ((command !== 0x20 && command !== 0x21) || length > 4096) return "malformed";
  const end = 16 + length;
  if (text.length < end) return "incomplete";
  if (command === 0x20) return { client: undefined, end };
  const needed = new Map([
    [0, 0],
    [0x11, 12],
    [0x21, 36],
    [0x31, 216],
  ]).get(family);
  if (needed === undefined || length < needed) return "malformed";
  if (family === 0x11) return { client: [16, 17, 18, 19].map(byte).join("."), end };
  const groups = Array.from({ length: 8 }, (_, i) => byte(16 + 2 * i) * 256 + byte(17 + 2 * i));
  return { client: family === 0x21 ? String(groups) : NOBODY, end };
}

function expected(text: string): Verdict {
  if ("PROXY ".startsWith(text) || SIGNATURE.startsWith(text)) return "incomplete";
  if (text.startsWith("PROXY ")) return byVersion1(text);
  return text.startsWith(SIGNATURE) ? byVersion2(text) : "malformed";
}

const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom(
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "1::",
    "0:0:0:0:0:ffff:7f00:1",
    "::ffff:1.2.3",
    "01.2.3.4",
    "256.1.1.1",
    "fe80::1%eth0",
    "1:2",
    "1.2.3.4.",
    ":::",
    "1::2::3",
    "",
  ),
);
const port = fc.oneof(fc.nat(70_000).map(String), fc.constantFrom("00", "+1", "-1", "1e3", "", "080"));
const version1 = fc
  .tuple(
    fc.constantFrom("PROXY", "PROXY", "PROXY", "Proxy"),
    fc.constantFrom("TCP4", "TCP6", "UNKNOWN", "UDP4"),
    address,
    address,
    port,
    port,
  )
  .map((words) => `${words.join(" ")}\r\n`);
const byte = fc.nat(255).map((code) => String.fromCharCode(code));
const version2 = fc
  .tuple(
    fc.constantFrom("\x21", "\x21", "\x20", "\x22", "\x11"),
    fc.constantFrom("\x11", "\x21", "\x31", "\0", "\x12"),
    fc.oneof(
      { weight: 4, arbitrary: fc.string({ unit: byte, maxLength: 60 }) },
      { weight: 1, arbitrary: fc.constantFrom(216, 4096, 4097).map((length) => "x".repeat(length)) },
    ),
    fc.constantFrom(0, 0, 0, 1, -1, 256),
  )
  .map(([command, family, rest, off]) => {
    const length = Math.max(0, rest.length + off);
    return `${SIGNATURE}${command}${family}${String.fromCharCode((length >> 8) & 255, length & 255)}${rest}`;
  });
const damaged = fc
  .tuple(
    fc.oneof(version1, version2),
    fc.array(fc.tuple(fc.nat(), fc.nat(1), fc.oneof(byte, fc.constantFrom("", "\r\n", " ", "\0"))), {
      maxLength: 2,
    }),
  )
  .map(([whole, edits]) =>
    edits.reduce<string>((text, [at, drop, put]) => {
      const from = at % (text.length + 1);
      return text.slice(0, from) + put + text.slice(from + drop);
    }, whole),
  );

fuzz("a PROXY header is what its specification says, and is known in any pieces no earlier than that", {
  corpus: "proxy-headers",
  inputs: fc.tuple(damaged, fc.constantFrom("", "GET / HTTP/1.1\r\n", "PROXY ")),
  runs: 1200,
  holds: ([header, behind]) => {
    const text = header + behind;
    const read = (bytes: string): Verdict => {
      const verdict = readProxyHeader(Buffer.from(bytes, "latin1"));
      if (typeof verdict === "string" || verdict.client === undefined) return verdict;
      // One address has one name among those that are trusted.
      expect(verdict.client).toBe(verdict.client.toLowerCase());
      return { ...verdict, client: addressOf(verdict.client) };
    };
    const whole = read(text);
    expect(whole).toEqual(expected(text));
    const end = typeof whole === "string" ? Math.min(text.length, 300) : whole.end;
    for (let length = 0; length < end; length += end > 300 ? 37 : 1) {
      const before = read(text.slice(0, length));
      if (before !== "incomplete") expect([before, whole]).toEqual(["malformed", "malformed"]);
    }
  },
});
