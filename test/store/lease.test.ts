import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { Arrives, Lease, LeaseAnswer, LeaseEnd, LeaseRequest } from "../../src/cache/leases.ts";
import { SLOTS, slotOf } from "../../src/store/cluster-slots.ts";
import { RedisLeases } from "../../src/store/lease.ts";
import { RedisPurgeLog } from "../../src/store/purge-log.ts";
import { openFaultyLink } from "../faulty-link.ts";
import { startCluster } from "../redis-cluster.ts";
import { startRedis, type TestRedis } from "../redis-server.ts";
import { until } from "../until.ts";
import { connect, keep } from "./own-redis.ts";

const PAGE = "http://shop.test/page";
const KEY = `freshline:lease:{${PAGE}}`;
const FIRST: LeaseRequest = { variant: "", failed: 0, again: false, beside: true, wait: true };
const STORED: LeaseEnd = { type: "stored", sinceHeadMs: 7, selecting: ["accept"], validated: true };
const FAILED: LeaseEnd = { type: "failed", leaders: 1, code: "timeout" };
/** So long a command may take on a busy machine. */
const PATIENT_MS = 10_000;
/** Nobody waits for it in a test that passes. */
const LONG_MS = 60_000;

let redis: TestRedis;
beforeEach(async () => {
  redis = await keep(startRedis());
});

interface How {
  readonly url?: string;
  readonly ttlMs?: number;
  readonly patienceMs?: number;
  readonly namespace?: string;
  /** So long that a busy machine answers in time, when absent. */
  readonly commandTimeoutMs?: number;
}

/** One instance of several. */
async function instance(name: string, how: How = {}) {
  const { url = redis.url, ttlMs = LONG_MS, patienceMs = LONG_MS, namespace = "freshline" } = how;
  const { commandTimeoutMs = PATIENT_MS } = how;
  const { connection, log: events } = connect(url, { commandTimeoutMs });
  const common = { connection, emit: events.emit, namespace, instance: name };
  const leases = new RedisLeases({ ...common, ttlMs, patienceMs, maxLeaders: 3 });
  const log = new RedisPurgeLog({ ...common, listeners: [leases.listener] });
  log.follow(() => {});
  onTestFinished(() => log.close());
  onTestFinished(() => leases.close());
  await until("the log is attached", () => log.attached());
  const ask = (more: Partial<LeaseRequest> = {}, key = PAGE) => leases.acquire(key, { ...FIRST, ...more });
  return { leases, log, events, ask };
}

function held(answer: LeaseAnswer): Lease {
  expect(answer.type).toBe("held");
  return (answer as Extract<LeaseAnswer, { type: "held" }>).lease;
}
function elsewhere(answer: LeaseAnswer): Extract<LeaseAnswer, { type: "elsewhere" }> {
  expect(answer.type).toBe("elsewhere");
  return answer as Extract<LeaseAnswer, { type: "elsewhere" }>;
}
const gone = (key = KEY) =>
  until("the lease is gone", async () => (await redis.command("EXISTS", key)) === 0);
const calls = async (command: string): Promise<number> => {
  const stats = String(await redis.command("INFO", "commandstats"));
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
};

