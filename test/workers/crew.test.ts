import { beforeEach, describe, expect, it, vi } from "vitest";
import { Crew, type CrewNews, type Member } from "../../src/workers/crew.ts";
import { restInMs } from "../../src/workers/rest.ts";

/** A process as a crew sees one, which does what the test says. */
class FakeMember implements Member {
  readonly place: number;
  readonly pid: number;
  readonly begun: Promise<void>;
  readonly ended: Promise<string>;
  readonly log: string[] = [];
  begin: () => void = () => {};
  fail: (error: Error) => void = () => {};
  end: (ending: string) => void = () => {};
  constructor(place: number, pid: number) {
    this.place = place;
    this.pid = pid;
    this.begun = new Promise((resolve, reject) => {
      this.begin = resolve;
      this.fail = reject;
    });
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }
  stop(): void {
    this.log.push("stop");
  }
  kill(): void {
    this.log.push("kill");
    this.fail(new Error("killed"));
    this.end("was killed");
  }
}

function aCrew(size: number) {
  const hired: FakeMember[] = [];
  const news: CrewNews[] = [];
  const crew = new Crew<FakeMember>({
    size,
    hire: (place) => {
      const member = new FakeMember(place, 100 + hired.length);
      hired.push(member);
      return member;
    },
    beginWithinMs: 1000,
    stopWithinMs: 5000,
    tell: (one) => news.push(one),
  });
  const nth = (n: number) => hired[n] as FakeMember;
  const settle = () => vi.advanceTimersByTimeAsync(0);
  const started = async () => {
    const start = crew.start();
    for (const member of hired) member.begin();
    await start;
  };
  return { crew, hired, news, nth, settle, started };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});

