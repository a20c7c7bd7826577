import { type Server, Servers } from "../contenders/contender.ts";
import { FRESHLINE } from "../contenders/freshline.ts";
import { untilRight } from "../cpu-per-request.ts";
import { load } from "../loader.ts";
import { requestFor } from "../request.ts";
import { type Finding, finding, limitBar, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import { caches } from "./hit.ts";

const CLIENTS = 1000;
const DELAY_MS = 100;

export const stampedeRow: Row = {
  name: "stampede",
  question: `When are ${CLIENTS} clients served who ask at once for what is not stored, and takes ${DELAY_MS} ms?`,
  async run(stage) {
    await using servers = new Servers(stage);
    await servers.start(...caches());
    const first = { request: requestFor("/body/1024/a"), status: 200, bodyBytes: 1024 };
    for (const server of servers.all) await untilRight(server, first);
    const findings = await stampedes(stage, servers.all);
    const own = findings.find(({ who }) => who === FRESHLINE);
    return {
      unit: "ms until all are served",
      findings,
      bars: own === undefined ? [] : [limitBar(FRESHLINE, own.value, 160, "ms")],
      setUps: servers.setUps,
      notes: servers.missing,
    };
  },
};

async function stampedes(stage: Stage, servers: readonly Server[]): Promise<Finding[]> {
  const seen = new Map(servers.map((server) => [server, { ms: [] as number[], asked: [] as number[] }]));
  for (let round = 0; round <= stage.extent.rounds; round += 1) {
    for (const [{ name, port }, { ms, asked }] of seen) {
      await stage.originRequests();
      const { requests, seconds } = await load(stage, port, {
        request: requestFor(`/delayed/${DELAY_MS}/1024/${name.replaceAll(/\W/g, "-")}-${round}`),
        status: 200,
        connections: CLIENTS,
        until: { requests: CLIENTS },
      });
      const originRequests = await stage.originRequests();
      if (requests !== CLIENTS) throw new Error(`${name} serves ${requests} of ${CLIENTS}`);
      if (round === 0) continue;
      ms.push(seconds * 1000);
      asked.push(originRequests);
    }
  }
  return [...seen].map(([{ name }, { ms, asked }]) =>
    finding(name, ms, `${Math.max(...asked)} of the origin's requests`),
  );
}