describe("a lease", () => {
  it("is one instance's, and the others hear of its end by message", async () => {
    const [a, b, c] = [await instance("a"), await instance("b"), await instance("c")];
    const lease = held(await a.ask());
    expect(lease.leaders).toBe(1);
    const waiting = [elsewhere(await b.ask()), elsewhere(await c.ask()), elsewhere(await a.ask())];
    expect(waiting.map(({ arriving }) => arriving)).toEqual([false, false, false]);
    const startedAt = performance.now();
    lease.release(STORED);
    for (const { ended } of waiting) expect(await ended).toEqual(STORED);
    expect(performance.now() - startedAt).toBeLessThan(LONG_MS / 4);
    expect([a, b, c].map(({ leases }) => leases.size)).toEqual([0, 0, 0]);
  });

  it.each<LeaseEnd>([
    STORED,
    { type: "uncacheable", lasting: true },
    FAILED,
    { type: "unkept" },
    { type: "lapsed" },
  ])("tells those who wait that it ended so: $type", async (end) => {
    const [a, b] = [await instance("a"), await instance("b")];
    const lease = held(await a.ask());
    const { ended } = elsewhere(await b.ask());
    lease.release(end);
    lease.release({ type: "uncacheable", lasting: false });
    expect(await ended).toEqual(end);
  });

  it("wakes only those who wait for the same, and all of them", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const other = "http://shop.test/other";
    const [lease, otherLease] = [held(await a.ask()), held(await a.ask({}, other))];
    const waiting = [elsewhere(await b.ask()), elsewhere(await b.ask())];
    let otherEnded = false;
    const otherWaiting = elsewhere(await b.ask({}, other)).ended.then(() => {
      otherEnded = true;
    });
    lease.release(STORED);
    for (const { ended } of waiting) expect(await ended).toEqual(STORED);
    expect(otherEnded).toBe(false);
    otherLease.release(STORED);
    await otherWaiting;
  });

  it("is of one variant, where that is known, of one resource and one namespace", async () => {
    const [a, b] = [await instance("a"), await instance("b", { namespace: "other" })];
    held(await a.ask());
    held(await a.ask({ variant: '[["accept","x"]]' }));
    held(await a.ask({ variant: '[["accept","y"]]' }));
    held(await a.ask({}, "http://shop.test/other"));
    held(await b.ask());
    elsewhere(await a.ask({ variant: '[["accept","x"]]' }));
    expect(await redis.command("KEYS", `${KEY}*`)).toHaveLength(3);
  });

  it("lives no longer than its holder says that it is there", async () => {
    const b = await instance("b");
    const lease = ["leader:killed", "1", "leaders", "1", "since", String(Date.now())];
    await redis.command("HSET", KEY, ...lease);
    await redis.command("PEXPIRE", KEY, 2000);
    const startedAt = performance.now();
    const { ended } = elsewhere(await b.ask());
    expect(await ended).toEqual({ type: "lapsed" });
    expect(performance.now() - startedAt).toBeLessThan(2000 + 1600);
    await gone();
    expect(held(await b.ask()).leaders).toBe(1);
  });

  it("of a holder that has gone is over in time, whatever the clock of Redis has added to its life", async () => {
    const b = await instance("b", { ttlMs: 300 });
    await redis.command("HSET", KEY, "leader:killed", "1", "leaders", "99", "since", String(Date.now()));
    // More than a timer can wait for, too.
    await redis.command("PEXPIRE", KEY, 10_000 * 24 * 60 * 60 * 1000);
    expect(await elsewhere(await b.ask()).ended).toEqual({ type: "lapsed" });
    await gone();
    expect(held(await b.ask()).leaders).toBe(1);
  });

  it.each(["garbage", '{"type":"planet"}', '{"type":"lapsed"}', JSON.stringify({ ...FAILED, leaders: 99 })])(
    "with an end that no lease keeps tells nobody anything: %s",
    async (end) => {
      const a = await instance("a");
      await redis.command("HSET", KEY, "end", end);
      await redis.command("PEXPIRE", KEY, 10_000);
      expect(await a.ask()).toEqual({ type: "unknown" });
    },
  );

  it("that ended and was kept for ever is taken", async () => {
    const a = await instance("a");
    await redis.command("HSET", KEY, "end", JSON.stringify(STORED));
    held(await a.ask());
  });

  it("is kept by a holder that takes longer than it lives", async () => {
    const [a, b] = [await instance("a", { ttlMs: 2000 }), await instance("b", { ttlMs: 2000 })];
    const lease = held(await a.ask());
    const startedAt = performance.now();
    let arriving = 0;
    while (performance.now() - startedAt < 5000) {
      const answer = elsewhere(await b.ask());
      if (answer.arriving) arriving++;
      else lease.arriving();
      await answer.ended;
    }
    expect(arriving).toBeGreaterThan(0);
    const { ended } = elsewhere(await b.ask());
    lease.release(STORED);
    expect(await ended).toEqual(STORED);
  });

  it("that has ended tells so for a moment, to who does not know yet", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    held(await a.ask()).release(STORED);
    await until("it is released", async () => (await b.ask({ wait: false })).type === "ended");
    expect(await b.ask()).toEqual({ type: "ended", end: STORED });
    const ttl = Number(await redis.command("PTTL", KEY));
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(1000);
    held(await b.ask({ again: true }));
    elsewhere(await a.ask({ again: true }));
  });

  it("that has failed leaves nothing, and the next one counts who has failed", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    held(await a.ask()).release(FAILED);
    await gone();
    const second = held(await b.ask({ failed: 1 }));
    expect(second.leaders).toBe(2);
    const { ended } = elsewhere(await a.ask());
    second.release({ ...FAILED, leaders: second.leaders });
    expect(await ended).toEqual({ ...FAILED, leaders: 2 });
  });

  it("is not waited for where nobody wants to", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const lease = held(await a.ask());
    expect(await elsewhere(await b.ask({ wait: false })).ended).toEqual({ type: "lapsed" });
    expect(await redis.command("HEXISTS", KEY, "waiter:b")).toBe(0);
    expect(b.leases.size).toBe(0);
    lease.release({ type: "lapsed" });
  });

  it("has an end of its own where no key lives without", async () => {
    const a = await instance("a");
    const lease = held(await a.ask());
    const ttl = Number(await redis.command("PTTL", KEY));
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(LONG_MS);
    lease.release({ type: "unkept" });
    await gone();
  });
});

