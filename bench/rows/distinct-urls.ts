import { Servers } from "../contenders/contender.ts";
import { FRESHLINE, freshline } from "../contenders/freshline.ts";
import { untilRight } from "../cpu-per-request.ts";
import { load } from "../loader.ts";
import { requestFor } from "../request.ts";
import { finding, limitBar, type Row } from "../row.ts";
import { residentBytes } from "../server-usage.ts";

const MIB = 1024 * 1024;
const TIER_MIB = 64;
const ROOM_MIB = 150;
const PARTS = 10;

export const distinctUrlsRow: Row = {
  name: "distinct",
  question: "How much memory takes Freshline while as many different URLs go through 64 MiB of memory tier?",
  async run(stage) {
    await using servers = new Servers(stage);
    const server = await servers.startOne(freshline(FRESHLINE, { CACHE_MEMORY_BYTES: `${TIER_MIB}MiB` }));
    const first = { request: requestFor("/body/1024/a"), status: 200, bodyBytes: 1024 };
    await untilRight(server, first);
    const resident: number[] = [];
    for (let part = 0; part < PARTS; part += 1) {
      await load(stage, server.port, {
        request: requestFor(`/body/1024/${part}-{n}`),
        status: 200,
        connections: 64,
        until: { requests: Math.ceil(stage.extent.entries / PARTS) },
      });
      resident.push(residentBytes(server.pid) / MIB);
    }
    const most = Math.max(...resident);
    return {
      unit: "MiB resident",
      findings: [finding(FRESHLINE, resident)],
      bars: [limitBar(`${FRESHLINE}, the most`, most, TIER_MIB + ROOM_MIB, "MiB")],
      setUps: servers.setUps,
      notes: [
        `${stage.extent.entries} URLs of 1 KiB; after each tenth: ${resident.map((each) => each.toFixed(0)).join(", ")} MiB`,
      ],
    };
  },
};
