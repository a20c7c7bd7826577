import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { expect, it } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { hiding } from "../../src/cache/hide-fields.ts";
import { createHits } from "../../src/cache/hit.ts";
import { memoryFor } from "../../src/cache/ports/body-room.ts";
import type { Entry } from "../../src/cache/ports/store.ts";
import { createAtOnce } from "../../src/server/lane/at-once.ts";
import { factsOf } from "../../src/server/lane/facts.ts";
import { readHead } from "../../src/server/lane/head.ts";
import { aStored, later } from "../policy/builders.ts";
import { APP_SETTINGS } from "./app-settings.ts";

const HEAD = "GET /data?id=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n";

/** What answers a request again and again from one fresh response, at a time that the test says. */
function open(body: Uint8Array = Buffer.from("x")) {
  const clock = { at: later(1) };
  const events: CacheEvent[] = [];
  const stored = aStored({ fields: { Date: "Thu, 15 Jan 2026 12:00:00 GMT" }, bodyLength: body.length });
  const entry: { stored: typeof stored; body: Entry["body"] } = { stored, body };
  const found = { type: "found", entry, tier: "memory" } as const;
  const variances = { keyFor: (uri: string) => uri } as Parameters<typeof createHits>[0]["variances"];
  const hits = createHits({
    lookupNear: () => found,
    variances,
    hide: hiding(new Set()),
    now: () => clock.at,
  });
  const emit = (event: CacheEvent) => void events.push(event);
  const settings = APP_SETTINGS;
  /** Each body that is being sent, once for each client. */
  const held: Uint8Array[] = [];
  const hold = (body: Uint8Array) => {
    held.push(body);
    return () => void held.splice(held.indexOf(body), 1);
  };
  const elapsed = () => 0;
  const atOnce = createAtOnce({ hits, emit, hold, settings, keepAliveTimeoutMs: 5000, elapsed });
  const head = readHead(Buffer.from(HEAD), 0, undefined, 16_384);
  if (typeof head === "string") throw new Error(head);
  const facts = factsOf(head.section, { remoteAddress: "127.0.0.1" }, settings);
  /** To a client that never takes all of it. */
  const answer = () => {
    const seen: Buffer[] = [];
    const writev = (chunks: readonly { readonly chunk: Buffer }[]) => {
      for (const { chunk } of chunks) seen.push(chunk);
    };
    const socket = new Duplex({ read() {}, write: (bytes) => void seen.push(bytes), writev });
    const asked = atOnce.asked(facts, head);
    if (asked === undefined) throw new Error("expected one that can be answered at once");
    const sending = atOnce.answer(socket as unknown as Socket, asked, () => {});
    if (sending === undefined || sending === "sent") throw new Error(`expected it under way: ${sending}`);
    return { sending, pieces: () => seen.length, text: () => Buffer.concat(seen).toString("latin1") };
  };
  /** To one that has taken it at once: what it got, in how many pieces. */
  const answerFast = () => {
    const seen: string[] = [];
    const write = (bytes: Buffer) => void seen.push(bytes.toString("latin1"));
    const socket = { writableLength: 0, errored: null, destroyed: false, write, cork() {}, uncork() {} };
    const asked = atOnce.asked(facts, head);
    if (asked === undefined) throw new Error("expected one that can be answered at once");
    const answered = atOnce.answer(socket as unknown as Socket, asked, () => {});
    expect(answered).toBe(typeof entry.body === "object" && "read" in entry.body ? undefined : "sent");
    return seen;
  };
  return { clock, events, answer, answerFast, entry, held };
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

it.each([false, true])(
  "a long answer is one piece, but for as long as a client has not taken another one of it (aborted: %j)",
  (aborted) => {
    const { buffer, byteOffset, length } = memoryFor(20_000).fill(0x78);
    const body = Buffer.from(buffer, byteOffset, length);
    const { clock, answer, answerFast, held } = open(body);
    expect(answerFast()).toHaveLength(1);
    expect(held).toEqual([]);
    const slow = answer();
    const text = slow.text();
    clock.at = later(2);
    const meanwhile = answerFast();
    expect(meanwhile).toHaveLength(2);
    const slower = answer();
    expect(held).toEqual([body, body]);
    expect(slow.text()).toBe(text);
    expect(text).toMatch(/\r\nAge: 1\r\n[\s\S]*\r\n\r\nx{20000}$/);
    for (const other of [meanwhile.join(""), slower.text()])
      expect(other).toMatch(/\r\nAge: 2\r\n[\s\S]*\r\n\r\nx{20000}$/);
    // It had a head of its own, and leaves nothing to the others.
    slower.sending.end(aborted);
    expect(answerFast()).toHaveLength(2);
    slow.sending.end(aborted);
    expect(held).toEqual([]);
    const [after, ...more] = answerFast();
    expect([after?.endsWith(`\r\n\r\n${"x".repeat(20_000)}`), more]).toEqual([true, []]);
  },
);

it("a response whose body is elsewhere by now is not answered at once, though its head is ready", () => {
  const { clock, answerFast, entry, events } = open(memoryFor(20_000).fill(0x78));
  expect(answerFast()).toHaveLength(1);
  entry.body = {
    length: 20_000,
    checksum: 0,
    read: () => {
      throw new Error("expected that nobody reads it");
    },
  };
  clock.at = later(2);
  expect(answerFast()).toEqual([]);
  expect(events).toHaveLength(1);
});
