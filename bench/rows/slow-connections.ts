import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { ask, connected } from "../ask.ts";
import { Servers } from "../contenders/contender.ts";
import { FRESHLINE, freshline } from "../contenders/freshline.ts";
import { untilRight } from "../cpu-per-request.ts";
import { bytesOf, requestFor, SITE } from "../request.ts";
import { finding, limitBar, percentile, type Row } from "../row.ts";

const CONNECTIONS = 200;
const DRIP_MS = 100;
const ASK_MS = 20;
/** Nobody waits longer for the last of them. */
const PATIENCE_MS = 30_000;

export const slowConnectionsRow: Row = {
  name: "slow-connections",
  question: `How long does another client wait while ${CONNECTIONS} connections send a byte of a head now and then?`,
  async run(stage) {
    await using servers = new Servers(stage);
    const server = await servers.startOne(freshline());
    const other = { request: requestFor("/body/1024/a"), status: 200, bodyBytes: 1024 };
    // What is done for the first time takes longer.
    for (let i = 0; i < 50; i += 1) await untilRight(server, other);
    const startedAt = performance.now();
    const slow = await Promise.all(Array.from({ length: CONNECTIONS }, (_, i) => begin(server.port, i)));
    const drip = setInterval(() => {
      for (const socket of slow) if (!socket.destroyed) socket.write("x");
    }, DRIP_MS);
    const waited: number[] = [];
    try {
      while (slow.some((socket) => !socket.destroyed)) {
        if (performance.now() - startedAt > PATIENCE_MS) break;
        const askedAt = performance.now();
        const { status } = await ask(server.port, bytesOf(other.request));
        if (status !== 200) throw new Error(`the other client got ${status}`);
        waited.push(performance.now() - askedAt);
        await pause(ASK_MS);
      }
    } finally {
      clearInterval(drip);
      for (const socket of slow) socket.destroy();
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const p99 = percentile(waited, 0.99).toFixed(1);
    const beside = `the 99th of a hundred ${p99} ms; the last slow one is cut after ${seconds.toFixed(1)} s`;
    const found = finding(FRESHLINE, waited, beside);
    return {
      unit: "ms of another client's answer",
      findings: [found],
      bars: [
        limitBar(`${FRESHLINE}, the worst`, found.most, 50, "ms"),
        limitBar("the last slow one is cut", seconds, 12, "s"),
      ],
      setUps: servers.setUps,
      notes: ["the other client's answer is a hit, on a connection of its own each time"],
    };
  },
};

async function begin(port: number, i: number): Promise<Socket> {
  const socket = await connected(port);
  if (socket === undefined) throw new Error(`Freshline takes no connection after ${i}`);
  socket.on("error", () => undefined);
  socket.resume();
  socket.write(`GET /${i} HTTP/1.1\r\nHost: ${SITE}\r\nX: `);
  return socket;
}
