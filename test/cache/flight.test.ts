import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Flight } from "../../src/cache/flight.ts";
import { FlightBudget } from "../../src/cache/flight-budget.ts";
import { STALL_MS } from "../../src/cache/stalled.ts";
import { bytesOf, drained, FakeTimers, ScriptedBody, settled } from "./harness.ts";

const PLENTY = 1_000_000;

function aFlight({ max = PLENTY, limit = PLENTY, budget = new FlightBudget(limit) } = {}) {
  const source = new ScriptedBody();
  const timers = new FakeTimers();
  const abandoned: string[] = [];
  const flight = new Flight(source, {
    maxBytes: max,
    budget,
    timer: timers.timer,
    onAbandon: (reason) => void abandoned.push(reason),
  });
  const read = () => {
    const stream = flight.read();
    if (stream === undefined) throw new Error("joining is over");
    return stream;
  };
  return { source, flight, budget, timers, abandoned, read };
}

/** One reader, chunk by chunk. */
function reading(flight: Flight) {
  const stream = flight.read();
  if (stream === undefined) throw new Error("joining is over");
  const chunks = stream[Symbol.asyncIterator]();
  return {
    async next(): Promise<string | undefined> {
      const { done, value } = await chunks.next();
      return done === true ? undefined : Buffer.from(value).toString("latin1");
    },
    leave: async () => void (await chunks.return?.()),
  };
}

const text = (body: Uint8Array): string => Buffer.from(body).toString("latin1");

describe("every reader", () => {
  it("gets every byte in order, whatever the pieces, its pace and when it came", async () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant("push" as const), bytes: fc.uint8Array({ maxLength: 9 }) }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("join" as const) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("read" as const), who: fc.nat(7) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), who: fc.nat(7) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 120 }),
        async (steps, max) => {
          const { source, flight, budget } = aFlight({ max });
          const landing = flight.land();
          const whole: number[] = [];
          const readers: { at: AsyncIterator<Uint8Array>; got: number[]; left: boolean; waiting: boolean }[] =
            [];
          for (const each of steps) {
            if (each.do === "push") {
              source.push(each.bytes);
              whole.push(...each.bytes);
            } else if (each.do === "join") {
              const stream = flight.read();
              if (stream !== undefined)
                readers.push({ at: stream[Symbol.asyncIterator](), got: [], left: false, waiting: false });
            } else {
              const reader = readers[each.who % Math.max(1, readers.length)];
              if (reader === undefined || reader.left || reader.waiting) continue;
              if (each.do === "leave") {
                reader.left = true;
                await reader.at.return?.();
              } else {
                reader.waiting = true;
                void reader.at.next().then(({ done, value }) => {
                  if (done !== true) reader.got.push(...value);
                  reader.waiting = false;
                });
              }
            }
            await settled();
          }
          source.end();
          // Readers of one flight wait for each other where it is abandoned, so all go on at once.
          await Promise.all(
            readers
              .filter(({ left }) => !left)
              .map(async (reader) => {
                while (reader.waiting) await settled();
                for (;;) {
                  const { done, value } = await reader.at.next();
                  if (done === true) break;
                  reader.got.push(...value);
                }
                expect(reader.got).toEqual(whole);
              }),
          );
          for (const { left, got } of readers) if (left) expect(got).toEqual(whole.slice(0, got.length));
          const landed = await landing;
          if (whole.length <= max) expect(landed).toEqual({ type: "complete", body: Uint8Array.from(whole) });
          else expect(landed).toEqual({ type: "incomplete", reason: "too-large" });
          expect(budget.used).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("starts at the first byte, however late it comes", async () => {
    const { source, flight, read } = aFlight();
    const landing = flight.land();
    source.push("one ", "two ");
    await settled();
    const late = drained(read());
    source.push("three").end();
    expect(await late).toBe("one two three");
    expect(await landing).toMatchObject({ type: "complete" });
    // The body has ended, and joining goes on until the leader leaves.
    expect(await drained(read())).toBe("one two three");
  });

  it("hears of a source that breaks off, after the bytes that came", async () => {
    const { source, flight, budget } = aFlight();
    const landing = flight.land();
    const readers = [reading(flight), reading(flight)];
    source.push("part").fail(new Error("broke off"));
    for (const reader of readers) {
      expect(await reader.next()).toBe("part");
      await expect(reader.next()).rejects.toThrow("broke off");
    }
    expect(await landing).toEqual({ type: "incomplete", reason: "cut-off" });
    expect(budget.used).toBe(0);
  });

  it("that leaves is let go at once, also while it waits for bytes", async () => {
    const { source, flight } = aFlight();
    void flight.land();
    const reader = reading(flight);
    const waiting = reader.next();
    await reader.leave();
    expect(await waiting).toBeUndefined();
    source.push("more").end();
    await settled();
    expect(await reader.next()).toBeUndefined();
  });
});

