import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createEvents } from "../../src/cache/events.ts";
import { createTail, WAITING_ANSWERS, type Watching } from "../../src/observe/tail.ts";
import { anAnswer, HIT, MISS } from "./an-event.ts";

const NOW = Date.UTC(2026, 10, 21, 12);

/** A tail, and how many listeners it has at the moment. */
function aTail() {
  const events = createEvents();
  let listening = 0;
  const tail = createTail(
    (listener) => {
      const stop = events.listen(listener);
      listening++;
      return () => {
        stop();
        listening--;
      };
    },
    () => NOW,
  );
  const watch = (query = ""): Watching => {
    const watching = tail.watch(query);
    if ("problem" in watching) throw new Error(watching.problem);
    return watching;
  };
  return { tail, emit: events.emit, watch, listening: () => listening };
}

describe("a tail", () => {
  it("listens from the first reader to the last", () => {
    const { watch, listening } = aTail();
    expect(listening()).toBe(0);
    const readers = [watch(), watch("hit=true"), watch()];
    expect(listening()).toBe(1);
    for (const reader of readers.slice(1)) reader.close();
    expect(listening()).toBe(1);
    readers[0]?.close();
    readers[0]?.close();
    expect(listening()).toBe(0);
    watch();
    expect(listening()).toBe(1);
  });

  it("does not listen for a query that is none", () => {
    const { tail, listening } = aTail();
    expect(tail.watch("nonsense")).toMatchObject({ at: 1 });
    expect(listening()).toBe(0);
  });

  it("hands each reader what its own query means, once", () => {
    const { watch, emit } = aTail();
    const [all, misses] = [watch(), watch("cache=MISS")];
    emit(anAnswer());
    emit(anAnswer({ outcome: MISS, requestId: "r-2" }));
    expect(all.take()?.events.map(({ id }) => id)).toEqual(["r-1", "r-2"]);
    expect(misses.take()?.events.map(({ id }) => id)).toEqual(["r-2"]);
    expect(all.take()).toEqual({ events: [], dropped: 0 });
  });

  it("shows an answer without secrets, and null for what does not apply", () => {
    const { watch, emit } = aTail();
    const reader = watch();
    const uri = "http://u:p@shop.example/data?id=1&token=geheim";
    emit(anAnswer({ uri, outcome: { ...HIT, age: 18 } }));
    expect(reader.take()?.events).toEqual([
      {
        time: "2026-11-21T12:00:00.000Z",
        id: "r-1",
        method: "GET",
        host: "shop.example",
        url: "http://shop.example/data?id=1&token=***",
        status: 200,
        cache: "HIT",
        hit: true,
        reason: null,
        fwd: null,
        tier: "memory",
        age: 18,
        ttl: 42,
        key_hash: createHash("sha256").update(uri).digest("hex").slice(0, 16),
        bytes: 512,
        ttfb_ms: 0.123,
        total_ms: 1.235,
        origin: null,
        collapsed: false,
      },
    ]);
  });

  it("keeps the newest for a reader that does not take, and counts the others", () => {
    const { watch, emit } = aTail();
    const [slow, quick] = [watch(), watch()];
    const more = 25;
    for (let i = 0; i < WAITING_ANSWERS + more; i++) {
      emit(anAnswer({ requestId: `r-${i}` }));
      if (i % 100 === 0) expect(quick.take()?.dropped).toBe(0);
    }
    const batch = slow.take();
    expect(batch?.dropped).toBe(more);
    expect(batch?.events.map(({ id }) => id)).toEqual(
      Array.from({ length: WAITING_ANSWERS }, (_, i) => `r-${i + more}`),
    );
    expect(slow.take()).toEqual({ events: [], dropped: 0 });
  });

  it("tells its readers when it is closed", () => {
    const { tail, watch } = aTail();
    const reader = watch();
    tail.close();
    expect(reader.take()).toBeUndefined();
  });
});
