import { Servers } from "../contenders/contender.ts";
import { FRESHLINE } from "../contenders/freshline.ts";
import { CPU_UNIT, cpuPerRequest, targets, untilRight } from "../cpu-per-request.ts";
import { requestFor } from "../request.ts";
import { type Row, ratioBar } from "../row.ts";
import { caches } from "./hit.ts";

const PATH = "/body/1024/a";
const WHOLE = { request: requestFor(PATH), status: 200, bodyBytes: 1024, cached: true, byOurs: true };
const MATCHING = {
  ...WHOLE,
  request: requestFor(PATH, ["If-None-Match", '"5f8a-62d1c0b7e4a10"']),
  status: 304,
  bodyBytes: 0,
};

export const notModifiedRow: Row = {
  name: "304",
  question: "What does a 304 cost, to an If-None-Match that matches?",
  async run(stage) {
    await using servers = new Servers(stage);
    await servers.start(...caches());
    // What is to match must be stored.
    for (const server of servers.all) await untilRight(server, WHOLE);
    const the200 = targets(servers.all.slice(0, 1), WHOLE).map((target) => ({
      ...target,
      name: `${target.name}, the 200`,
    }));
    const findings = await cpuPerRequest(stage, [...targets(servers.all, MATCHING), ...the200]);
    return {
      unit: CPU_UNIT,
      findings,
      bars: ratioBar(findings, FRESHLINE, 1, `${FRESHLINE}, the 200`),
      setUps: servers.setUps,
      notes: servers.missing,
    };
  },
};
