import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { connected } from "../ask.ts";
import { type Server, Servers } from "../contenders/contender.ts";
import { FRESHLINE, freshline } from "../contenders/freshline.ts";
import { untilRight } from "../cpu-per-request.ts";
import { drained } from "../drained.ts";
import { bytesOf, requestFor, SITE } from "../request.ts";
import { finding, limitBar, type Row } from "../row.ts";
import { residentBytes } from "../server-usage.ts";

const MIB = 1024 * 1024;
const BYTES = 1024 * MIB;
const SAMPLE_MS = 100;
/** The pace at which a slow client takes it. */
const BYTES_A_TURN = 2 * MIB;
const TURN_MS = 20;
const PATIENCE_MS = 30_000;
const CHUNK = Buffer.alloc(64 * 1024, "x");

/** One gigabyte through a process that has just been started; how it goes resolves when all of it is there. */
type Passage = (socket: Socket) => Promise<void>;

export const longBodyRows: readonly Row[] = [
  longBody("slow-client", "a client slowly takes 1 GiB, of no length known before", (socket) =>
    take(socket, BYTES_A_TURN),
  ),
  longBody("fast-client", "a client takes 1 GiB as fast as it comes", (socket) =>
    take(socket, Number.POSITIVE_INFINITY),
  ),
  longBody("upload", "a client sends 1 GiB", send),
];

function longBody(name: string, what: string, passage: Passage): Row {
  return {
    name,
    question: `By how much grows Freshline while ${what}?`,
    async run(stage) {
      const most: number[] = [];
      const rates: number[] = [];
      let setUps: string[] = [];
      for (let round = 0; round < stage.extent.rounds; round += 1) {
        await using servers = new Servers(stage);
        const server = await servers.startOne(freshline());
        await untilRight(server, { request: requestFor("/body/1024/a"), status: 200, bodyBytes: 1024 });
        const { grown, seconds } = await growth(server, passage);
        most.push(grown);
        rates.push(BYTES / MIB / seconds);
        setUps = servers.setUps;
      }
      const found = finding(FRESHLINE, most, `${finding("", rates).value.toFixed(0)} MiB/s`);
      return {
        unit: "MiB grown at most",
        findings: [found],
        bars: [limitBar(`${FRESHLINE}, the most`, found.most, 64, "MiB")],
        setUps,
        notes: ["each round is a process of its own, which has answered one request before"],
      };
    },
  };
}

async function growth(server: Server, passage: Passage): Promise<{ grown: number; seconds: number }> {
  const before = residentBytes(server.pid);
  const socket = await connected(server.port);
  if (socket === undefined) throw new Error("Freshline does not listen");
  let most = 0;
  const sample = setInterval(() => {
    most = Math.max(most, residentBytes(server.pid));
  }, SAMPLE_MS);
  const startedAt = performance.now();
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  socket.on("error", () => undefined);
  try {
    await passage(socket);
  } finally {
    clearInterval(sample);
    socket.destroy();
  }
  return { grown: (most - before) / MIB, seconds: (performance.now() - startedAt) / 1000 };
}

async function take(socket: Socket, bytesATurn: number): Promise<void> {
  let taken = 0;
  let budget = bytesATurn;
  let over = false;
  const ended = new Promise<void>((resolve) => {
    socket.on("close", () => {
      over = true;
      resolve();
    });
    socket.on("data", (chunk: Buffer) => {
      taken += chunk.length;
      budget -= chunk.length;
      if (taken >= BYTES) resolve();
      else if (budget <= 0) socket.pause();
    });
  });
  socket.write(bytesOf(requestFor(`/endless/${BYTES}/a`)));
  while (Number.isFinite(bytesATurn) && !over && taken < BYTES) {
    await pause(TURN_MS);
    budget = bytesATurn;
    socket.resume();
  }
  await ended;
  if (taken < BYTES) throw new Error(`the client got ${taken} bytes`);
}

async function send(socket: Socket): Promise<void> {
  const answered = new Promise<string>((resolve) => {
    socket.once("data", (head: Buffer) => resolve(head.toString("latin1")));
    socket.once("close", () => resolve("nothing"));
  });
  socket.write(`POST /sink HTTP/1.1\r\nHost: ${SITE}\r\nContent-Length: ${BYTES}\r\n\r\n`);
  for (let sent = 0; sent < BYTES && !socket.destroyed; sent += CHUNK.length) {
    if (!socket.write(CHUNK)) await drained(socket);
  }
  const answer = await answered;
  if (!answer.startsWith("HTTP/1.1 200 ")) throw new Error(`the upload is answered ${answer.slice(0, 60)}`);
}