describe("a flight that may be kept", () => {
  it("lands without any reader, because the cache wants it", async () => {
    const { source, flight, budget } = aFlight();
    const landing = flight.land();
    const reader = reading(flight);
    source.push("one ");
    expect(await reader.next()).toBe("one ");
    await reader.leave();
    expect(budget.used).toBe(4);
    source.push("two").end();
    const landed = await landing;
    expect(landed.type === "complete" && text(landed.body)).toBe("one two");
    expect(source.returned).toBe(false);
    expect(budget.used).toBe(0);
  });

  it("does not wait for slow readers", async () => {
    const { source, flight } = aFlight();
    reading(flight);
    const landing = flight.land();
    source.push("one ", "two ", "three").end();
    expect(await landing).toMatchObject({ type: "complete" });
  });

  it("is read on from the one body that it has become, wherever a reader was", async () => {
    const { source, flight, read } = aFlight();
    const landing = flight.land();
    const chunks = read()[Symbol.asyncIterator]();
    source.push("one ", "two ", "three");
    expect(Buffer.from((await chunks.next()).value ?? []).toString()).toBe("one ");
    source.end();
    const landed = await landing;
    if (landed.type !== "complete") throw new Error(landed.type);
    const { value } = await chunks.next();
    expect(value?.buffer).toBe(landed.body.buffer);
    expect(Buffer.from(value ?? []).toString()).toBe("two three");
    expect((await chunks.next()).done).toBe(true);
  });

  it("is handed on in slices once it has landed", async () => {
    const { source, flight, read } = aFlight();
    const landing = flight.land();
    const chunks = read()[Symbol.asyncIterator]();
    source.push("x".repeat(150_000)).end();
    await landing;
    const lengths: number[] = [];
    for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next())
      lengths.push(chunk.value.length);
    expect(lengths).toEqual([65_536, 65_536, 18_928]);
  });

  it("is had at once where it has landed and is short, by each who has not begun to read", async () => {
    const { source, flight, budget, read } = aFlight();
    const landing = flight.land();
    const [early, begun] = [read(), read()];
    const chunks = begun[Symbol.asyncIterator]();
    source.push("1234").push("5678");
    await chunks.next();
    expect(early.take?.()).toBeUndefined();
    source.end();
    await landing;
    expect(begun.take?.()).toBeUndefined();
    for (const reader of [early, read()]) expect(reader.take?.()).toEqual(bytesOf("12345678"));
    expect(early.take?.()).toBeUndefined();
    expect(budget.used).toBe(8);
    await chunks.return?.();
    expect(budget.used).toBe(0);
  });

  it.each([
    [8192, true],
    [8193, false],
  ])("is short with %i bytes: %s", async (length, isShort) => {
    const { source, flight, read } = aFlight();
    const landing = flight.land();
    source.push("x".repeat(length)).end();
    await landing;
    expect(read().take?.() !== undefined).toBe(isShort);
  });

  it("is never had at once where it was cut off", async () => {
    const { source, flight, read } = aFlight();
    const landing = flight.land();
    const reader = read();
    source.push("1234").fail(new Error("cut off"));
    await landing;
    expect(reader.take?.()).toBeUndefined();
  });

  it("may have exactly as many bytes as the maximum, and none", async () => {
    for (const body of ["12345", ""]) {
      const { source, flight, abandoned } = aFlight({ max: 5 });
      const landing = flight.land();
      if (body !== "") source.push(body);
      source.end();
      expect(await landing).toEqual({ type: "complete", body: bytesOf(body) });
      expect(abandoned).toEqual([]);
    }
  });
});

