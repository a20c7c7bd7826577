import { request } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { listenAdmin } from "../../src/admin/listen.ts";
import { createEvents } from "../../src/cache/events.ts";
import { createLive } from "../../src/observe/live.ts";
import { createTail, WAITING_ANSWERS } from "../../src/observe/tail.ts";
import { liveOf } from "../../src/start/live-of-workers.ts";
import { anAnswer, MISS } from "../observe/an-event.ts";
import { until } from "../until.ts";
import { anApi } from "./an-api.ts";

/** An admin listener over a real tail, and how many listeners that has. */
async function listening() {
  const events = createEvents();
  let attached = 0;
  const tail = createTail((listener) => {
    attached++;
    const stop = events.listen(listener);
    return () => {
      attached--;
      stop();
    };
  }, Date.now);
  const live = createLive({
    now: Date.now,
    memory: () => ({ entries: 0, bytes: 0 }),
    purgesBehindMs: () => 0,
  });
  onTestFinished(live.close);
  const { app } = anApi({ live: liveOf(tail.watch, () => [live.read()]) });
  const listener = await listenAdmin(app, { host: "127.0.0.1", port: 0 });
  onTestFinished(() => listener.close(0));
  const at = `http://127.0.0.1:${listener.port}`;
  return { at, tail, listener, emit: events.emit, attached: () => attached };
}

interface Reader {
  answers(): { id: string }[];
  dropped(): number;
  ended(): boolean;
  pause(): void;
  resume(): void;
  leave(): void;
}

/** Reads a stream on a connection of its own, once its head has come. */
function read(url: string): Promise<Reader> {
  return new Promise((resolve, reject) => {
    let rest = "";
    let dropped = 0;
    const answers: { id: string }[] = [];
    let ended = false;
    const outgoing = request(url, { agent: false }, (incoming) => {
      expect(incoming.statusCode).toBe(200);
      expect(incoming.headers).toMatchObject({
        "content-type": "text/event-stream",
        "cache-control": "no-store",
      });
      incoming.setEncoding("utf8").on("data", (chunk: string) => {
        const blocks = (rest + chunk).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) {
          const [, name, data = ""] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
          if (name === "answered") answers.push(JSON.parse(data));
          if (name === "dropped") dropped += (JSON.parse(data) as { count: number }).count;
        }
      });
      incoming.on("end", () => {
        ended = true;
      });
      incoming.on("error", () => {});
      resolve({
        answers: () => answers,
        dropped: () => dropped,
        ended: () => ended,
        pause: () => incoming.pause(),
        resume: () => incoming.resume(),
        leave: () => outgoing.destroy(),
      });
    });
    outgoing.on("error", reject);
    outgoing.end();
    onTestFinished(() => {
      outgoing.destroy();
    });
  });
}

describe("GET /events", () => {
  it("tells three readers at once, each by its own query", async () => {
    const { at, emit, attached } = await listening();
    const [all, misses, slow] = await Promise.all([
      read(`${at}/events`),
      read(`${at}/events?q=${encodeURIComponent("status=MISS")}`),
      read(`${at}/events?q=${encodeURIComponent("ttfb>200ms")}`),
    ]);
    expect(attached()).toBe(1);
    emit(anAnswer({ requestId: "hit" }));
    emit(anAnswer({ requestId: "miss", outcome: MISS }));
    emit(anAnswer({ requestId: "slow", headMs: 201 }));
    const ids = (reader: Reader) => reader.answers().map(({ id }) => id);
    await until("all have heard", () => ids(all).length === 3 && ids(misses).length === 1);
    await until("the last has heard", () => ids(slow).length === 1);
    expect([ids(all), ids(misses), ids(slow)]).toEqual([["hit", "miss", "slow"], ["miss"], ["slow"]]);
  });

  it("stops listening when its readers have left", async () => {
    const { at, attached } = await listening();
    const readers = await Promise.all([read(`${at}/events`), read(`${at}/events`), read(`${at}/events`)]);
    expect(attached()).toBe(1);
    for (const reader of readers) reader.leave();
    await until("nobody listens", () => attached() === 0);
  });

  it("keeps little for a reader that takes nothing, and tells it what it missed; others hear all", async () => {
    const { at, emit } = await listening();
    const [slow, quick] = await Promise.all([read(`${at}/events`), read(`${at}/events`)]);
    slow.pause();
    // Bursts larger than what the system buffers before anybody notices that it does not read.
    const uri = `http://shop.example/${"x".repeat(8000)}`;
    let emitted = 0;
    for (let burst = 0; burst < 6; burst++) {
      for (let i = 0; i < WAITING_ANSWERS; i++) emit(anAnswer({ uri, requestId: `r-${emitted++}` }));
      await until("the quick one has heard all", () => quick.answers().length === emitted, 20_000);
    }
    slow.resume();
    await until("all is accounted for", () => slow.answers().length + slow.dropped() === emitted, 20_000);
    expect(slow.dropped()).toBeGreaterThanOrEqual(WAITING_ANSWERS);
    expect(slow.answers().at(-1)?.id).toBe(`r-${emitted - 1}`);
    expect(quick.dropped()).toBe(0);
  });

  it("ends every stream when the tail is closed, so that the listener can close at once", async () => {
    const { at, tail, listener } = await listening();
    const reader = await read(`${at}/events`);
    tail.close();
    const started = performance.now();
    await listener.close(20_000);
    expect(performance.now() - started).toBeLessThan(10_000);
    await until("its end has come", () => reader.ended());
  });

  it("takes 32 readers, refuses the next, and takes one again when one has left", async () => {
    const { at } = await listening();
    const readers = await Promise.all(Array.from({ length: 32 }, () => read(`${at}/events`)));
    const refused = await fetch(`${at}/events`);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: "too_many_readers" });
    readers[0]?.leave();
    await until("there is room again", async () => {
      const answer = await fetch(`${at}/events`);
      await answer.body?.cancel();
      return answer.status === 200;
    });
  });

  it("refuses a query that is none, and says where", async () => {
    const { at, attached } = await listening();
    const answer = await fetch(`${at}/events?q=${encodeURIComponent("status=200 colour=red")}`);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toMatch(/no field is called colour; .*at character 12 of the query/);
    expect(attached()).toBe(0);
  });

  it("answers HEAD without listening", async () => {
    const { at, attached } = await listening();
    const answer = await fetch(`${at}/events`, { method: "HEAD" });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    expect(attached()).toBe(0);
  });
});

describe("GET /top, /hist and /series", () => {
  it.each([["/top"], ["/top?k=512"], ["/hist"], ["/series"], ["/series?minutes=1"]])(
    "%s answers JSON that nobody stores",
    async (path) => {
      const { at } = await listening();
      const answer = await fetch(at + path);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")).toBe("application/json");
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(await answer.json()).toEqual(expect.any(Object));
    },
  );

  it.each([["/top?k=0"], ["/top?k=513"], ["/top?k=1e2"], ["/series?minutes=11"], ["/series?minutes=x"]])(
    "%s is refused",
    async (path) => {
      const { at } = await listening();
      expect((await fetch(at + path)).status).toBe(400);
    },
  );
});