describe("a body that can be read while it arrives", () => {
  const ARRIVES: Arrives = { type: "arrives", at: "where it is", sinceHeadMs: 12 };

  it("is told to those who wait, once, and to who asks later", async () => {
    const [a, b, c] = [await instance("a"), await instance("b"), await instance("c")];
    const lease = held(await a.ask());
    const { arriving, arrives, ended } = elsewhere(await b.ask());
    expect(arriving).toBe(false);
    lease.arriving(ARRIVES);
    expect(await arrives).toEqual(ARRIVES);
    expect(elsewhere(await c.ask()).arriving).toBe("where it is");
    expect(elsewhere(await c.ask({ wait: false })).arriving).toBe("where it is");
    lease.release(STORED);
    expect(await ended).toEqual(STORED);
  });

  it("is told again and again where that fails, and known for as long as the lease is renewed", async () => {
    const [a, b] = [await instance("a", { ttlMs: 2000 }), await instance("b", { ttlMs: 2000 })];
    const lease = held(await a.ask());
    const { arrives } = elsewhere(await b.ask());
    lease.arriving();
    await redis.command("CLIENT", "PAUSE", "150", "WRITE");
    lease.arriving(ARRIVES);
    expect(await arrives).toEqual(ARRIVES);
    await redis.command("CONFIG", "RESETSTAT");
    await until("it has been renewed a few times", async () => (await calls("pexpire")) > 4);
    expect(elsewhere(await b.ask()).arriving).toBe("where it is");
    expect(await calls("publish")).toBe(0);
  });

  it("is not led beside, however overdue, unless it is its leader's alone who has failed", async () => {
    const impatient = { patienceMs: 1000 };
    const [a, b] = [await instance("a", impatient), await instance("b", impatient)];
    const first = held(await a.ask());
    await until("it is overdue", async () => (await b.ask({ wait: false })).type === "held");
    first.arriving(ARRIVES);
    await until("that is known", async () => elsewhere(await b.ask({ wait: false })).arriving !== false);
    const startedAt = performance.now();
    while (performance.now() - startedAt < 2500) elsewhere(await b.ask({ wait: false }));
    first.release(FAILED);
    await until("nobody reads it", async () => (await redis.command("HEXISTS", KEY, "arriving")) === 0);
    await until("it is overdue again", async () => (await b.ask({ wait: false })).type === "held");
  });

  it("keeps its place when a second leader has only a head", async () => {
    const how = { patienceMs: 500, ttlMs: 2000 };
    const [a, b] = [await instance("a", how), await instance("b", how)];
    const first = held(await a.ask());
    let second: LeaseAnswer | undefined;
    await until("it is overdue", async () => {
      second = await b.ask({ wait: false });
      return second.type === "held";
    });
    first.arriving(ARRIVES);
    if (second !== undefined) held(second).arriving();
    await redis.command("CONFIG", "RESETSTAT");
    await until("both have been renewed", async () => (await calls("hsetnx")) > 2);
    expect(elsewhere(await b.ask()).arriving).toBe("where it is");
  });

  it("is nobody's to tell who does not hold the lease any more", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const lease = held(await a.ask());
    lease.release({ type: "unkept" });
    await gone();
    held(await b.ask());
    lease.arriving(ARRIVES);
    await redis.command("PING");
    expect(elsewhere(await a.ask()).arriving).toBe(false);
  });
});

