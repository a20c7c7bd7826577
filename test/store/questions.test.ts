import { expect, it, onTestFinished } from "vitest";
import { instancesKey } from "../../src/store/instances.ts";
import { RedisPurgeLog } from "../../src/store/purge-log.ts";
import { RedisQuestions } from "../../src/store/questions.ts";
import { until } from "../until.ts";
import { connect, redisOfFile } from "./own-redis.ts";

const { redis } = await redisOfFile();

let namespaces = 0;
const newNamespace = () => `questions${++namespaces}`;

interface InstanceOptions {
  readonly url?: string;
  readonly patienceMs?: number;
}

/** An instance that follows the purge log, and hears questions. */
async function instance(
  namespace: string,
  name: string,
  { url = redis.url, patienceMs = 20_000 }: InstanceOptions = {},
) {
  const { connection, log: events } = connect(url, { commandTimeoutMs: 5000 });
  const questions = new RedisQuestions({ connection, namespace, instance: name, patienceMs });
  const log = new RedisPurgeLog({
    ...{ connection, emit: events.emit, namespace, instance: name },
    listeners: [questions.listener],
  });
  onTestFinished(() => log.close());
  log.follow(() => {});
  await until("the log is attached", () => log.attached());
  const isKnown = async () => (await redis.command("HEXISTS", instancesKey(namespace), name)) === 1;
  await until("it is known", isKnown);
  return { questions, log };
}

it("others answer, each with its own name, and nobody is asked what it asks itself", async () => {
  const namespace = newNamespace();
  const [a, b, c] = await Promise.all(["a", "b", "c"].map((name) => instance(namespace, name)));
  for (const each of [a, b, c])
    each?.questions.answerWith(async (question) => `${each.questions.name} on ${question}`);
  for (const question of ["ü/1", "2"]) {
    const answers = await a?.questions.ask(question);
    expect([...(answers ?? [])].sort()).toEqual([
      ["b", `b on ${question}`],
      ["c", `c on ${question}`],
    ]);
  }
});

it("answers to several questions at once do not get mixed up", async () => {
  const namespace = newNamespace();
  const [a, b] = await Promise.all([instance(namespace, "a"), instance(namespace, "b")]);
  for (const { questions } of [a, b]) questions.answerWith(async (question) => `yes ${question}`);
  const asked = Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? a : b).questions.ask(`${i}`));
  const answers = (await Promise.all(asked)).map((one) => [...one.values()]);
  expect(answers).toEqual(asked.map((_, i) => [`yes ${i}`]));
});

it("who does not answer in time, fails to, or has crashed a moment ago is named; who is long gone, or ahead of the clock, is not", async () => {
  const namespace = newNamespace();
  const a = await instance(namespace, "a", { patienceMs: 300 });
  const b = await instance(namespace, "b");
  const c = await instance(namespace, "c");
  await instance(namespace, "mute");
  b.questions.answerWith(async () => "yes");
  c.questions.answerWith(() => Promise.reject(new Error("something is wrong here")));
  const now = Date.now();
  const key = instancesKey(namespace);
  const gone = ["bones", `1 ${now - 60_000}`, "ahead", `1 ${now + 60_000}`, "odd", "x"];
  await redis.command("HSET", key, "crashed", `1 ${now}`, ...gone);
  const named = ["b", "c", "crashed", "mute"];
  await until("who can answer has answered in time", async () => {
    const answers = await a.questions.ask("well?");
    expect([...answers.keys()].sort()).toEqual(named);
    for (const name of named.slice(1)) expect(answers.get(name)).toBeUndefined();
    return answers.get("b") === "yes";
  });
});

it("a hundred are asked at most, and named", async () => {
  const namespace = newNamespace();
  const a = await instance(namespace, "a", { patienceMs: 1 });
  const others = Array.from({ length: 150 }, (_, i) => [`i-${i}`, `1 ${Date.now()}`]).flat();
  await redis.command("HSET", instancesKey(namespace), ...others);
  expect((await a.questions.ask("?")).size).toBe(100);
});

it("messages of others in another form are nothing to it", async () => {
  const namespace = newNamespace();
  const [a, b] = await Promise.all([instance(namespace, "a"), instance(namespace, "b")]);
  b.questions.answerWith(async () => "yes");
  for (const message of ["", "{}", "[1]", '["ask"]', '["ask",1,"b","x"]', '["tell","1","b","x"]'])
    for (const { questions } of [a, b]) await redis.command("PUBLISH", questions.listener.channel, message);
  await redis.command("PUBLISH", a.questions.listener.channel, '["answer","no question of mine","b","x"]');
  expect([...(await a.questions.ask("?"))]).toEqual([["b", "yes"]]);
});

it("who cannot hear waits for nobody, and names them all the same", async () => {
  const namespace = newNamespace();
  await redis.command("ACL", "SETUSER", "deaf", "on", ">pw", "~*", "+@all", "&__redis__:invalidate");
  const url = redis.url.replace("redis://", "redis://deaf:pw@");
  const deaf = await instance(namespace, "deaf", { url });
  const b = await instance(namespace, "b");
  b.questions.answerWith(async () => "yes");
  const startedAt = performance.now();
  expect([...(await deaf.questions.ask("?"))]).toEqual([["b", undefined]]);
  expect(performance.now() - startedAt).toBeLessThan(15_000);
});

it("without Redis there is nobody, and no error", async () => {
  const { connection } = connect("redis://127.0.0.1:1");
  const questions = new RedisQuestions({ connection, namespace: newNamespace(), instance: "a" });
  expect([...(await questions.ask("?"))]).toEqual([]);
});