describe("a crew", () => {
  it("is complete when all serve", async () => {
    const { crew, nth, settle } = aCrew(2);
    let complete = false;
    void crew.start().then(() => {
      complete = true;
    });
    nth(0).begin();
    await settle();
    expect([complete, crew.serving]).toEqual([false, [nth(0)]]);
    nth(1).begin();
    await settle();
    expect([complete, crew.serving]).toEqual([true, [nth(0), nth(1)]]);
  });

  it("that cannot start leaves nobody, and says why", async () => {
    const { crew, nth } = aCrew(3);
    const start = crew.start();
    nth(0).begin();
    nth(1).fail(new Error("the port is taken"));
    await expect(start).rejects.toThrow("the port is taken");
    expect([nth(0).log, nth(1).log, nth(2).log].every((log) => log.includes("kill"))).toBe(true);
  });

  it("does not wait for ever for one that does not begin", async () => {
    const { crew } = aCrew(2);
    const start = crew.start();
    start.catch(() => {});
    await vi.advanceTimersByTimeAsync(1000);
    await expect(start).rejects.toThrow("killed");
  });

  it("replaces one that died after it had served long at once, and others later each time", async () => {
    const { hired, news, nth, settle, started } = aCrew(1);
    await started();
    await vi.advanceTimersByTimeAsync(10_000);
    const rests = [0, 100, 200, 400];
    for (const [i, restMs] of rests.entries()) {
      nth(i).end("was ended by SIGKILL");
      await settle();
      expect(news.at(-1)).toMatchObject({ type: "died", place: 1, pid: 100 + i, restMs });
      if (restMs > 0) {
        await vi.advanceTimersByTimeAsync(restMs - 1);
        expect(hired).toHaveLength(i + 1);
      }
      await vi.advanceTimersByTimeAsync(1);
      expect(hired).toHaveLength(i + 2);
      nth(i + 1).begin();
      await settle();
      expect(news.at(-1)).toMatchObject({ type: "replaced", place: 1, pid: 101 + i });
    }
  });

  it("tries again, later each time, when a successor fails", async () => {
    const { crew, news, nth, settle, started } = aCrew(1);
    await started();
    nth(0).end("ended with exit code 1");
    await vi.advanceTimersByTimeAsync(100);
    nth(1).fail(new Error("no memory"));
    await settle();
    expect(news.at(-1)).toMatchObject({ type: "failed", place: 1, restMs: 200 });
    await vi.advanceTimersByTimeAsync(200);
    nth(2).begin();
    await settle();
    expect(crew.serving).toEqual([nth(2)]);
  });

  it("restarts one after another: each goes when its successor serves, the next when that one has gone", async () => {
    const { crew, hired, nth, settle, started } = aCrew(2);
    await started();
    const restart = crew.restart();
    await settle();
    expect([hired.length, nth(0).log]).toEqual([3, []]);
    nth(2).begin();
    await settle();
    expect([hired.length, nth(0).log, nth(1).log]).toEqual([3, ["stop"], []]);
    nth(0).end("ended");
    await settle();
    expect([hired.length, nth(1).log]).toEqual([4, []]);
    nth(3).begin();
    await settle();
    nth(1).end("ended");
    expect(await restart).toBe(2);
    expect(crew.serving).toEqual([nth(2), nth(3)]);
  });

  it("keeps who serves when a successor fails, and can be restarted again", async () => {
    const { crew, nth, settle, started } = aCrew(2);
    await started();
    const restart = crew.restart();
    nth(2).fail(new Error("a defect"));
    await expect(restart).rejects.toThrow("a defect");
    expect([crew.serving, nth(0).log]).toEqual([[nth(0), nth(1)], []]);
    crew.restart().catch(() => {});
    await settle();
    nth(3).begin();
    await settle();
    expect(nth(0).log).toEqual(["stop"]);
  });

  it("fills a place once when its process dies while its successor begins, also if that one fails", async () => {
    for (const fails of [false, true]) {
      const { crew, hired, nth, settle, started } = aCrew(1);
      await started();
      const restart = crew.restart();
      restart.catch(() => {});
      nth(0).end("was ended by SIGKILL");
      await vi.advanceTimersByTimeAsync(50);
      if (fails) nth(1).fail(new Error("a defect"));
      else nth(1).begin();
      await vi.advanceTimersByTimeAsync(1000);
      expect(hired).toHaveLength(fails ? 3 : 2);
      if (fails) nth(2).begin();
      await settle();
      expect(crew.serving).toEqual([hired.at(-1)]);
    }
  });

  it("kills one that does not end, and goes on", async () => {
    const { crew, nth, settle, started } = aCrew(1);
    await started();
    const restart = crew.restart();
    nth(1).begin();
    await settle();
    await vi.advanceTimersByTimeAsync(5000);
    expect(nth(0).log).toEqual(["stop", "kill"]);
    expect(await restart).toBe(1);
  });

  it("that stops lets all end that have served, those who are being replaced too, and hires nobody more", async () => {
    const { crew, hired, news, nth, settle, started } = aCrew(2);
    await started();
    const restart = crew.restart();
    restart.catch(() => {});
    nth(2).begin();
    await settle();
    let stopped = false;
    void crew.stop().then(() => {
      stopped = true;
    });
    expect([nth(0).log, nth(1).log, nth(2).log]).toEqual([["stop", "stop"], ["stop"], ["stop"]]);
    nth(0).end("ended");
    nth(1).end("ended");
    await settle();
    expect(stopped).toBe(false);
    nth(2).end("ended");
    await vi.advanceTimersByTimeAsync(60_000);
    expect([stopped, hired.length, news]).toEqual([true, 3, []]);
  });
});

describe("a rest", () => {
  it("is none after a long life, and never longer than ten seconds", () => {
    expect(restInMs(10_000, 5)).toEqual({ restMs: 0, early: 0 });
    expect(restInMs(9_999, 0)).toEqual({ restMs: 100, early: 1 });
    let early = 0;
    for (let i = 0; i < 50; i++) {
      const rest = restInMs(0, early);
      early = rest.early;
      expect(rest.restMs).toBeLessThanOrEqual(10_000);
    }
    expect(restInMs(0, early).restMs).toBe(10_000);
  });
});
