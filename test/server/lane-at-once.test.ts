import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { expect, it } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { hiding } from "../../src/cache/hide-fields.ts";
import { createHits } from "../../src/cache/hit.ts";
import { createAtOnce } from "../../src/server/lane/at-once.ts";
import { factsOf } from "../../src/server/lane/facts.ts";
import { readHead } from "../../src/server/lane/head.ts";
import { aStored, later } from "../policy/builders.ts";
import { APP_SETTINGS } from "./app-settings.ts";

const HEAD = "GET /data?id=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n";

/** What answers a request again and again from one fresh response, at a time that the test says. */
function open() {
  const clock = { at: later(1) };
  const events: CacheEvent[] = [];
  const stored = aStored({ fields: { Date: "Thu, 15 Jan 2026 12:00:00 GMT" }, bodyLength: 1 });
  const found = { type: "found", entry: { stored, body: Buffer.from("x") }, tier: "memory" } as const;
  const variances = { keyFor: (uri: string) => uri } as Parameters<typeof createHits>[0]["variances"];
  const hits = createHits({
    lookupNear: () => found,
    variances,
    hide: hiding(new Set()),
    now: () => clock.at,
  });
  const emit = (event: CacheEvent) => void events.push(event);
  const settings = APP_SETTINGS;
  const atOnce = createAtOnce({ hits, emit, settings, keepAliveTimeoutMs: 5000, elapsed: () => 0 });
  const head = readHead(Buffer.from(HEAD), 0, undefined, 16_384);
  if (typeof head === "string") throw new Error(head);
  const facts = factsOf(head.section, { remoteAddress: "127.0.0.1" }, settings);
  const answer = () => {
    const seen: Buffer[] = [];
    // It takes what it gets, and is never done with it.
    const socket = new Duplex({ read() {}, write: (bytes) => void seen.push(bytes) });
    const asked = atOnce.asked(facts, head);
    if (asked === undefined) throw new Error("expected one that can be answered at once");
    const sending = atOnce.answer(socket as unknown as Socket, asked, () => {});
    if (sending === undefined || sending === "sent") throw new Error(`expected it under way: ${sending}`);
    return { sending, text: () => Buffer.concat(seen).toString("latin1") };
  };
  return { clock, events, answer };
}

it("an answer that is slow to leave is what it was, and told as it was, when the next is of another second", () => {
  const { clock, events, answer } = open();
  const first = answer();
  clock.at = later(2);
  const second = answer();
  expect([first, second].map(({ text }) => /^Age: \d+/m.exec(text())?.[0])).toEqual(["Age: 1", "Age: 2"]);
  second.sending.end(false);
  first.sending.end(false);
  const told = events.map((event) => event.type === "answered" && [event.outcome.age, event.outcome.ttl]);
  expect(told).toEqual([
    [2, 58],
    [1, 59],
  ]);
});
