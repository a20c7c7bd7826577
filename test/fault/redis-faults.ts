import { setTimeout as sleep } from "node:timers/promises";
import type { NetworkFault } from "../faulty-link.ts";
import type { ServerStage, Stage } from "./stage.ts";

/** One thing that can go wrong between Freshline and its Redis, or in it. */
export interface RedisFault<S = Stage> {
  readonly name: string;
  readonly break: (stage: S) => Promise<unknown> | unknown;
  /** Nothing where a fault ends by itself, or has happened once and for all. */
  readonly mend?: (stage: S) => Promise<unknown> | unknown;
  /** What is to be seen while it lasts: Redis counts as away, or hits go on as before. */
  readonly meanwhile?: "away" | "hits";
  /** So many answers show that, where each takes long. */
  readonly answers?: number;
}

const network = (name: string, fault: NetworkFault, meanwhile?: RedisFault["meanwhile"]): RedisFault => ({
  name,
  break: ({ link }) => link.breakBy(fault),
  mend: ({ link }) => link.mend(),
  ...(meanwhile === undefined ? {} : { meanwhile }),
});

const HEAP = Buffer.from("$536870912\r\n");
let noise = 1;
/** Bytes that are the same in every run. */
const garbage = (answer: Buffer): Buffer => {
  const bytes = Buffer.alloc(answer.length);
  for (let i = 0; i < bytes.length; i++) {
    noise = (Math.imul(noise, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = noise >>> 24;
  }
  return bytes;
};

/** Whole frames, each of which is right in itself. */
export const FRAMES = [
  "*0",
  "*-1",
  "_",
  "*1\r\n$-1",
  "*1\r\n*-1",
  "*3\r\n$7\r\nmessage\r\n$-1\r\n$-1",
  "*3\r\n$9\r\nsubscribe\r\n$-1\r\n:1",
  ">1\r\n_",
  ">2\r\n+subscribe\r\n_",
  ">1\r\n+message",
  "%1\r\n+a\r\n+b",
  ",inf",
  "#t",
  "(99999999999999999999",
  "!5\r\nERR x",
  "=5\r\ntxt:a",
  "~1\r\n:1",
  "*2\r\n$4\r\nFL2e\r\n$4\r\nbody",
];
export const nonsense = (): Buffer => Buffer.from(`${FRAMES[noise++ % FRAMES.length]}\r\n`);

export const NETWORK_FAULTS: readonly RedisFault[] = [
  network("refuses connections", { refuses: true }, "away"),
  network("resets every connection that says something", { resets: true }, "away"),
  network("comes and goes every 150 ms", { flapsMs: 150 }, "away"),
  network("is a black hole", { hangs: true }, "away"),
  network("answers 50 ms late", { delayMs: 50 }, "hits"),
  { ...network("answers 350 ms late, just within the deadline", { delayMs: 350 }), answers: 40 },
  network("answers 500 ms late, when nobody waits any more", { delayMs: 500 }, "away"),
  network("answers 3,000 ms late", { delayMs: 3000 }, "away"),
  network("answers two bytes a millisecond", { trickleBytes: 2 }),
  network("is cut off in the middle of an answer", { cutsAfterBytes: 5000 }),
  network("answers with random bytes", { garbles: garbage }, "away"),
  network("announces half a gigabyte that never comes", { garbles: () => HEAP }, "away"),
  network("answers everything with nothing", { garbles: () => Buffer.from("$-1\r\n") }),
  network("answers everything with an error", { garbles: () => Buffer.from("-ERR no\r\n") }),
];

/** Once, and every later answer on that connection is that to another question. */
const once =
  (garble: (answer: Buffer) => Buffer): RedisFault["break"] =>
  ({ link }) => {
    let done = false;
    return link.breakBy({
      garbles: (answer) => {
        if (done || !answer.toString("latin1").startsWith("*")) return answer;
        done = true;
        return garble(answer);
      },
    });
  };

export const ANSWERS_OUT_OF_STEP: readonly RedisFault[] = [
  { name: "keeps an answer back", break: once(() => Buffer.alloc(0)) },
  { name: "gives an answer twice", break: once((answer) => Buffer.concat([answer, answer])) },
];

const command =
  (...[name, ...args]: [string, ...(string | number)[]]) =>
  ({ redis }: ServerStage) =>
    redis.command(name, ...args);

const BECOME_REPLICA = command("REPLICAOF", "127.0.0.1", 1);
const BECOME_MASTER = command("REPLICAOF", "NO", "ONE");

/** What a node of a Cluster does not do. */
export const REPLICA_FAULTS: readonly RedisFault[] = [
  {
    name: "has become a replica, which takes no writes",
    break: BECOME_REPLICA,
    mend: BECOME_MASTER,
    meanwhile: "hits",
  },
  {
    name: "is a replica that has lost its master and says so",
    break: async (stage) => {
      await command("CONFIG", "SET", "replica-serve-stale-data", "no")(stage);
      await BECOME_REPLICA(stage);
    },
    mend: BECOME_MASTER,
    meanwhile: "away",
  },
];

export const SERVER_FAULTS: readonly RedisFault<ServerStage>[] = [
  {
    name: "is full",
    break: command("CONFIG", "SET", "maxmemory", 1),
    mend: command("CONFIG", "SET", "maxmemory", 0),
    meanwhile: "hits",
  },
  {
    name: "has fewer replicas than it wants",
    break: command("CONFIG", "SET", "min-replicas-to-write", 1),
    mend: command("CONFIG", "SET", "min-replicas-to-write", 0),
    meanwhile: "hits",
  },
  {
    name: "stands still (SIGSTOP)",
    break: ({ redis }) => process.kill(redis.pid, "SIGSTOP"),
    mend: ({ redis }) => process.kill(redis.pid, "SIGCONT"),
    meanwhile: "away",
  },
  {
    name: "is paused (CLIENT PAUSE)",
    break: command("CLIENT", "PAUSE", 1500, "ALL"),
    mend: command("PING"),
    meanwhile: "away",
  },
  {
    name: "throws its clients out (CLIENT KILL)",
    break: command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
  },
  { name: "throws its subscribers out", break: command("CLIENT", "KILL", "TYPE", "pubsub") },
  {
    name: "crashes",
    break: ({ redis }) => redis.stop(),
    mend: ({ redis }) => redis.restart(),
    meanwhile: "away",
  },
  { name: "is started anew", break: ({ redis }) => redis.restart() },
  {
    name: "is started anew fifty times in a row",
    break: async ({ redis }) => {
      for (let i = 0; i < 50; i++) await redis.restart();
    },
  },
  { name: "loses all keys (FLUSHALL)", break: command("FLUSHALL") },
  {
    // In the middle of fetches, whose leases end meanwhile.
    name: "forgets all and hangs, in turn",
    break: async ({ redis }) => {
      for (let i = 0; i < 6; i++) {
        await redis.command("FLUSHALL");
        await sleep(10);
        process.kill(redis.pid, "SIGSTOP");
        await sleep(600);
        process.kill(redis.pid, "SIGCONT");
        await sleep(200);
      }
    },
  },
  { name: "loses all scripts (SCRIPT FLUSH)", break: command("SCRIPT", "FLUSH"), meanwhile: "hits" },
];

/** Does something to every entry; `other` is the one before, the last one for the first. */
const toEntries =
  (lua: string) =>
  async ({ redis }: Stage): Promise<void> => {
    const done = Number(await redis.command("EVAL", `${ENTRIES}\n${lua}\nend\nreturn #entries`, 0));
    if (done < 10) throw new Error(`only ${done} entries were there`);
  };
const ENTRIES = `
local entries = {}
for _, key in ipairs(redis.call('KEYS', 'freshline:{http*')) do
  if redis.call('HEXISTS', key, 'body') == 1 then entries[#entries + 1] = key end
end
table.sort(entries)
local function flip(key, field, i)
  local value = redis.call('HGET', key, field)
  local at = (i * 131) % #value + 1
  local byte = bit.bxor(string.byte(value, at), 2 ^ (i % 8))
  redis.call('HSET', key, field, string.sub(value, 1, at - 1) .. string.char(byte) .. string.sub(value, at + 1))
end
local function random(length)
  local bytes = {}
  for at = 1, length do bytes[at] = string.char(math.random(0, 255)) end
  return table.concat(bytes)
end
local function swap(a, b, field)
  local of_a, of_b = redis.call('HGET', a, field), redis.call('HGET', b, field)
  redis.call('HSET', a, field, of_b)
  redis.call('HSET', b, field, of_a)
end
for i, key in ipairs(entries) do
  local other = entries[(i - 2) % #entries + 1]
`;

const LISTS_FOR_THE_LOG = `
for _, key in ipairs(redis.call('KEYS', 'freshline:*{purges}*')) do
  redis.call('DEL', key)
  redis.call('LPUSH', key, 'something else')
end
`;

export const VALUE_FAULTS: readonly RedisFault[] = [
  ["strings where entries were", "redis.call('SET', key, 'something else', 'KEEPTTL')"],
  [
    "bodies that are cut off",
    "redis.call('HSET', key, 'body', string.sub(redis.call('HGET', key, 'body'), 1, -8))",
  ],
  ["empty bodies", "redis.call('HSET', key, 'body', '')"],
  ["no bodies", "redis.call('HDEL', key, 'body')"],
  [
    "records that are cut off",
    "redis.call('HSET', key, 'meta', string.sub(redis.call('HGET', key, 'meta'), 1, -8))",
  ],
  ["empty records", "redis.call('HSET', key, 'meta', '')"],
  ["no records", "redis.call('HDEL', key, 'meta')"],
  ["random bytes for bodies", "redis.call('HSET', key, 'body', random(#redis.call('HGET', key, 'body')))"],
  ["random bytes for records", "redis.call('HSET', key, 'meta', random(#redis.call('HGET', key, 'meta')))"],
  ["a flipped bit in each body", "flip(key, 'body', i)"],
  ["a flipped bit in each record", "flip(key, 'meta', i)"],
  ["bodies of one another", "swap(key, other, 'body')"],
  ["records of one another", "swap(key, other, 'meta')"],
  ["entries of one another", "swap(key, other, 'meta') swap(key, other, 'body')"],
].map(([name, lua]) => ({ name: `holds ${name}`, break: toEntries(lua as string) }));

export const OWN_KEYS_OF_ANOTHER_TYPE: RedisFault = {
  name: "holds lists where the purge log was",
  break: command("EVAL", LISTS_FOR_THE_LOG, 0),
};