describe("leaders that are overdue", () => {
  const IMPATIENT = { patienceMs: 150 };

  it("are joined by one of another instance at a time, three in all", async () => {
    const [a, b] = [await instance("a", IMPATIENT), await instance("b", IMPATIENT)];
    const lease = held(await a.ask());
    const leaders = [1];
    while (leaders.length < 3) {
      const answer = await b.ask();
      if (answer.type === "held") leaders.push(answer.lease.leaders);
      else expect(await elsewhere(answer).ended).toEqual({ type: "lapsed" });
    }
    expect(leaders).toEqual([1, 2, 3]);
    // From here on those who wait do so for as long as the lease lives.
    const { ended } = elsewhere(await b.ask());
    lease.release(STORED);
    expect(await ended).toEqual(STORED);
  });

  it("are not joined by who has something to fall back on", async () => {
    const [a, b] = [await instance("a", IMPATIENT), await instance("b", IMPATIENT)];
    const lease = held(await a.ask());
    await until("it is overdue", async () => (await b.ask({ wait: false })).type === "held");
    const { ended } = elsewhere(await b.ask({ beside: false }));
    lease.release(STORED);
    expect(await ended).toEqual(STORED);
  });

  it("fail when the last of them does, and the first answer is everybody's", async () => {
    const [a, b, c] = [await instance("a", IMPATIENT), await instance("b", IMPATIENT), await instance("c")];
    const first = held(await a.ask());
    let second: LeaseAnswer = await b.ask();
    while (second.type === "elsewhere") {
      await second.ended;
      second = await b.ask();
    }
    const { ended } = elsewhere(await c.ask());
    first.release(FAILED);
    await until("it is released", async () => leadersIn(await redis.command("HKEYS", KEY)) === 1);
    held(second).release(STORED);
    expect(await ended).toEqual(STORED);
  });
});

const leadersIn = (fields: unknown): number =>
  (fields as string[]).filter((field) => field.startsWith("leader:")).length;

