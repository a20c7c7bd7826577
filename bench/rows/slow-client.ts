import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { connected } from "../ask.ts";
import { Servers } from "../contenders/contender.ts";
import { FRESHLINE, freshline } from "../contenders/freshline.ts";
import { untilRight } from "../cpu-per-request.ts";
import { bytesOf, requestFor } from "../request.ts";
import { finding, limitBar, type Row } from "../row.ts";
import { residentBytes } from "../server-usage.ts";

const MIB = 1024 * 1024;
const BYTES = 1024 * MIB;
/** The pace at which the client takes it. */
const BYTES_A_TURN = 2 * MIB;
const TURN_MS = 20;
const PATIENCE_MS = 30_000;

export const slowClientRow: Row = {
  name: "slow-client",
  question: "By how much grows Freshline while a client slowly takes 1 GiB, of no length known before?",
  async run(stage) {
    await using servers = new Servers(stage);
    const server = await servers.startOne(freshline());
    await untilRight(server, { request: requestFor("/body/1024/a"), status: 200, bodyBytes: 1024 });
    const before = residentBytes(server.pid);
    const socket = await connected(server.port);
    if (socket === undefined) throw new Error("Freshline does not listen");
    socket.write(bytesOf(requestFor(`/endless/${BYTES}/a`)));
    const grown: number[] = [];
    const sample = setInterval(() => grown.push((residentBytes(server.pid) - before) / MIB), 250);
    const startedAt = performance.now();
    const taken = await takeSlowly(socket).finally(() => clearInterval(sample));
    const seconds = (performance.now() - startedAt) / 1000;
    if (taken < BYTES) throw new Error(`the client got ${taken} bytes`);
    const found = finding(FRESHLINE, grown, `${(BYTES / MIB / seconds).toFixed(0)} MiB/s`);
    return {
      unit: "MiB grown",
      findings: [found],
      bars: [limitBar(`${FRESHLINE}, the most`, found.most, 64, "MiB")],
      setUps: servers.setUps,
      notes: [],
    };
  },
};

/** Resolves to how many bytes came, the framing among them, when there are enough or none more come. */
async function takeSlowly(socket: Socket): Promise<number> {
  let taken = 0;
  let budget = BYTES_A_TURN;
  let over = false;
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  socket.on("error", () => undefined);
  socket.on("close", () => {
    over = true;
  });
  socket.on("data", (chunk: Buffer) => {
    taken += chunk.length;
    budget -= chunk.length;
    if (budget <= 0) socket.pause();
  });
  while (!over && taken < BYTES) {
    await pause(TURN_MS);
    budget = BYTES_A_TURN;
    socket.resume();
  }
  socket.destroy();
  return taken;
}
