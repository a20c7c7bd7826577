import { Servers } from "../contenders/contender.ts";
import { FRESHLINE, freshline } from "../contenders/freshline.ts";
import { nginxPass } from "../contenders/nginx.ts";
import { REPLY_FROM, replyFrom } from "../contenders/reply-from.ts";
import { CPU_UNIT, cpuPerRequest, targets } from "../cpu-per-request.ts";
import { requestFor } from "../request.ts";
import { type Row, ratioBar } from "../row.ts";

export const passThroughRow: Row = {
  name: "pass-1k",
  question: "What does a request cost that goes to the origin, 1 KiB that may not be stored?",
  async run(stage) {
    await using servers = new Servers(stage);
    await servers.start(freshline(), replyFrom(), nginxPass());
    const request = requestFor("/no-store/1024/a");
    const asked = { request, status: 200, bodyBytes: 1024, cached: false };
    const findings = await cpuPerRequest(stage, targets(servers.all, asked));
    return {
      unit: CPU_UNIT,
      findings,
      bars: ratioBar(findings, FRESHLINE, 0.6, REPLY_FROM),
      setUps: servers.setUps,
      notes: servers.missing,
    };
  },
};
