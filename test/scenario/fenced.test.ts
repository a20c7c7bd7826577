import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { ask } from "./site.ts";
import { type Fleet, type Member, startFleet, tagOf, versionedOrigin, versionOf } from "./troubled-fleet.ts";

const NUMBER = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const SEED = NUMBER("FENCE_SEED", Date.now() % 1_000_000);
const STEPS = NUMBER("FENCE_STEPS", 3000);

const INSTANCES = 3;
const ITEMS = 8;
/** Requests under way at once: more than those that wait for an instance that is paused. */
const AT_ONCE = 36;
const HOST = "shop.test";

/** The same numbers in [0, 1) for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One thing to do, as the seed alone decides it: what has happened meanwhile changes none that follow. */
interface Step {
  readonly what: "get" | "put" | "purge" | "trouble";
  readonly place: number;
  readonly item: number;
  /** Which target a purge has. */
  readonly target: number;
  readonly mode: "delete" | "invalidate";
  /** The origin changes before the purge. */
  readonly changed: boolean;
  /** Which trouble, in [0, 1), and for how long it lasts. */
  readonly odd: number;
  readonly forMs: number;
}

const ODDS = { get: 0.7, put: 0.78, purge: 0.985, trouble: 1 };
const WHATS = ["get", "put", "purge", "trouble"] as const;

function* planOf(seed: number): Generator<Step, never> {
  const random = randomFrom(seed);
  const under = (n: number): number => Math.floor(random() * n);
  for (;;) {
    const what = random();
    yield {
      what: WHATS.find((name) => what < ODDS[name]) ?? "get",
      place: under(INSTANCES),
      item: under(ITEMS),
      target: under(6),
      mode: random() < 0.5 ? "delete" : "invalidate",
      changed: random() < 0.7,
      odd: random(),
      forMs: 50 + under(400),
    };
  }
}

