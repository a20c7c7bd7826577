import { setTimeout as pause } from "node:timers/promises";
import { connected } from "../ask.ts";
import { type Server, Servers } from "../contenders/contender.ts";
import { FRESHLINE, freshline } from "../contenders/freshline.ts";
import { NGINX, nginxCache } from "../contenders/nginx.ts";
import { VARNISH, varnish } from "../contenders/varnish.ts";
import { untilRight } from "../cpu-per-request.ts";
import { bytesOf, requestFor } from "../request.ts";
import { type Finding, finding, limitBar, type Row } from "../row.ts";

const BYTES = 20_000_000;
const PACE = 2_000_000;
const FOLLOWERS = 10;
const LATE_MS = 2000;

export const followersRow: Row = {
  name: "followers",
  question: "How long after the leader's is a follower's first byte, 20 MB that come at 2 MB/s?",
  async run(stage) {
    await using servers = new Servers(stage);
    await servers.start(
      // As much as it takes to store it; nginx and Varnish have that by their own defaults.
      freshline(FRESHLINE, { CACHE_MEMORY_BYTES: "256MiB", CACHE_MAX_OBJECT_BYTES: "32MiB" }),
      nginxCache(),
      varnish(),
    );
    const first = { request: requestFor("/body/1024/a"), status: 200, bodyBytes: 1024 };
    for (const server of servers.all) await untilRight(server, first);
    await stage.originRequests();
    const findings = await Promise.all(
      servers.all.map((server) => follow(server, server.name.replaceAll(/\W/g, "-"))),
    );
    const originRequests = await stage.originRequests();
    const own = findings.find(({ who }) => who === FRESHLINE);
    return {
      unit: "ms after the leader's first byte",
      findings,
      bars: own === undefined ? [] : [limitBar(FRESHLINE, own.most, 20, "ms")],
      setUps: servers.setUps,
      notes: [
        ...servers.missing,
        `one leader, ${FOLLOWERS} followers at once, one after ${LATE_MS / 1000} s, all at the same time for each of ` +
          `${servers.all.map(({ name }) => name).join(", ")}; ${originRequests} requests reached the origin`,
        ...(findings.some(({ who }) => who === NGINX || who === VARNISH)
          ? []
          : ["no peer was there to compare with"]),
      ],
    };
  },
};

async function follow(server: Server, id: string): Promise<Finding> {
  const bytes = bytesOf(requestFor(`/paced/${PACE}/${BYTES}/${id}`));
  const leader = read(server.port, bytes);
  // Any longer, and the leader's first byte may be there.
  await pause(5);
  const followers = Array.from({ length: FOLLOWERS }, () => read(server.port, bytes));
  await pause(LATE_MS);
  const late = await read(server.port, bytes);
  const first = await leader;
  const others = await Promise.all(followers);
  const wrong = [first, late, ...others].filter((each) => each.bytes !== BYTES).length;
  const after = others.map(({ firstByteAt }) => firstByteAt - first.firstByteAt);
  const lateMs = Math.round(late.firstByteAt - late.askedAt);
  const whole = wrong === 0 ? "every client got every byte" : `${wrong} clients got not all`;
  return finding(server.name, after, `the late one ${lateMs} ms after its request; ${whole}`);
}

interface Read {
  readonly askedAt: number;
  readonly firstByteAt: number;
  /** Of the body. */
  readonly bytes: number;
}

const PATIENCE_MS = 60_000;

async function read(port: number, request: string): Promise<Read> {
  const socket = await connected(port);
  if (socket === undefined) throw new Error(`nobody listens on ${port}`);
  const askedAt = performance.now();
  let firstByteAt = Number.NaN;
  let bytes = 0;
  return new Promise((resolve) => {
    const settle = () => {
      socket.destroy();
      resolve({ askedAt, firstByteAt, bytes });
    };
    let head = Buffer.alloc(0);
    socket.setTimeout(PATIENCE_MS, settle);
    socket.on("error", settle);
    socket.on("close", settle);
    socket.on("data", (chunk: Buffer) => {
      if (bytes > 0) bytes += chunk.length;
      else {
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf("\r\n\r\n");
        if (end === -1 || head.length === end + 4) return;
        firstByteAt = performance.now();
        bytes = head.length - end - 4;
      }
      if (bytes >= BYTES) settle();
    });
    socket.write(request);
  });
}
