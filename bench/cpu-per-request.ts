import { setTimeout as pause } from "node:timers/promises";
import { ask } from "./ask.ts";
import type { Server } from "./contenders/contender.ts";
import { type Load, load } from "./loader.ts";
import { bytesOf } from "./request.ts";
import { type Finding, finding } from "./row.ts";
import { cpuSeconds } from "./server-usage.ts";
import type { Stage } from "./stage.ts";

export const CPU_UNIT = "µs of CPU a request";
export const CONNECTIONS = 64;

export interface Asked extends Pick<Load, "request" | "status" | "spread" | "byOurs"> {
  /** Bytes that every body has. */
  readonly bodyBytes: number;
  /** Answered without the origin, once it is stored. */
  readonly cached: boolean;
  /** Processes beside the server, whose CPU is told as well. */
  readonly beside?: { readonly name: string; readonly pid: number };
}

/** Who is asked, and what; the name is for the table. */
export interface Target {
  readonly name: string;
  readonly server: Server;
  readonly asked: Asked;
}

/** The same for each server, under its own name. */
export const targets = (servers: readonly Server[], asked: Asked): Target[] =>
  servers.map((server) => ({ name: server.name, server, asked }));

interface Seen {
  readonly micros: number[];
  readonly besideMicros: number[];
  readonly perSecond: number[];
  /** Requests of all windows that reached the origin. */
  missed: number;
}

interface Window {
  readonly micros: number;
  readonly besideMicros: number;
  readonly perSecond: number;
  readonly missed: number;
  readonly requests: number;
}

/** So many may miss; the table says how many. An entry may fall due, or Redis be too slow once. */
const MISSES_OF_ALL = 0.01;

/**
 * What a request costs each server: its own CPU, user and system, over a window, divided by the requests
 * of the window. The targets take turns, and the first turn is thrown away. Rejects when an answer is wrong.
 */
export async function cpuPerRequest(stage: Stage, all: readonly Target[]): Promise<Finding[]> {
  const seen = new Map<Target, Seen>(
    all.map((target) => [target, { micros: [], besideMicros: [], perSecond: [], missed: 0 }]),
  );
  for (const { server, asked } of all) {
    await untilRight(server, asked);
    if (asked.spread !== undefined) await fill(stage, server, asked, asked.spread);
  }
  for (let round = 0; round <= stage.extent.rounds; round += 1) {
    for (const [{ server, asked }, sums] of seen) {
      await untilRight(server, asked);
      const window = await measure(stage, server, asked);
      if (round === 0) continue;
      if (asked.cached && window.missed > window.requests * MISSES_OF_ALL)
        throw new Error(`${server.name} asked the origin ${window.missed} times`);
      sums.micros.push(window.micros);
      sums.besideMicros.push(window.besideMicros);
      sums.perSecond.push(window.perSecond);
      sums.missed += window.missed;
    }
  }
  return [...seen].map(([{ name, asked }, { micros, besideMicros, perSecond, missed }]) => {
    const rate = `${(finding("", perSecond).value / 1000).toFixed(1)}k/s`;
    const misses = asked.cached && missed > 0 ? `, ${missed} misses` : "";
    const more = asked.beside && `, ${asked.beside.name} ${finding("", besideMicros).value.toFixed(1)} µs`;
    return finding(name, micros, `${rate}${more ?? ""}${misses}`);
  });
}

/** Asks for each once, so that what is measured are hits. */
async function fill(
  stage: Stage,
  server: Server,
  { request, status }: Asked,
  requests: number,
): Promise<void> {
  const { bad } = await load(stage, server.port, {
    request,
    status,
    connections: CONNECTIONS,
    until: { requests },
  });
  if (bad > 0) throw new Error(`${server.name}: ${bad} of ${requests} answers are wrong`);
}

async function measure(
  stage: Stage,
  server: Server,
  { request, status, spread, byOurs = false, beside }: Asked,
): Promise<Window> {
  await stage.originRequests();
  const besideBefore = beside === undefined ? 0 : cpuSeconds(beside.pid);
  const before = cpuSeconds(server.pid);
  const { requests, bad, seconds } = await load(stage, server.port, {
    request,
    status,
    connections: CONNECTIONS,
    byOurs,
    until: { seconds: stage.extent.seconds },
    ...(spread === undefined ? {} : { spread }),
  });
  const used = cpuSeconds(server.pid) - before;
  const besideUsed = beside === undefined ? 0 : cpuSeconds(beside.pid) - besideBefore;
  const missed = await stage.originRequests();
  if (bad > requests / 1000 || requests === 0)
    throw new Error(`${server.name}: ${bad} of ${requests + bad} answers are wrong`);
  return {
    micros: (used / requests) * 1e6,
    besideMicros: (besideUsed / requests) * 1e6,
    perSecond: requests / seconds,
    missed,
    requests,
  };
}

const PATIENCE_MS = 10_000;

/** A server is asked until it answers as it should: at first it may not know its origin yet. */
export async function untilRight(
  { name, port }: Server,
  { request, status, bodyBytes }: Pick<Asked, "request" | "status" | "bodyBytes">,
): Promise<void> {
  const bytes = bytesOf(request).replace("{n}", "0");
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask(port, bytes);
    const said = `${answer.status} with ${answer.body.length} bytes`;
    if (said === `${status} with ${bodyBytes} bytes`) return;
    if (performance.now() > deadline) throw new Error(`${name} answers ${said}`);
    await pause(50);
  }
}