describe("a flight that outgrows the maximum", () => {
  const MAX = 10;

  it("streams on at the pace of the slowest reader, and holds no more than the maximum and one chunk", async () => {
    const { source, flight, abandoned } = aFlight({ max: MAX });
    const landing = flight.land();
    const [fast, slow] = [reading(flight), reading(flight)];
    for (let i = 0; i < 20; i++) source.push(`${i % 10}23`);
    source.end();
    await settled();
    // Three chunks fit, the fourth does not; nothing more is taken while a reader is behind.
    expect(source.taken).toBe(4);
    expect(abandoned).toEqual(["too-large"]);
    for (let i = 0; i < 4; i++) await fast.next();
    await settled();
    expect(source.taken).toBe(4);
    const stuck = fast.next();
    for (let i = 0; i < 4; i++) await slow.next();
    await settled();
    expect(source.taken).toBe(5);
    expect(await stuck).toBe("423");
    const rest = async (reader: typeof fast) => {
      const chunks: string[] = [];
      for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next())
        chunks.push(chunk);
      return chunks.length;
    };
    expect(await Promise.all([rest(fast), rest(slow)])).toEqual([15, 16]);
    expect(await landing).toEqual({ type: "incomplete", reason: "too-large" });
  });

  it("counts what it still holds until the slowest reader has had it", async () => {
    const { source, flight, budget } = aFlight({ max: MAX });
    const landing = flight.land();
    const reader = reading(flight);
    source.push("1234", "5678", "9012");
    await settled();
    expect(budget.used).toBe(8);
    await reader.next();
    await settled();
    expect(budget.used).toBe(4);
    await reader.next();
    await reader.next();
    await settled();
    expect(budget.used).toBe(0);
    source.end();
    expect(await reader.next()).toBeUndefined();
    expect(await landing).toEqual({ type: "incomplete", reason: "too-large" });
  });

  it("cannot be joined once a byte was let go", async () => {
    const { source, flight } = aFlight({ max: MAX });
    void flight.land();
    const reader = reading(flight);
    source.push("12345678", "90123");
    await settled();
    const second = reading(flight);
    await Promise.all([reader.next(), second.next()]);
    await settled();
    expect(flight.read()).toBeUndefined();
  });

  it("tells the source to stop when its last reader leaves, even while the source is silent", async () => {
    const { source, flight, budget } = aFlight({ max: MAX });
    const landing = flight.land();
    const [first, second] = [reading(flight), reading(flight)];
    source.push("123456789", "0123");
    await settled();
    for (const reader of [first, second]) {
      await reader.next();
      await reader.next();
    }
    await first.leave();
    await settled();
    expect(source.returned).toBe(false);
    await second.leave();
    expect(source.returned).toBe(true);
    expect(await landing).toEqual({ type: "incomplete", reason: "too-large" });
    expect(budget.used).toBe(0);
  });

  it("goes on for the others when the slowest leaves", async () => {
    const { source, flight } = aFlight({ max: MAX });
    const landing = flight.land();
    const [slow, fast] = [reading(flight), reading(flight)];
    source.push("12345678", "9012", "345").end();
    for (let i = 0; i < 2; i++) await fast.next();
    const third = fast.next();
    await slow.leave();
    expect(await third).toBe("345");
    expect(await fast.next()).toBeUndefined();
    expect(await landing).toEqual({ type: "incomplete", reason: "too-large" });
  });

  it("without a reader stops, and nobody takes the part for the whole, whenever they come", async () => {
    const turnedAway: number[] = [];
    for (let turn = 0; turn < 20; turn++) {
      const { source, flight } = aFlight({ max: MAX });
      const landing = flight.land();
      source.push("12345678901", "rest").end();
      for (let i = 0; i < turn; i++) await Promise.resolve();
      const late = flight.read();
      if (late !== undefined) expect(await drained(late)).toBe("12345678901rest");
      else turnedAway.push(turn);
      expect(await landing).toEqual({ type: "incomplete", reason: "too-large" });
      expect(source.returned).toBe(late === undefined);
    }
    expect(turnedAway.length).toBeGreaterThan(0);
    expect(turnedAway.length).toBeLessThan(20);
  });

  it("reaches its readers with the failure of its source, too", async () => {
    const { source, flight, budget } = aFlight({ max: MAX });
    const landing = flight.land();
    const reader = reading(flight);
    source.push("12345678", "90123").fail(new Error("broke off"));
    await reader.next();
    await reader.next();
    await expect(reader.next()).rejects.toThrow("broke off");
    expect(await landing).toEqual({ type: "incomplete", reason: "too-large" });
    expect(budget.used).toBe(0);
  });
});

