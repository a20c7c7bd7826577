import type { IncomingMessage, ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import type { SettingName } from "../../src/config/settings.ts";
import { type FaultyLink, openFaultyLink } from "../faulty-link.ts";
import { startRedis, type TestRedis } from "../redis-server.ts";
import { startOrigin } from "./own-origin.ts";
import { type Program, startProgram } from "./program.ts";

/** One life of one instance: a process before its own link to Redis. */
export interface Member {
  readonly place: number;
  readonly program: Program;
  readonly link: FaultyLink;
  /** What no answer of this process to a request of from now on may be older than, by item. */
  readonly floors: Map<number, number>;
}

/** Several proxy processes on one Redis that keeps its data over restarts, before an origin of versions. */
export interface Fleet {
  readonly redis: TestRedis;
  readonly origin: VersionedOrigin;
  readonly members: (Member | undefined)[];
  /** Kills the process at once and starts another in its place. */
  replace(place: number): Promise<void>;
}

/** An origin each answer of which carries the version of its item that was current when it was asked. */
export interface VersionedOrigin {
  readonly url: string;
  /** The current version of each item. */
  readonly versions: readonly number[];
  change(item: number): number;
}

/** `delayMs` says how long an answer takes, from the version that it carries to its first byte. */
export async function versionedOrigin(items: number, delayMs: () => number): Promise<VersionedOrigin> {
  const versions = Array.from({ length: items }, () => 1);
  let latest = 1;
  const change = (item: number): number => {
    latest++;
    versions[item] = latest;
    return latest;
  };
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const item = Number(request.url?.slice("/item/".length));
    const version = request.method === "PUT" ? change(item) : versions[item];
    request.resume();
    setTimeout(() => {
      const etag = `"${version}"`;
      const fields = { ETag: etag, "Cache-Control": "max-age=600", "Surrogate-Key": tagOf(item) };
      if (request.headers["if-none-match"] === etag) response.writeHead(304, fields).end();
      else response.writeHead(200, fields).end(bodyOf(item, version ?? 0));
    }, delayMs());
  };
  const { url } = await startOrigin(answer);
  return { url, versions, change };
}

export const tagOf = (item: number): string => `kind-${item % 3}`;

/** The version at both ends; every other item takes several chunks in Redis. */
const bodyOf = (item: number, version: number): string =>
  `${version}\n${"x".repeat(item % 2 === 0 ? 10 : 40_000)}\n${version}`;

/** The version that a body is of; throws where it is of several, or cut. */
export function versionOf(body: string): number {
  const [first, , last] = body.split("\n");
  if (first !== last || !/^\d+$/.test(first ?? "")) throw new Error(`a mixed body: ${first} … ${last}`);
  return Number(first);
}

export async function startFleet(
  size: number,
  origin: VersionedOrigin,
  more: Partial<Record<SettingName, string>>,
): Promise<Fleet> {
  // What is written before each answer outlives the process; only a machine that falls would need fsync.
  const redis = await startRedis(["--appendonly", "yes", "--appendfsync", "no"]);
  onTestFinished(() => redis[Symbol.asyncDispose]());
  const members: (Member | undefined)[] = [];
  const settings = { ORIGINS: origin.url, HEALTH_CHECK_INTERVAL: "1h", LOG_LEVEL: "warn", ...more };

  async function start(place: number, link: FaultyLink): Promise<void> {
    const REDIS_URL = `redis://127.0.0.1:${link.port}`;
    const program = await startProgram({ ...settings, REDIS_URL });
    members[place] = { place, program, link, floors: new Map() };
  }
  async function replace(place: number): Promise<void> {
    const member = members[place];
    if (member === undefined) return;
    members[place] = undefined;
    member.program.child.kill("SIGKILL");
    await member.program.exited;
    await start(place, member.link);
  }
  await Promise.all(
    Array.from({ length: size }, async (_, place) => {
      await start(place, await openFaultyLink(redis.port));
    }),
  );
  return { redis, origin, members, replace };
}
