import { expect, test } from "vitest";
import { RequestAsker } from "../../src/server/asker.ts";
import { trustedPeers } from "../../src/server/peer.ts";

const FIELDS = ["Host", "a.example", "X-Forwarded-For", "192.0.2.7, 10.0.0.2"];

/** A socket that knows its peer only while it is open. */
const aSocket = () => ({ remoteAddress: "10.0.0.1" as string | undefined });

test.each([
  ["the peer's, where nobody is trusted", [], "10.0.0.1"],
  ["who has asked the trusted", ["10.0.0.0/8"], "192.0.2.7"],
])("the address is %s, also when the connection is closed", (_, trusted, address) => {
  const socket = aSocket();
  const settings = { trustedProxies: trustedPeers(trusted) };
  const asker = new RequestAsker({ httpVersion: "1.1", rawHeaders: FIELDS, socket }, settings);
  socket.remoteAddress = undefined;
  expect(asker.address).toBe(address);
  expect(asker.httpVersion).toBe("1.1");
  expect(asker.fields).toBe(FIELDS);
});