interface Told {
  readonly gets: number;
  readonly hits: number;
  readonly purges: number;
  /** Purges that another instance than the one asked had acknowledged. */
  readonly acknowledged: number;
  readonly trouble: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

/** Has it tried what it is for? */
const triedEnough = (told: Omit<Told, "trouble" | "violations">, steps: number): boolean =>
  Math.min(told.hits, told.purges, told.acknowledged) > steps / 100;

/**
 * Does at random what a fleet meets, and checks every answer against what its instance has acknowledged:
 * so many steps, and more where a slow machine has spent them on instances that were down.
 */
async function run(fleet: Fleet, steps: number): Promise<Told> {
  const { origin, members, redis } = fleet;
  const told = { gets: 0, hits: 0, purges: 0, acknowledged: 0 };
  const trouble: Record<string, number> = {};
  const violations: string[] = [];
  const story: string[] = [];
  const tell = (line: string) => {
    story.push(line);
    if (story.length > 60) story.shift();
  };

  /** Who is refused tries again after a moment, as clients do. */
  const refused = () => sleep(20);

  async function get(member: Member, item: number): Promise<void> {
    const floor = member.floors.get(item) ?? 0;
    const url = `http://127.0.0.1:${member.program.port}/item/${item}`;
    const answer = await ask(url, { headers: { Host: HOST } });
    if (answer.status !== 200) return refused();
    const version = versionOf(answer.text);
    told.gets++;
    if (answer.cache === "HIT/HIT") told.hits++;
    tell(`${member.place} GET ${item}: ${version} ${answer.cache}`);
    if (version < floor)
      violations.push(
        `${member.place} answered ${item} with ${version} (${answer.cache}), and had acknowledged ${floor}:\n  ${story.join("\n  ")}`,
      );
  }

  /** Through a proxy: what it answers holds for it at once, and for the others when they hear of it. */
  async function put(member: Member, item: number): Promise<void> {
    const url = `http://127.0.0.1:${member.program.port}/item/${item}`;
    const answer = await ask(url, { method: "PUT", headers: { Host: HOST }, body: "x" });
    if (answer.status !== 200) return refused();
    tell(`${member.place} PUT ${item}: ${versionOf(answer.text)}`);
    raise(member, item, versionOf(answer.text));
  }

  async function purge(member: Member, { item, target: kind, mode, changed }: Step): Promise<void> {
    if (changed) tell(`origin ${item}: ${origin.change(item)}`);
    const all = [...origin.versions.keys()];
    const [target, items] = [
      [{ url: `http://${HOST}/item/${item}` }, [item]],
      [{ url: `/item/${item}` }, [item]],
      [{ tag: tagOf(item), host: HOST }, all.filter((other) => tagOf(other) === tagOf(item))],
      [{ tag: tagOf(item) }, all.filter((other) => tagOf(other) === tagOf(item))],
      [{ prefix: "/item/" }, all],
      [{ everything: true }, all],
    ][kind] as [object, number[]];
    const current = items.map((one) => [one, origin.versions[one] ?? 0] as const);
    const url = `http://127.0.0.1:${member.program.adminPort}/purge`;
    const answer = await ask(url, { method: "POST", body: JSON.stringify({ targets: [target], mode }) });
    if (answer.status !== 200) return refused();
    const epoch = Number(answer.json()["epoch"]);
    const heard = await acknowledgedBy(epoch);
    told.purges++;
    const acknowledged = members.filter((other) => other !== undefined && (other === member || heard(other)));
    if (acknowledged.length > 1) told.acknowledged++;
    tell(`${member.place} ${mode} ${JSON.stringify(target)}: ${acknowledged.map((other) => other?.place)}`);
    for (const other of acknowledged)
      for (const [one, version] of current) if (other !== undefined) raise(other, one, version);
  }

  /** Which processes have published that they have heard the log up to there? */
  async function acknowledgedBy(epoch: number): Promise<(member: Member) => boolean> {
    const published = await redis
      .command("HGETALL", "freshline:instances:{purges}")
      .then((reply) => (reply as unknown[]).map(String))
      .catch(() => []);
    return ({ program }) =>
      published.some(
        (name, i) =>
          i % 2 === 0 &&
          name.includes(`-${program.child.pid}-`) &&
          Number(published[i + 1]?.split(" ")[0]) >= epoch,
      );
  }

  const raise = ({ floors }: Member, item: number, version: number) =>
    floors.set(item, Math.max(floors.get(item) ?? 0, version));

  /** One kind of trouble in one place at a time. */
  const troubled = new Set<string>();
  async function make(name: string, place: string, work: () => Promise<void>): Promise<void> {
    if (troubled.has(place)) return;
    troubled.add(place);
    trouble[name] = (trouble[name] ?? 0) + 1;
    tell(`${name} of ${place}`);
    await work().finally(() => {
      tell(`${name} of ${place} is over`);
      troubled.delete(place);
    });
  }
  const troubles: readonly ((member: Member, forMs: number) => Promise<void>)[] = [
    ({ place }) => make("death", `${place}`, () => fleet.replace(place)),
    ({ place, program }, forMs) =>
      make("pause", `${place}`, async () => {
        program.child.kill("SIGSTOP");
        await sleep(forMs);
        program.child.kill("SIGCONT");
      }),
    ({ place, link }, forMs) =>
      make("cut", `${place}`, async () => {
        await link.breakBy({ resets: true });
        await sleep(forMs);
        await link.mend();
      }),
    ({ place, link }, forMs) =>
      make("silence", `${place}`, async () => {
        link.swallow();
        await sleep(forMs);
      }),
    ({ place, link }, forMs) =>
      make("slowness", `${place}`, async () => {
        // Just within the deadline of a command.
        await link.breakBy({ delayMs: 200 });
        await sleep(forMs);
        await link.mend();
      }),
    () => make("restart", "Redis", () => redis.restart()),
    () => make("flush", "Redis", async () => void (await redis.command("FLUSHALL"))),
  ];
  const LIMITS = [0.1, 0.28, 0.46, 0.58, 0.72, 0.86, 1];

  /** What is meant for one that is dead goes to the next. */
  const memberAt = (place: number): Member | undefined =>
    [0, 1, 2].map((n) => members[(place + n) % INSTANCES]).find((member) => member !== undefined);

  function take(step: Step, member: Member): Promise<void> | undefined {
    switch (step.what) {
      case "get":
        return get(member, step.item);
      case "put":
        return put(member, step.item);
      case "purge":
        return purge(member, step);
      case "trouble":
        return troubles[LIMITS.findIndex((limit) => step.odd < limit)]?.(member, step.forMs);
    }
  }

  const underWay = new Set<Promise<void>>();
  let taken = 0;
  for (const step of planOf(SEED)) {
    const done = taken >= steps && triedEnough(told, steps);
    if (done || taken >= 10 * steps || violations.length > 0) break;
    while (memberAt(step.place) === undefined && underWay.size > 0) await Promise.race(underWay);
    const member = memberAt(step.place);
    if (member === undefined) throw new Error("no instance came back");
    taken++;
    // Connections that break belong to the trouble; a body that is none does not.
    const work = take(step, member)?.catch((error: NodeJS.ErrnoException) => {
      if (error.code === undefined && !/closed|stopped/.test(error.message)) violations.push(String(error));
      return refused();
    });
    if (work === undefined) continue;
    underWay.add(work);
    void work.finally(() => underWay.delete(work));
    while (underWay.size >= AT_ONCE) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  return { ...told, trouble, violations };
}

it(
  `no instance answers with what a purge that it has acknowledged has outlived (FENCE_SEED=${SEED} FENCE_STEPS=${STEPS})`,
  async () => {
    const delays = randomFrom(SEED + 1);
    const origin = await versionedOrigin(ITEMS, () => delays() * 15);
    const settings = {
      PURGE_ACK_TIMEOUT: "300ms",
      CACHE_CHUNK_BYTES: "16KiB",
      // Who waits for one that is dead or paused does nothing for the test.
      LEASE_TTL: "1s",
      COALESCE_PATIENCE: "1s",
    } as const;
    const fleet = await startFleet(INSTANCES, origin, settings);
    const startedAt = performance.now();
    const told = await run(fleet, STEPS);
    const took = Math.round(performance.now() - startedAt);
    const again = `FENCE_SEED=${SEED} FENCE_STEPS=${STEPS} npx vitest run test/scenario/fenced.test.ts`;
    console.info(`${again}\n${JSON.stringify(told)} in ${took} ms`);
    expect(told.violations, `the same decisions again: ${again}`).toEqual([]);
    expect(triedEnough(told, STEPS), JSON.stringify(told)).toBe(true);
  },
  60_000 + STEPS * 50,
);
