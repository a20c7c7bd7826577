import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type FieldValues, HashReads } from "../../src/store/hash-reads.ts";
import { hashReplies } from "../../src/store/hash-replies.ts";
import { readingConnector } from "../../src/store/reading-connector.ts";
import { ReusedMemory } from "../../src/store/reused-memory.ts";
import { openFaultyLink } from "../faulty-link.ts";
import { redisOfFile } from "../redis-of-file.ts";
import { until } from "../until.ts";

const redis = await redisOfFile();
const FIELDS = ["meta", "body"];

async function connect({ port = redis.port, timeoutMs = 5000, ours = true, socketTimeout = 60_000 } = {}) {
  await redis.command("FLUSHALL");
  const memory = new ReusedMemory();
  const client: Redis = new Redis({
    port,
    host: "127.0.0.1",
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    socketTimeout,
    ...(ours
      ? {
          Connector: readingConnector({ host: "127.0.0.1", port }, { disconnectTimeout: 100 }, (socket) =>
            hashReplies(() => client, socket, memory),
          ),
        }
      : {}),
  });
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  await until("Redis is connected", () => client.status === "ready");
  const told: string[] = [];
  const outcomes = {
    succeeded: () => void told.push("succeeded"),
    rejected: (cause: Error) => {
      told.push(cause.message);
      return cause;
    },
  };
  return { client, memory, told, reads: new HashReads(client, timeoutMs, outcomes) };
}

const fill = (i: number) => redis.command("HSET", `hash:${i}`, "meta", `meta ${i}`, "body", `body ${i}`);
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const text = ({ values }: FieldValues) => values.map((value) => value?.toString() ?? null);

describe.each([
  ["by ioredis", false],
  ["past it", true],
])("replies read %s", (_, ours) => {
  const open = (options: Parameters<typeof connect>[0] = {}) => connect({ ours, ...options });

  it("all reads of one turn go with one write, and each gets its own values", async () => {
    const { client, reads } = await open();
    for (let i = 0; i < 100; i += 2) await fill(i);
    const write = vi.spyOn(client.stream, "write");
    const values = await Promise.all(Array.from({ length: 100 }, (_, i) => reads.read(`hash:${i}`, FIELDS)));
    expect(write).toHaveBeenCalledTimes(1);
    expect(values.map(text)).toEqual(
      Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? [`meta ${i}`, `body ${i}`] : [null, null])),
    );
  });

  it("other commands of the same turn, before and behind, get their own answers", async () => {
    const { client, reads } = await open();
    await fill(1);
    const answers = await Promise.all([
      client.echo("a"),
      reads.read("hash:1", FIELDS),
      client.echo("b"),
      reads.read("hash:1", ["body"]),
      client.echo("c"),
      new Promise((resolve) => setImmediate(() => resolve(client.echo("d")))),
      reads.read("hash:1", ["none", "meta"]),
    ]);
    expect(
      answers.map((each) => (typeof each === "object" && each !== null ? text(each as FieldValues) : each)),
    ).toEqual([...["a", ["meta 1", "body 1"], "b", ["body 1"], "c", "d", [null, "meta 1"]]]);
  });

  it("names and values are of any bytes and lengths", async () => {
    const { reads } = await open();
    const value = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i & 255));
    await redis.command("HSET", "ключ", "meta", "\r\n$-1\r\n", "body", value);
    const [meta, body] = (await reads.read("ключ", FIELDS)).values;
    expect(meta?.toString()).toBe("\r\n$-1\r\n");
    expect(body?.equals(value)).toBe(true);
  });

  it("names of any letters go with one write", async () => {
    const { reads } = await open();
    const names = ["plain", "clé", "ключ", "plain too"];
    for (const name of names) await redis.command("HSET", name, "meta", name);
    const read = await Promise.all(names.map((name) => reads.read(name, ["meta"])));
    expect(read.map(text)).toEqual(names.map((name) => [name]));
  });

  it("what Redis refuses is rejected with its own words, and the others have theirs", async () => {
    const { reads, told } = await open();
    await fill(1);
    await redis.command("SET", "text", "x");
    const read = [reads.read("hash:1", FIELDS), reads.read("text", FIELDS), reads.read("hash:1", FIELDS)];
    const [before, refused, behind] = await Promise.allSettled(read);
    expect(refused).toMatchObject({ reason: { name: "ReplyError", message: /^WRONGTYPE/ } });
    for (const each of [before, behind]) expect(each?.status).toBe("fulfilled");
    expect(told).toEqual(["succeeded", expect.stringMatching(/^WRONGTYPE/), "succeeded"]);
  });

  it("what takes too long is given up, and its answer is not taken for another's", async () => {
    const link = await openFaultyLink(redis.port);
    const { reads, told } = await open({ port: link.port, timeoutMs: 50 });
    for (const i of [1, 2]) await fill(i);
    await link.breakBy({ hangs: true });
    await expect(reads.read("hash:1", FIELDS)).rejects.toMatchObject({ name: "StoreError", code: "timeout" });
    await link.mend();
    expect(text(await reads.read("hash:2", FIELDS))).toEqual(["meta 2", "body 2"]);
    // Too late is not there: a breaker would never open for a Redis that is always late.
    expect(told).toEqual(["Redis did not answer in time", "succeeded"]);
  });

  it("a connection that closes has all reads rejected, those that were not sent yet too", async () => {
    const link = await openFaultyLink(redis.port);
    const { client, reads, told } = await open({ port: link.port });
    await link.breakBy({ hangs: true });
    const sent = [reads.read("hash:1", FIELDS), reads.read("hash:2", FIELDS)];
    await nextTurn();
    await link.breakBy({ refuses: true });
    expect((await Promise.allSettled(sent)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await until("the client has noticed", () => client.status !== "ready");
    await expect(reads.read("hash:3", FIELDS)).rejects.toThrow(/writeable/);
    expect(told.length).toBe(3);
    expect(told).not.toContain("succeeded");
  });
});

