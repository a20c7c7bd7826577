import fc from "fast-check";
import { expect } from "vitest";
import { clientAddress, forwardedFor, trustedPeers } from "../../../src/server/peer.ts";
import { fuzz } from "./harness.ts";

const PROXIES = trustedPeers(["10.0.0.0/8", "2001:db8::/32"]);
/** Each address, and whether it is a trusted proxy's. */
const ADDRESSES: Readonly<Record<string, boolean>> = {
  "10.0.0.1": true,
  "10.255.255.255": true,
  "::ffff:10.0.0.1": true,
  "2001:db8::1": true,
  "11.0.0.1": false,
  "192.0.2.1": false,
  "2001:db9::1": false,
  "::1": false,
};
const address = fc.constantFrom(...Object.keys(ADDRESSES));
const junk = fc.constantFrom(
  '"',
  "unknown",
  "_hidden",
  "10.0.0.1:80",
  "[::1]",
  "",
  "10.0.0.256",
  "a, b",
  " ",
  "10.0.0.1\t",
);
const line = fc
  .tuple(
    fc.array(fc.oneof({ weight: 4, arbitrary: address }, { weight: 1, arbitrary: junk }), { maxLength: 4 }),
    fc.constantFrom(",", ", ", " ,\t"),
  )
  .map(([members, comma]) => members.join(comma));

/** As it is written without the mapping of IPv4 into IPv6. */
const plain = (text: string): string => text.replace(/^::ffff:(?=.*\.)/, "");

fuzz("whom a request comes from is the nearest on its way that nobody trusts", {
  corpus: "forwarded",
  inputs: fc.record({
    peer: address,
    lines: fc.array(line, { maxLength: 2 }),
    host: fc.constantFrom("b.example", "B.Example:80", "a/b", ""),
    proto: fc.constantFrom("https", "HTTP", "ws", "https, http", ""),
  }),
  runs: 4000,
  holds: ({ peer, lines, host, proto }) => {
    const fields = [
      ...lines.flatMap((value) => ["X-Forwarded-For", value]),
      ...["X-Forwarded-Host", host, "X-Forwarded-Proto", proto],
    ];
    const claimed = lines
      .flatMap((value) => value.split(","))
      .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""))
      .filter((member) => member !== "");
    const way = [...claimed, peer];
    const nearest = way.findLast((one) => ADDRESSES[one] !== true) ?? way[0];
    expect(clientAddress(fields, peer, PROXIES)).toBe(
      ADDRESSES[nearest ?? ""] === undefined ? undefined : plain(nearest ?? ""),
    );

    // Of what a peer says that is no proxy nothing counts.
    const said = forwardedFor(fields, "a.example", { remoteAddress: peer }, PROXIES);
    if (ADDRESSES[peer] !== true) {
      expect(said).toEqual({ for: plain(peer), host: "a.example", proto: "http" });
      return;
    }
    expect(said.for).toBe([...lines, plain(peer)].join(", "));
    const first = proto.split(",")[0]?.toLowerCase();
    expect(said.proto).toBe(first === "https" ? "https" : "http");
    const asked = /^[a-z.]+(?::80)?$/i.test(host) ? host.toLowerCase() : "a.example";
    expect(said.host).toBe(said.proto === "http" ? asked.replace(/:80$/, "") : asked);
  },
});
