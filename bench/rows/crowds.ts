import { Servers } from "../contenders/contender.ts";
import { FRESHLINE, freshline } from "../contenders/freshline.ts";
import { untilRight } from "../cpu-per-request.ts";
import { load } from "../loader.ts";
import { requestFor } from "../request.ts";
import { type Finding, finding, limitBar, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";

/** Many who ask for one key at once. */
interface Crowd {
  readonly name: string;
  readonly clients: number;
  /** Of the origin; a round's number follows. */
  readonly path: string;
  readonly status: number;
}

const FAILING_MS = [0, 200, 400];
const FAILING_CLIENTS = 300;
const FAILING_BAR_MS = 1500;
const UNCACHEABLE_MS = 200;
const UNCACHEABLE_CLIENTS = 50;
const UNCACHEABLE_BAR_MS = 1000;

/** Behind a failing leader clients share an error of ours, so that not all answers are the origin's. */
export const failingKeyRow: Row = crowdRow({
  name: "failing-key",
  question: `When are ${FAILING_CLIENTS} clients answered who ask at once for a key whose origin always fails, at once or later?`,
  mostMs: FAILING_BAR_MS,
  crowds: FAILING_MS.map((ms) => ({
    name: ms === 0 ? "fails at once" : `fails after ${ms} ms`,
    clients: FAILING_CLIENTS,
    path: `/failing/${ms}`,
    status: 500,
  })),
});

export const uncacheableRow: Row = crowdRow({
  name: "uncacheable",
  question: `When are ${UNCACHEABLE_CLIENTS} clients served who ask at once for what must not be stored, and takes ${UNCACHEABLE_MS} ms?`,
  mostMs: UNCACHEABLE_BAR_MS,
  crowds: [
    {
      name: FRESHLINE,
      clients: UNCACHEABLE_CLIENTS,
      path: `/delayed-no-store/${UNCACHEABLE_MS}/1024`,
      status: 200,
    },
  ],
});

function crowdRow({
  name,
  question,
  mostMs,
  crowds,
}: Pick<Row, "name" | "question"> & { readonly mostMs: number; readonly crowds: readonly Crowd[] }): Row {
  return {
    name,
    question,
    async run(stage) {
      await using servers = new Servers(stage);
      const server = await servers.startOne(freshline());
      const first = { request: requestFor("/body/1024/a"), status: 200, bodyBytes: 1024 };
      await untilRight(server, first);
      const findings: Finding[] = [];
      for (const crowd of crowds) findings.push(await answered(stage, server.port, crowd));
      return {
        unit: "ms until all are answered",
        findings,
        bars: findings.map(({ who, most }) => limitBar(`${who}, the longest`, most, mostMs, "ms")),
        setUps: servers.setUps,
        notes: ["each round has a key of its own, which nothing is known of"],
      };
    },
  };
}

async function answered(stage: Stage, port: number, crowd: Crowd): Promise<Finding> {
  const ms: number[] = [];
  const asked: number[] = [];
  for (let round = 0; round <= stage.extent.rounds; round += 1) {
    await stage.originRequests();
    const { requests, bad, seconds } = await load(stage, port, {
      request: requestFor(`${crowd.path}/${round}`),
      status: crowd.status,
      connections: crowd.clients,
      until: { requests: crowd.clients },
    });
    const originRequests = await stage.originRequests();
    const whole = crowd.status === 200 ? requests : requests + bad;
    if (whole !== crowd.clients) throw new Error(`${crowd.name}: ${whole} of ${crowd.clients} are answered`);
    if (round === 0) continue;
    ms.push(seconds * 1000);
    asked.push(originRequests);
  }
  return finding(crowd.name, ms, `${Math.max(...asked)} of the origin's requests`);
}