describe("replies read past ioredis", () => {
  const long = (byte: string) => byte.repeat(50_000);
  const bodyOf = ({ values }: FieldValues) => values[1]?.toString();

  it("long values are in memory that is used again when it was given back, and not before", async () => {
    const { reads, memory } = await connect();
    for (const byte of ["a", "b", "c"]) await redis.command("HSET", byte, "meta", byte, "body", long(byte));
    const [a, b] = await Promise.all(["a", "b"].map((name) => reads.read(name, FIELDS)));
    if (a === undefined || b === undefined) throw new Error("no values");
    expect(memory.bytes).toBe(0);
    a.giveBack?.();
    expect(memory.bytes).toBe(65_536);
    const c = await reads.read("c", FIELDS);
    expect(memory.bytes).toBe(0);
    expect([b, c].map(bodyOf)).toEqual([long("b"), long("c")]);
    expect(c.values[1]?.buffer).toBe(a.values[1]?.buffer);
  });

  it("what others read stays as it was, however long", async () => {
    const { client } = await connect();
    const lengths = [1000, 65_000, 70_000, 200_000, 262_144, 300_000, 1_000_000];
    for (const n of lengths) await redis.command("SET", `${n}`, Buffer.alloc(n, `${n} `));
    const read = async (n: number) => {
      const first = await client.getBuffer(`${n}`);
      for (const other of lengths) await client.getBuffer(`${other}`);
      return first?.equals(Buffer.alloc(n, `${n} `));
    };
    expect(await Promise.all(lengths.map(read))).toEqual(lengths.map(() => true));
    for (const n of lengths) expect(await read(n), `${n} bytes, alone`).toBe(true);
  });

  it("an answer that is as before is the same object, and any other is read", async () => {
    const { client, reads, told } = await connect();
    await fill(1);
    const before = {
      reply: Buffer.from("*2\r\n$6\r\nmeta 1\r\n$6\r\nbody 1\r\n"),
      with: { values: [Buffer.from("as"), Buffer.from("before")] },
    };
    const read = () => reads.read("hash:1", FIELDS, before);
    const [first, echo, second, other] = await Promise.all([
      read(),
      client.echo("x"),
      read(),
      reads.read("hash:1", FIELDS),
    ]);
    expect([first, second].every((each) => each === before.with)).toBe(true);
    expect([echo, text(other)]).toEqual(["x", ["meta 1", "body 1"]]);
    for (const body of ["body 2", "body 10", "b", ""]) {
      await redis.command("HSET", "hash:1", "body", body);
      expect(text(await read())).toEqual(["meta 1", body]);
    }
    await redis.command("DEL", "hash:1");
    expect(text(await read())).toEqual([null, null]);
    await fill(1);
    expect(await read()).toBe(before.with);
    expect(told).toEqual(Array(9).fill("succeeded"));
  });

  it("in pieces an answer that is as before is one, too", async () => {
    const link = await openFaultyLink(redis.port);
    const { reads } = await connect({ port: link.port });
    await fill(1);
    const reply = Buffer.from("*2\r\n$6\r\nmeta 1\r\n$6\r\nbody 1\r\n");
    await link.breakBy({ trickleBytes: 7 });
    const values = await reads.read("hash:1", FIELDS, { reply, with: { values: [] } });
    expect(text(values)).toEqual(["meta 1", "body 1"]);
  });

  it("short ones are in memory of their own", async () => {
    const { reads } = await connect();
    await fill(1);
    expect((await reads.read("hash:1", FIELDS)).giveBack).toBeUndefined();
  });

  it("what comes too late for its read is nobody's, and later reads have their own", async () => {
    const link = await openFaultyLink(redis.port);
    const { reads } = await connect({ port: link.port, timeoutMs: 50 });
    for (const byte of ["a", "b"]) await redis.command("HSET", byte, "meta", byte, "body", long(byte));
    await link.breakBy({ hangs: true });
    await expect(reads.read("a", FIELDS)).rejects.toMatchObject({ code: "timeout" });
    await link.mend();
    expect(bodyOf(await reads.read("b", FIELDS))).toBe(long("b"));
  });

  it("in pieces of a few bytes they are the same, and other answers between them", async () => {
    const link = await openFaultyLink(redis.port);
    const { client, reads } = await connect({ port: link.port });
    for (const i of [1, 2]) await fill(i);
    await link.breakBy({ trickleBytes: 7 });
    const answers = await Promise.all([
      reads.read("hash:1", FIELDS).then(text),
      client.echo("between"),
      reads.read("none", FIELDS).then(text),
      reads.read("hash:2", FIELDS).then(text),
    ]);
    expect(answers).toEqual([["meta 1", "body 1"], "between", [null, null], ["meta 2", "body 2"]]);
  });

  it.each([
    ["garbage", () => Buffer.from("garbage\r\n")],
    ["a list too short", () => Buffer.from("*1\r\n$1\r\na\r\n")],
    ["a value that is longer than it says", () => Buffer.from("*2\r\n$1\r\nab\r\n$1\r\nc\r\n")],
  ])(
    "%s ends the connection, all reads on it are rejected, and the next connection is well",
    async (_, garbles) => {
      const link = await openFaultyLink(redis.port);
      const { client, reads } = await connect({ port: link.port });
      await fill(1);
      await link.breakBy({ garbles });
      const both = [reads.read("hash:1", FIELDS), reads.read("hash:1", FIELDS)];
      const results = await Promise.allSettled(both);
      expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
      await link.mend();
      await until("it is connected anew", () => client.status === "ready" && client.stream.writable);
      expect(text(await reads.read("hash:1", FIELDS))).toEqual(["meta 1", "body 1"]);
    },
  );

  it("an answer to another command ends the connection", async () => {
    const link = await openFaultyLink(redis.port);
    const { client, reads } = await connect({ port: link.port });
    const { stream } = client;
    await link.breakBy({ garbles: (answer) => Buffer.concat([Buffer.from("$5\r\nstray\r\n"), answer]) });
    await expect(reads.read("hash:1", FIELDS)).rejects.toThrow("another command");
    expect(stream.destroyed).toBe(true);
  });

  it("a value that nobody writes so long is as none", async () => {
    const { reads } = await connect();
    await fill(1);
    await redis.command("HSET", "huge", "meta", "m", "body", Buffer.alloc(16 * 1024 * 1024 + 1));
    expect(text(await reads.read("huge", FIELDS))).toEqual(["m", null]);
    expect(text(await reads.read("hash:1", FIELDS))).toEqual(["meta 1", "body 1"]);
  });

  it("a connection that owes an answer and is silent ends, and one that owes none does not", async () => {
    const link = await openFaultyLink(redis.port);
    const { client, reads } = await connect({ port: link.port, socketTimeout: 1000 });
    await fill(1);
    const { stream } = client;
    // ioredis is told within 100 ms of what it has heard until now, by a timer that is no fake: this one ends behind it.
    await new Promise((resolve) => setTimeout(resolve, 150));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    await Promise.all([reads.read("hash:1", FIELDS), reads.read("hash:1", FIELDS)]);
    await reads.read("hash:1", FIELDS);
    await nextTurn();
    vi.advanceTimersByTime(2000);
    expect(stream.destroyed).toBe(false);
    link.swallow();
    const read = reads.read("hash:1", FIELDS);
    await nextTurn();
    vi.advanceTimersByTime(999);
    expect(stream.destroyed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(stream.destroyed).toBe(true);
    await expect(read).rejects.toThrow();
  });
});
