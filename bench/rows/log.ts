import { Servers } from "../contenders/contender.ts";
import { FRESHLINE, freshline } from "../contenders/freshline.ts";
import { CPU_UNIT, cpuPerRequest, targets } from "../cpu-per-request.ts";
import { requestFor } from "../request.ts";
import { type Row, ratioBar } from "../row.ts";

const LOGGING = `${FRESHLINE}, a log line each`;

export const logRow: Row = {
  name: "log",
  question: "What does the log of each request add to a hit, written to a file?",
  async run(stage) {
    await using servers = new Servers(stage);
    await servers.start(freshline(), freshline(LOGGING, { LOG_LEVEL: "info", LOG_FORMAT: "json" }));
    const request = requestFor("/body/1024/a");
    const asked = { request, status: 200, bodyBytes: 1024, cached: true };
    const findings = await cpuPerRequest(stage, targets(servers.all, asked));
    return {
      unit: CPU_UNIT,
      findings,
      bars: ratioBar(findings, LOGGING, 1.1, FRESHLINE),
      setUps: servers.setUps,
      notes: servers.missing,
    };
  },
};