describe("one that takes nothing of a flight that is not kept", () => {
  /** Two readers of a flight that waits for the second. */
  async function waiting() {
    const all = aFlight({ max: 4 });
    const landing = all.flight.land();
    const [fast, slow] = [reading(all.flight), reading(all.flight)];
    all.source.push("123", "456", "789").end();
    expect([await fast.next(), await fast.next()]).toEqual(["123", "456"]);
    const third = fast.next();
    await settled();
    return { ...all, landing, fast, slow, third };
  }

  it("is cut off when others have waited for it, never ended cleanly", async () => {
    const { source, landing, fast, slow, third, timers, budget } = await waiting();
    expect(source.taken).toBe(2);
    timers.fire(STALL_MS);
    expect(await third).toBe("789");
    expect(await fast.next()).toBeUndefined();
    await expect(slow.next()).rejects.toThrow("took nothing");
    await expect(slow.next()).rejects.toThrow("took nothing");
    expect(await landing).toEqual({ type: "incomplete", reason: "too-large" });
    expect([budget.used, timers.pending]).toEqual([0, 0]);
  });

  it("stays when it has taken something meanwhile, and is looked at again", async () => {
    const { source, slow, third, timers } = await waiting();
    expect(await slow.next()).toBe("123");
    timers.fire(STALL_MS);
    await settled();
    expect(source.taken).toBe(2);
    timers.fire(STALL_MS);
    expect(await third).toBe("789");
    await expect(slow.next()).rejects.toThrow("took nothing");
  });

  it("stays while nobody waits for it", async () => {
    const { source, flight, timers } = aFlight({ max: 4 });
    void flight.land();
    const [one, other] = [reading(flight), reading(flight)];
    source.push("123", "456").end();
    await one.next();
    for (let i = 0; i < 3; i++) {
      timers.fire(STALL_MS);
      await settled();
    }
    for (const reader of [one, other]) expect(await reader.next()).toBe(reader === one ? "456" : "123");
  });

  it("has as long as it likes when it is the only one", async () => {
    const { source, flight, timers } = aFlight({ max: 4 });
    void flight.land();
    const only = reading(flight);
    source.push("123", "456").end();
    for (let i = 0; i < 100; i++) {
      await settled();
      timers.fire(STALL_MS);
    }
    expect([await only.next(), await only.next(), await only.next()]).toEqual(["123", "456", undefined]);
  });

  it("is not the one that waits for the origin itself", async () => {
    const { source, flight, timers } = aFlight({ max: 4 });
    void flight.land();
    const readers = [reading(flight), reading(flight)];
    source.push("123", "456");
    for (const reader of readers) for (const chunk of ["123", "456"]) expect(await reader.next()).toBe(chunk);
    const more = readers.map((reader) => reader.next());
    await settled();
    expect(timers.pending).toBe(0);
    source.push("789").end();
    expect(await Promise.all(more)).toEqual(["789", "789"]);
  });
});

describe("the budget of all flights", () => {
  it("when exhausted makes a flight stream without being kept, and leaves the others alone", async () => {
    const budget = new FlightBudget(10);
    const first = aFlight({ budget });
    const second = aFlight({ budget });
    const landings = [first.flight.land(), second.flight.land()];
    const reader = reading(second.flight);
    first.source.push("12345678");
    second.source.push("abc", "def").end();
    expect([await reader.next(), await reader.next(), await reader.next()]).toEqual([
      "abc",
      "def",
      undefined,
    ]);
    expect(second.abandoned).toEqual(["flights-full"]);
    expect(await landings[1]).toEqual({ type: "incomplete", reason: "flights-full" });
    expect(budget.used).toBe(8);
    first.source.end();
    expect(await landings[0]).toMatchObject({ type: "complete" });
    expect(budget.used).toBe(0);
  });

  it("counts a body that has landed until its last reader has had it or has left", async () => {
    const { source, flight, budget } = aFlight();
    const landing = flight.land();
    const [slow, leaving] = [reading(flight), reading(flight)];
    source.push("12345678").end();
    await landing;
    expect(budget.used).toBe(8);
    await leaving.leave();
    expect(budget.used).toBe(8);
    expect([await slow.next(), await slow.next()]).toEqual(["12345678", undefined]);
    expect(budget.used).toBe(0);
  });

  it("counts it again for one who comes when all the others have left", async () => {
    const { source, flight, budget } = aFlight({ limit: 8 });
    const landing = flight.land();
    source.push("12345678").end();
    await landing;
    expect(budget.used).toBe(0);
    const late = reading(flight);
    const later = reading(flight);
    expect(budget.used).toBe(8);
    for (const reader of [late, later])
      expect([await reader.next(), await reader.next()]).toEqual(["12345678", undefined]);
    expect(budget.used).toBe(0);
  });

  it.each([
    ["complete", PLENTY, PLENTY],
    ["cut-off", PLENTY, PLENTY],
    ["too-large", 5, PLENTY],
    ["flights-full", PLENTY, 5],
  ] as const)("has everything back when nobody reads any more: %s", async (how, max, limit) => {
    const readers = [
      ["none", async () => {}],
      ["one that reads to the end", (flight: Flight) => drained(flight.read()!).catch(() => "")],
      ["one that leaves at once", async (flight: Flight) => reading(flight).leave()],
      [
        "one that leaves in the middle",
        async (flight: Flight) => {
          const reader = reading(flight);
          await reader.next();
          await reader.leave();
        },
      ],
      [
        "one that leaves when it has landed",
        async (flight: Flight) => {
          const reader = reading(flight);
          await settled();
          await settled();
          await reader.leave();
        },
      ],
    ] as const;
    for (const [who, read] of readers) {
      const { source, flight, budget, timers } = aFlight({ max, limit });
      const landing = flight.land();
      const done = read(flight);
      source.push("123", "456");
      if (how === "cut-off") source.fail();
      else source.end();
      await done;
      const landed = await landing;
      expect([who, "reason" in landed ? landed.reason : landed.type]).toEqual([who, how]);
      await settled();
      expect([who, budget.used, timers.pending]).toEqual([who, 0, 0]);
    }
  });

  it("can be had to the last byte", async () => {
    const { source, flight } = aFlight({ limit: 6 });
    const landing = flight.land();
    source.push("123", "456").end();
    expect(await landing).toMatchObject({ type: "complete" });
  });
});

