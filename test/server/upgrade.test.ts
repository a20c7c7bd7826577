import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import { expect, it } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { unkeyedFields } from "../../src/policy/unkeyed-fields.ts";
import { createUpgradeHandler } from "../../src/server/upgrade.ts";
import { APP_SETTINGS } from "./app-settings.ts";

/** A client's connection that takes no byte. */
const takingNothing = (): Duplex => new Duplex({ read() {}, write() {} });

const WISH = {
  method: "GET",
  url: "/ws",
  httpVersion: "1.1",
  rawHeaders: ["Host", "a", "Upgrade", "websocket", "Connection", "Upgrade"],
  headers: {},
  complete: true,
  socket: { remoteAddress: "127.0.0.1" },
} as unknown as IncomingMessage;

it("a client that does not take the end of a short answer is cut after WRITE_TIMEOUT", async () => {
  const events: CacheEvent[] = [];
  const client = takingNothing();
  const { onUpgrade } = createUpgradeHandler({
    upgrade: async () => ({
      type: "answered",
      response: {
        status: 403,
        statusMessage: "Forbidden",
        fields: [],
        body: (async function* () {
          yield Buffer.from("no");
        })(),
        origin: "http://origin.test",
      },
    }),
    settings: { ...APP_SETTINGS, writeTimeoutMs: 50 },
    admission: { unkeyed: unkeyedFields({ stripped: [], keyed: [], passed: [] }) },
    refuseFragment: () => {},
    emit: (event) => void events.push(event),
    elapsed: () => 0,
  });
  await onUpgrade(WISH, client, Buffer.alloc(0));
  expect(client.destroyed).toBe(true);
  expect(events).toEqual([expect.objectContaining({ type: "answered", status: 403, aborted: true })]);
});
