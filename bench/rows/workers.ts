import { Servers } from "../contenders/contender.ts";
import { freshline } from "../contenders/freshline.ts";
import { CONNECTIONS, untilRight } from "../cpu-per-request.ts";
import { load } from "../loader.ts";
import { requestFor } from "../request.ts";
import { type Finding, finding, type Row } from "../row.ts";
import { cpuSecondsOfEach } from "../server-usage.ts";

/**
 * Two workers on two cores leave none for the load, so that what they would reach is accounted for: the
 * busiest process is what limits them, and so many requests there are for each second of its CPU.
 */
export const workersRow: Row = {
  name: "workers",
  question: "How much more do two workers than one, by the CPU of the busiest process?",
  async run(stage) {
    await using servers = new Servers(stage);
    const one = await servers.startOne(freshline("1 worker", { WORKERS: "1" }));
    const two = await servers.startOne(freshline("2 workers", { WORKERS: "2" }));
    const asked = { request: requestFor("/body/1024/a"), status: 200, bodyBytes: 1024 };
    const perSecond = new Map([one, two].map((server) => [server, [] as number[]]));
    for (let round = 0; round <= stage.extent.rounds; round += 1) {
      for (const [server, rates] of perSecond) {
        // Each worker has to have it.
        for (let i = 0; i < 20; i += 1) await untilRight(server, asked);
        const before = cpuSecondsOfEach(server.pid);
        const until = { seconds: stage.extent.seconds };
        const { requests } = await load(stage, server.port, { ...asked, connections: CONNECTIONS, until });
        const used = [...cpuSecondsOfEach(server.pid)].map(
          ([pid, seconds]) => seconds - (before.get(pid) ?? 0),
        );
        if (round > 0) rates.push(requests / Math.max(...used) / 1000);
      }
    }
    const findings: Finding[] = [...perSecond].map(([{ name }, rates]) => finding(name, rates));
    const [first, second] = findings;
    const times = (second?.value ?? Number.NaN) / (first?.value ?? Number.NaN);
    return {
      unit: "thousand requests a second of the busiest process's CPU",
      findings,
      bars: [{ text: `2 workers ≥ 1.7 × 1 worker: ${times.toFixed(2)}`, met: times >= 1.7 }],
      setUps: servers.setUps,
      notes: servers.missing,
    };
  },
};
