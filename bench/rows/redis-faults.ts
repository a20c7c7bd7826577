import { setTimeout as pause } from "node:timers/promises";
import { type NetworkFault, openLink } from "../../test/network.ts";
import { startRedis } from "../../test/redis-server.ts";
import { ask } from "../ask.ts";
import { type Server, Servers } from "../contenders/contender.ts";
import { FRESHLINE, freshline } from "../contenders/freshline.ts";
import { pinPid } from "../cores.ts";
import { untilRight } from "../cpu-per-request.ts";
import { bytesOf, requestFor } from "../request.ts";
import { type Bar, type Finding, finding, limitBar, percentile, type Row } from "../row.ts";

interface Fault {
  readonly name: string;
  readonly fault: NetworkFault;
  /** Redis is not asked any more while it lasts. */
  readonly opens: boolean;
}

const FAULTS: readonly Fault[] = [
  { name: "50 ms late", fault: { delayMs: 50 }, opens: false },
  { name: "500 ms late", fault: { delayMs: 500 }, opens: true },
  { name: "3000 ms late", fault: { delayMs: 3000 }, opens: true },
  { name: "refused", fault: { refuses: true }, opens: true },
  { name: "black hole", fault: { hangs: true }, opens: true },
  { name: "reset", fault: { resets: true }, opens: true },
  { name: "trickle", fault: { trickleBytes: 2 }, opens: false },
];

const URLS = 24;
const BODY_BYTES = 1024;
const CLIENTS = 8;
const PAUSE_MS = 4;
const LASTS_MS = 4000;
/** By then three commands have failed, and the breaker is open. */
const OPEN_AFTER_MS = 1000;
const PATIENCE_MS = 10_000;
/** So many hits in a row, and it has recovered. */
const HITS = 40;

interface Answered {
  readonly askedAt: number;
  readonly at: number;
  readonly hit: boolean;
}

export const redisFaultsRow: Row = {
  name: "redis-faults",
  question: "How long do answers take while Redis has a fault, and when are there hits again?",
  async run(stage) {
    await using redis = await startRedis();
    pinPid(stage.cores.load, redis.pid);
    await using link = await openLink(redis.port);
    await using servers = new Servers(stage);
    const server = await servers.startOne(
      freshline(FRESHLINE, { CACHE_MEMORY_BYTES: "0", REDIS_URL: `redis://127.0.0.1:${link.port}` }),
    );
    await untilRight(server, { request: requestFor("/body/1024/0"), status: 200, bodyBytes: BODY_BYTES });
    const findings: Finding[] = [];
    const bars: Bar[] = [];
    for (const { name, fault, opens } of FAULTS) {
      const asking = new Asking(server);
      try {
        await asking.untilHits(performance.now());
        const brokenAt = performance.now();
        await link.breakBy(fault);
        await pause(LASTS_MS);
        const mendedAt = performance.now();
        await link.mend();
        const recoveredMs = await asking.untilHits(mendedAt);
        const during = asking.between(brokenAt, mendedAt);
        const open = asking.between(brokenAt + OPEN_AFTER_MS, mendedAt);
        const [all, opened] = [percentile(during, 0.99), percentile(open, 0.99)];
        const beside = opens ? `${opened.toFixed(1)} ms with the breaker open; ` : "";
        findings.push({
          ...finding(name, during, `${beside}hits again after ${recoveredMs.toFixed(0)} ms`),
          value: all,
        });
        bars.push(limitBar(`${name}, p99`, all, 300, "ms"));
        if (opens) bars.push(limitBar(`${name}, p99 with the breaker open`, opened, 50, "ms"));
        bars.push(limitBar(`${name}, hits again`, recoveredMs, 3000, "ms"));
      } finally {
        await asking.stop();
      }
    }
    return {
      unit: "ms, the 99th of a hundred answers",
      findings,
      bars,
      setUps: servers.setUps,
      notes: [
        `each fault lasts ${LASTS_MS / 1000} s, once; ${CLIENTS} clients ask for ${URLS} URLs of ${BODY_BYTES} bytes all the time; ` +
          `the breaker counts as open after ${OPEN_AFTER_MS / 1000} s; the memory tier is off; a wrong answer fails the row`,
      ],
    };
  },
};

/** Steady, light traffic; any answer but the right one fails it. */
class Asking {
  readonly #answers: Answered[] = [];
  readonly #clients: Promise<void>;
  #running = true;
  #failed: unknown;
  #turn = 0;

  constructor({ port }: Server) {
    this.#clients = Promise.all(Array.from({ length: CLIENTS }, () => this.#client(port))).then(() => {});
  }

  /** Resolves to how many milliseconds after `since` the first of many hits in a row was asked for. */
  async untilHits(since: number): Promise<number> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      if (this.#failed !== undefined) throw this.#failed;
      const last = this.#answers.filter(({ askedAt }) => askedAt > since).slice(-HITS);
      if (last.length === HITS && last.every(({ hit }) => hit)) return (last[0]?.at ?? since) - since;
      if (performance.now() > deadline) throw new Error(`no hits within ${PATIENCE_MS} ms`);
      await pause(PAUSE_MS);
    }
  }

  /** Milliseconds of each answer that was asked for in this time. */
  between(from: number, to: number): number[] {
    return this.#answers
      .filter(({ askedAt }) => askedAt >= from && askedAt < to)
      .map(({ askedAt, at }) => at - askedAt);
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#clients;
  }

  async #client(port: number): Promise<void> {
    while (this.#running && this.#failed === undefined) {
      const askedAt = performance.now();
      const request = bytesOf(requestFor(`/body/${BODY_BYTES}/${this.#turn++ % URLS}`));
      try {
        const { status, head, body } = await ask(port, request);
        if (status !== 200 || body.length !== BODY_BYTES)
          throw new Error(`an answer is ${status} with ${body.length} bytes`);
        const hit = /\r\nx-cache-status: hit\r\n/i.test(head.toString("latin1"));
        this.#answers.push({ askedAt, at: performance.now(), hit });
      } catch (error) {
        this.#failed = error;
      }
      await pause(PAUSE_MS);
    }
  }
}