describe("a Redis that is not as it should be", () => {
  it("makes everybody lead at once where it is away, and those who wait hear of it", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const lease = held(await a.ask());
    const { ended } = elsewhere(await b.ask());
    await redis.stop();
    expect(await ended).toEqual({ type: "lapsed" });
    const startedAt = performance.now();
    expect(await b.ask()).toEqual({ type: "unknown" });
    lease.release(STORED);
    // Nothing was waited for that does not answer.
    expect(performance.now() - startedAt).toBeLessThan(PATIENT_MS / 2);
    await redis.restart();
    await until("leases are had again", async () => (await b.ask()).type === "held");
  });

  it("that hangs costs no more than the command deadline, and then nobody is asked", async () => {
    const [a, b] = [await instance("a"), await instance("b", { commandTimeoutMs: 500 })];
    const lease = held(await a.ask());
    const { ended } = elsewhere(await b.ask());
    process.kill(redis.pid, "SIGSTOP");
    onTestFinished(() => void process.kill(redis.pid, "SIGCONT"));
    const startedAt = performance.now();
    expect(await b.ask({}, "http://shop.test/other")).toEqual({ type: "unknown" });
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(b.events.of("store-failed")).toMatchObject([{ operation: "lease", code: "timeout" }]);
    expect(await ended).toEqual({ type: "lapsed" });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    lease.release(STORED);
  });

  it("that runs a command whose answer nobody awaits any more leaves no lease behind", async () => {
    const a = await instance("a", { commandTimeoutMs: 500 });
    // From here on Redis knows the scripts.
    held(await a.ask()).release({ type: "unkept" });
    await gone();
    process.kill(redis.pid, "SIGSTOP");
    expect(await a.ask()).toEqual({ type: "unknown" });
    process.kill(redis.pid, "SIGCONT");
    await until("it answers", async () => (await redis.command("PING")) === "PONG");
    await gone();
  });

  it("that is known to be away when leases end is told of them when it is back: nobody waits for them", async () => {
    const [a, b] = [await instance("a", { commandTimeoutMs: 200 }), await instance("b")];
    const lease = held(await a.ask());
    const isAway = () => a.events.of("store-state").at(-1)?.up === false;
    process.kill(redis.pid, "SIGSTOP");
    onTestFinished(() => void process.kill(redis.pid, "SIGCONT"));
    for (let i = 0; i < 3; i++)
      expect(await a.ask({}, "http://shop.test/other")).toEqual({ type: "unknown" });
    expect(isAway()).toBe(true);
    await lease.release(STORED);
    process.kill(redis.pid, "SIGCONT");
    await until("leases are had again", async () => (await b.ask()).type === "held");
    expect(held(await b.ask({}, "http://shop.test/other")).leaders).toBe(1);
  });

  it("that stands still for longer than a lease lives leaves none that it gives when it goes on", async () => {
    const TTL_MS = 5000;
    const a = await instance("a", { commandTimeoutMs: 200, ttlMs: TTL_MS });
    // From here on Redis knows the scripts.
    held(await a.ask()).release({ type: "unkept" });
    await gone();
    process.kill(redis.pid, "SIGSTOP");
    onTestFinished(() => void process.kill(redis.pid, "SIGCONT"));
    const stoppedAt = performance.now();
    const pages = Array.from({ length: 20 }, (_, i) => `${PAGE}/${i}`);
    const answers = await Promise.all(pages.map((page) => a.ask({}, page)));
    expect(answers).toEqual(pages.map(() => ({ type: "unknown" })));
    await until("a lease would have ended", () => performance.now() - stoppedAt > TTL_MS + 500);
    process.kill(redis.pid, "SIGCONT");
    const wentOnAt = performance.now();
    // It lives from when it is given, which is now.
    const names = pages.map((page) => `freshline:lease:{${page}}`);
    await until("no lease is left", async () => {
      return (await calls("evalsha")) >= 22 && (await redis.command("EXISTS", ...names)) === 0;
    });
    expect(performance.now() - wentOnAt).toBeLessThan(TTL_MS);
  });

  it.each([
    ["is a replica", ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]],
    [
      "is short of replicas",
      ["CONFIG", "SET", "min-replicas-to-write", "1"],
      ["CONFIG", "SET", "min-replicas-to-write", "0"],
    ],
  ])("that %s for a moment when a lease ends is told of it later", async (_, [name = "", ...args], mend) => {
    const [a, b] = [await instance("a"), await instance("b")];
    const lease = held(await a.ask());
    await redis.command(name, ...args);
    await lease.release(STORED);
    await redis.command(mend[0] ?? "", ...mend.slice(1));
    await gone();
    expect(held(await b.ask()).leaders).toBe(1);
  });

  it("that answers over a connection which is lost on the way leaves no lease behind", async () => {
    const link = await openFaultyLink(redis.port);
    const a = await instance("a", { url: `redis://127.0.0.1:${link.port}` });
    // From here on Redis knows the scripts.
    held(await a.ask()).release({ type: "unkept" });
    await gone();
    await link.breakBy({ cutsAfterBytes: 1 });
    expect(await a.ask()).toEqual({ type: "unknown" });
    await link.mend();
    await gone();
  });

  it("that forgets its scripts is told them again", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    await redis.command("SCRIPT", "FLUSH");
    const lease = held(await a.ask());
    const { ended } = elsewhere(await b.ask());
    await redis.command("SCRIPT", "FLUSH");
    lease.release(STORED);
    expect(await ended).toEqual(STORED);
  });

  it.each([
    ["a string", ["SET", KEY, "x"]],
    ["a list", ["RPUSH", KEY, "x"]],
    ["a hash of somebody else's", ["HSET", KEY, "name", "x"]],
    ["a lease that never ends", ["HSET", KEY, "leaders", "1", "since", "0"]],
  ])("with %s under the key", async (_, [name, ...args]) => {
    const [a, b] = [await instance("a"), await instance("b")];
    await redis.command(name!, ...args);
    const lease = held(await a.ask());
    elsewhere(await b.ask());
    await redis.command("DEL", KEY);
    await redis.command(name!, ...args);
    lease.release(STORED);
    await until("it is released", async () => a.leases.size === 0);
    expect(Number(await redis.command("PTTL", KEY))).toBe(-1);
  });

  it("that is full makes everybody lead, and is told of", async () => {
    const a = await instance("a");
    await redis.command("CONFIG", "SET", "maxmemory", "1");
    expect(await a.ask()).toEqual({ type: "unknown" });
    expect(a.events.of("store-failed")).toMatchObject([{ operation: "lease", code: "refused" }]);
  });

  it("that lost the lease is not asked to keep what is another's", async () => {
    const [a, b] = [await instance("a", { ttlMs: 300 }), await instance("b")];
    const lost = held(await a.ask());
    await redis.command("FLUSHALL");
    const lease = held(await b.ask());
    await until("it has tried to renew", async () => (await calls("hexists")) > 0);
    lost.release(STORED);
    elsewhere(await a.ask());
    lease.release(STORED);
  });

  it("that lets nobody listen to the channel is not asked for leases", async () => {
    await redis.command("ACL", "SETUSER", "deaf", "on", ">pw", "~*", "+@all");
    await redis.command("ACL", "SETUSER", "deaf", "&__redis__:invalidate", "&freshline:heard:*");
    const a = await instance("a", { url: redis.url.replace("redis://", "redis://deaf:pw@") });
    expect(await a.ask()).toEqual({ type: "unknown" });
    expect(a.events.of("store-failed")).toEqual([]);
  });
});

