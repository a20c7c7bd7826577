import { Redis } from "ioredis";
import { expect, it, onTestFinished, vi } from "vitest";
import { HashReads } from "../../src/store/hash-reads.ts";
import { openFaultyLink } from "../faulty-link.ts";
import { redisOfFile } from "../redis-of-file.ts";
import { until } from "../until.ts";

const redis = await redisOfFile();
const FIELDS = ["meta", "body"];

async function open({ port = redis.port, timeoutMs = 5000 } = {}) {
  await redis.command("FLUSHALL");
  const client = new Redis({
    port,
    host: "127.0.0.1",
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  });
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  await until("Redis is connected", () => client.status === "ready");
  return { client, reads: new HashReads(client, timeoutMs) };
}

const fill = (i: number) => redis.command("HSET", `hash:${i}`, "meta", `meta ${i}`, "body", `body ${i}`);
const text = (values: readonly (Buffer | null)[]) => values.map((value) => value?.toString() ?? null);

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
  expect(answers.map((each) => (Array.isArray(each) ? text(each) : each))).toEqual([
    ...["a", ["meta 1", "body 1"], "b", ["body 1"], "c", "d", [null, "meta 1"]],
  ]);
});

it("names and values are of any bytes and lengths", async () => {
  const { reads } = await open();
  const value = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i & 255));
  await redis.command("HSET", "ключ", "meta", "\r\n$-1\r\n", "body", value);
  const [meta, body] = await reads.read("ключ", FIELDS);
  expect(meta?.toString()).toBe("\r\n$-1\r\n");
  expect(body?.equals(value)).toBe(true);
});

it("what Redis refuses is rejected with its own words, and the others have theirs", async () => {
  const { reads } = await open();
  await fill(1);
  await redis.command("SET", "text", "x");
  const read = [reads.read("hash:1", FIELDS), reads.read("text", FIELDS), reads.read("hash:1", FIELDS)];
  const [before, refused, behind] = await Promise.allSettled(read);
  expect(refused).toMatchObject({ reason: { name: "ReplyError", message: /^WRONGTYPE/ } });
  for (const each of [before, behind]) expect(each?.status).toBe("fulfilled");
});

it("what takes too long is given up, and its answer is not taken for another's", async () => {
  const link = await openFaultyLink(redis.port);
  const { reads } = await open({ port: link.port, timeoutMs: 50 });
  for (const i of [1, 2]) await fill(i);
  await link.breakBy({ hangs: true });
  await expect(reads.read("hash:1", FIELDS)).rejects.toMatchObject({ name: "StoreError", code: "timeout" });
  await link.mend();
  expect(text(await reads.read("hash:2", FIELDS))).toEqual(["meta 2", "body 2"]);
});

it("a connection that closes has all reads rejected, those that were not sent yet too", async () => {
  const link = await openFaultyLink(redis.port);
  const { client, reads } = await open({ port: link.port });
  await link.breakBy({ hangs: true });
  const sent = [reads.read("hash:1", FIELDS), reads.read("hash:2", FIELDS)];
  await new Promise((resolve) => setImmediate(resolve));
  await link.breakBy({ refuses: true });
  expect((await Promise.allSettled(sent)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await until("the client has noticed", () => client.status !== "ready");
  await expect(reads.read("hash:3", FIELDS)).rejects.toThrow(/writeable/);
});
