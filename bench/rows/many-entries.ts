import { Servers } from "../contenders/contender.ts";
import { freshline } from "../contenders/freshline.ts";
import { CPU_UNIT, cpuPerRequest, type Target } from "../cpu-per-request.ts";
import { requestFor } from "../request.ts";
import { type Row, ratioBar } from "../row.ts";

const FEW = 1000;
const BODY_BYTES = 100;
const REQUEST = requestFor(`/body/${BODY_BYTES}/{n}`);

export const manyEntriesRow: Row = {
  name: "entries",
  question:
    "What does a hit cost among many entries, picked at random of all or of a thousand, against among a thousand?",
  async run(stage) {
    const many = stage.extent.entries;
    const [fewName, manyName] = [`among ${FEW} entries`, `among ${many} entries`];
    await using servers = new Servers(stage);
    // Room for all of them: 3 KiB each are more than one takes.
    const room = `${Math.ceil((many * 3) / 1024) + 64}MiB`;
    const few = await servers.startOne(freshline(fewName, { CACHE_MEMORY_BYTES: room }));
    const full = await servers.startOne(freshline(manyName, { CACHE_MEMORY_BYTES: room }));
    const asked = { request: REQUEST, status: 200, bodyBytes: BODY_BYTES, cached: true };
    const hotName = `among ${FEW} of ${many} entries`;
    const all: Target[] = [
      { name: fewName, server: few, asked: { ...asked, spread: FEW } },
      { name: manyName, server: full, asked: { ...asked, spread: many } },
      { name: hotName, server: full, asked: { ...asked, spread: FEW } },
    ];
    const findings = await cpuPerRequest(stage, all);
    return {
      unit: CPU_UNIT,
      findings,
      bars: [manyName, hotName].flatMap((name) => ratioBar(findings, name, 1.3, fewName)),
      setUps: servers.setUps,
      notes: servers.missing,
    };
  },
};