it("an instance that closes leaves nobody waiting, here or elsewhere", async () => {
  const [a, b] = [await instance("a"), await instance("b")];
  held(await a.ask());
  const waiting = [elsewhere(await a.ask()), elsewhere(await b.ask())];
  await a.leases.close();
  for (const { ended } of waiting) expect(await ended).toEqual({ type: "lapsed" });
  expect(await redis.command("EXISTS", KEY)).toBe(0);
  expect(await a.ask()).toEqual({ type: "unknown" });
});

it("messages of others on the channel harm nobody", async () => {
  const [a, b] = [await instance("a"), await instance("b")];
  const lease = held(await a.ask());
  const { ended } = elsewhere(await b.ask());
  const odd = ["", "{", "null", "[]", "[1,2]", `["${KEY}"]`, `["${KEY}",{"type":"odd"}]`];
  for (const type of ["stored", "failed", "arrives"]) odd.push(JSON.stringify([KEY, { type }]));
  odd.push(JSON.stringify([KEY, { ...FAILED, code: "toString" }]), JSON.stringify(["x", STORED]));
  for (const message of odd) await redis.command("PUBLISH", "freshline:lease-ended:b", message);
  lease.release(STORED);
  expect(await ended).toEqual(STORED);
});

it("a connection that carries nothing any more keeps nobody waiting", async () => {
  const link = await openFaultyLink(redis.port);
  const [a, b] = [await instance("a"), await instance("b", { url: `redis://127.0.0.1:${link.port}` })];
  held(await a.ask());
  const { ended } = elsewhere(await b.ask());
  link.swallow();
  expect(await ended).toEqual({ type: "lapsed" });
});

/** The first answer from a node that is reached. */
async function known(ask: () => Promise<LeaseAnswer>): Promise<LeaseAnswer> {
  let answer = await ask();
  await until("its node is reached", async () => {
    if (answer.type === "unknown") answer = await ask();
    return answer.type !== "unknown";
  });
  return answer;
}

it("in a Cluster, whichever node has the lease, those who wait are told", async () => {
  const cluster = await keep(startCluster(3));
  const [a, b] = [await instance("a", { url: cluster.url }), await instance("b", { url: cluster.url })];
  const keys = Array.from({ length: 9 }, (_, i) => `http://shop.test/${i}`);
  const thirds = keys.map((key) => Math.floor(slotOf(`freshline:lease:{${key}}`) / (SLOTS / 3)));
  expect(new Set(thirds).size).toBe(3);
  await Promise.all(
    keys.map(async (key) => {
      const lease = held(await known(() => a.ask({}, key)));
      const { ended } = elsewhere(await known(() => b.ask({}, key)));
      lease.release(STORED);
      expect(await ended).toEqual(STORED);
    }),
  );
});

it("no more than 10,000 leases and waits are had at once, whatever the keys", async () => {
  const [a, b] = [await instance("a"), await instance("b")];
  const answers: LeaseAnswer[] = [];
  for (let i = 0; i < 10_100; i += 100) {
    const some = Array.from({ length: 100 }, (_, n) => a.ask({}, `http://shop.test/${i + n}`));
    answers.push(...(await Promise.all(some)));
  }
  expect(answers.filter(({ type }) => type === "held")).toHaveLength(10_000);
  expect(answers.slice(10_000)).toEqual(Array(100).fill({ type: "unknown" }));
  expect(a.leases.size).toBe(10_000);
  expect((await b.ask({}, "http://shop.test/10050")).type).toBe("held");
  await a.leases.close();
  expect(a.leases.size).toBe(0);
  expect(await a.ask()).toEqual({ type: "unknown" });
});

it("a lease costs one command, its end another, and an idle instance none", async () => {
  const a = await instance("a");
  held(await a.ask()).release({ type: "unkept" });
  await gone();
  await redis.command("CONFIG", "RESETSTAT");
  held(await a.ask()).release({ type: "unkept" });
  await gone();
  expect(await calls("evalsha")).toBe(2);
  expect(await calls("eval")).toBe(0);
  expect(await calls("publish")).toBe(0);
});