describe("a flight for its readers alone", () => {
  it("is as fast as the fastest of them, and keeps what the others have yet to read", async () => {
    const { source, flight, budget, read } = aFlight();
    const served = flight.serve();
    const [fast, slow] = [reading(flight), reading(flight)];
    source.push("one ", "two ", "three ").end();
    await settled();
    expect(source.taken).toBe(0);
    expect([await fast.next(), await fast.next()]).toEqual(["one ", "two "]);
    await settled();
    // One ahead of who has just been woken.
    expect(source.taken).toBeLessThanOrEqual(3);
    expect(await slow.next()).toBe("one ");
    const late = drained(read());
    expect(await late).toBe("one two three ");
    expect([await slow.next(), await slow.next(), await slow.next()]).toEqual(["two ", "three ", undefined]);
    expect([await fast.next(), await fast.next()]).toEqual(["three ", undefined]);
    await served;
    expect(budget.used).toBe(0);
  });

  it("waits for readers for as long as somebody may join", async () => {
    const { source, flight, budget, read } = aFlight();
    const served = flight.serve();
    const reader = reading(flight);
    source.push("one ", "two ").end();
    expect(await reader.next()).toBe("one ");
    await reader.leave();
    await settled();
    expect(source.returned).toBe(false);
    expect(await drained(read())).toBe("one two ");
    await served;
    expect(budget.used).toBe(0);
  });

  it.each(["before", "after"])(
    "stops its source when the last has left %s nobody joins any more",
    async (when) => {
      const { source, flight, budget } = aFlight();
      const served = flight.serve();
      const reader = reading(flight);
      source.push("one ", "two ");
      expect(await reader.next()).toBe("one ");
      if (when === "before") await reader.leave();
      flight.close();
      if (when === "after") {
        expect(await reader.next()).toBe("two ");
        expect(source.returned).toBe(false);
        await reader.leave();
      }
      await served;
      expect([source.returned, budget.used, flight.read()]).toEqual([true, 0, undefined]);
    },
  );

  it("tells each of a source that breaks off, after the bytes that came", async () => {
    const { source, flight, budget } = aFlight();
    const served = flight.serve();
    const readers = [reading(flight), reading(flight)];
    source.push("part").fail(new Error("broke off"));
    for (const reader of readers) {
      expect(await reader.next()).toBe("part");
      await expect(reader.next()).rejects.toThrow("broke off");
    }
    await served;
    expect(budget.used).toBe(0);
  });

  it("passes on what there is no memory for, at the pace of the slowest", async () => {
    const { source, flight, budget, abandoned } = aFlight({ limit: 5 });
    const served = flight.serve();
    const all = [reading(flight), reading(flight)].map(async ({ next }) => {
      let got = "";
      for (let piece = await next(); piece !== undefined; piece = await next()) got += piece;
      return got;
    });
    source.push("one ", "two ", "three ").end();
    expect(await Promise.all(all)).toEqual(["one two three ", "one two three "]);
    await served;
    expect([budget.used, abandoned]).toEqual([0, ["flights-full"]]);
  });
});
