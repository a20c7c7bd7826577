import { describe, expect, it } from "vitest";
import type { PurgeNews, PurgeRecord, PurgeTarget } from "../../src/cache/ports/purge-log.ts";
import { WorkerPurgeLog } from "../../src/workers/purge-log.ts";
import { type Hearer, PurgeOrder } from "../../src/workers/purge-order.ts";
import { WireError } from "../../src/workers/wire.ts";

const url = (key: string): PurgeTarget => ({ type: "url", key });

interface Listener extends Hearer {
  readonly records: PurgeRecord[];
  gaveUp: boolean;
}

function aListener(name: string): Listener {
  const listener: Listener = {
    name,
    records: [],
    gaveUp: false,
    hear: (record) => listener.records.push(record),
    giveUp: () => {
      listener.gaveUp = true;
    },
  };
  return listener;
}

const NOW = 1_000_000;

describe("the order of purges", () => {
  it("is the same for all, from where each began", () => {
    const order = new PurgeOrder(() => NOW);
    const [a, b] = [aListener("a"), aListener("b")];
    const from = order.join(a);
    const first = order.append([url("1"), url("2")], "delete");
    expect(order.join(b)).toBe(first);
    const last = order.append([url("3")], "invalidate");
    expect(from).toBeLessThan(first);
    expect(a.records.map(({ target }) => target)).toEqual([url("1"), url("2"), url("3")]);
    expect(b.records).toEqual([{ epoch: last, target: url("3"), mode: "invalidate" }]);
    const epochs = a.records.map(({ epoch }) => epoch);
    expect(epochs).toEqual([...epochs].sort((x, y) => x - y));
    expect(new Set(epochs).size).toBe(3);
  });

  it("is acknowledged when all who follow have heard, and not before", async () => {
    const order = new PurgeOrder(() => NOW);
    const [a, b] = [aListener("a"), aListener("b")];
    for (const one of [a, b]) order.heard(one, order.join(one));
    const epoch = order.append([url("1")], "delete");
    let receipt: unknown;
    void order.acknowledged(epoch, 60_000).then((given) => {
      receipt = given;
    });
    order.heard(a, epoch);
    await Promise.resolve();
    expect(receipt).toBeUndefined();
    order.heard(b, epoch);
    await Promise.resolve();
    expect(receipt).toEqual({ shared: true, instances: 2, acked: 2, missing: [] });
  });

  it("names who has not heard when the time is over", async () => {
    const order = new PurgeOrder(() => NOW);
    const [a, b] = [aListener("a"), aListener("b")];
    for (const one of [a, b]) order.heard(one, order.join(one));
    const epoch = order.append([url("1")], "delete");
    order.heard(a, epoch);
    expect(await order.acknowledged(epoch, 0)).toEqual({
      shared: true,
      instances: 2,
      acked: 1,
      missing: ["b"],
    });
  });

  it("waits neither for one that has nothing yet nor for one that has gone", async () => {
    const order = new PurgeOrder(() => NOW);
    const [a, b, c] = [aListener("a"), aListener("b"), aListener("c")];
    for (const one of [a, b]) order.heard(one, order.join(one));
    order.join(c);
    const epoch = order.append([url("1")], "delete");
    const waiting = order.acknowledged(epoch, 60_000);
    order.heard(a, epoch);
    order.leave(b);
    expect(await waiting).toEqual({ shared: true, instances: 1, acked: 1, missing: [] });
  });

  it("gives up a worker that has a hundred thousand purges to hear", () => {
    const order = new PurgeOrder(() => NOW);
    const [hung, well] = [aListener("hung"), aListener("well")];
    for (const one of [hung, well]) order.heard(one, order.join(one));
    for (let i = 0; i < 100_001; i++) order.heard(well, order.append([url(`${i}`)], "delete"));
    expect([hung.gaveUp, well.gaveUp]).toEqual([true, false]);
    expect(hung.records).toHaveLength(100_000);
    expect(well.records).toHaveLength(100_001);
  });
});

describe("a worker's purge log", () => {
  const aLog = (append: () => Promise<number> = async () => 7) => {
    const heard: number[] = [];
    const news: PurgeNews[] = [];
    const log = new WorkerPurgeLog({
      epoch: 5,
      append,
      acknowledged: async () => ({ shared: true, instances: 2, acked: 2, missing: [] }),
      heard: (epoch) => heard.push(epoch),
    });
    return { log, heard, news, follow: () => log.follow((item) => news.push(item)) };
  };
  const record: PurgeRecord = { epoch: 6, target: url("1"), mode: "delete" };

  it("begins where the log is, and passes on what follows", () => {
    const { log, heard, news, follow } = aLog();
    follow();
    log.receive(record);
    expect(news).toEqual([
      { type: "floor", floor: 5, epoch: 5 },
      { type: "attached" },
      { type: "record", record },
    ]);
    expect(heard).toEqual([5, 6]);
  });

  it("begins after what it was told before anybody followed", () => {
    const { log, news, follow } = aLog();
    log.receive(record);
    follow();
    expect(news).toEqual([{ type: "floor", floor: 6, epoch: 6 }, { type: "attached" }]);
  });

  it.each([
    ["late", "timeout"],
    ["gone", "unavailable"],
  ] as const)("says of an append that is %s that it is a store's %s", async (code, expected) => {
    const { log } = aLog(() => Promise.reject(new WireError(code, "x")));
    await expect(log.append([url("1")], "delete")).rejects.toMatchObject({
      name: "StoreError",
      code: expected,
    });
  });
});
