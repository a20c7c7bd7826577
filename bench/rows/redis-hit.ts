import { startRedis } from "../../test/redis-server.ts";
import { Servers } from "../contenders/contender.ts";
import { FRESHLINE, freshline } from "../contenders/freshline.ts";
import { nginxWithLua, nginxWithSrcache } from "../contenders/nginx-redis.ts";
import { pinPid } from "../cores.ts";
import { CPU_UNIT, cpuPerRequest, targets } from "../cpu-per-request.ts";
import { requestFor } from "../request.ts";
import { type Row, type RowAnswer, ratioBar } from "../row.ts";
import type { Stage } from "../stage.ts";

/** Many: else those who ask for one at the same time may share a look-up, which is another question. */
const URLS = 500;

export const redisHitRows: readonly Row[] = [
  {
    name: "redis-1k",
    question: "What does a hit in Redis cost the proxy, without a memory tier, 1 KiB?",
    run: (stage) => redisHits(stage, 1024, 1),
  },
  {
    name: "redis-64k",
    question: "What does a hit in Redis cost the proxy, 64 KiB?",
    run: (stage) => redisHits(stage, 65_536, 1.5),
  },
];

async function redisHits(stage: Stage, bodyBytes: number, timesNginx: number): Promise<RowAnswer> {
  await using redis = await startRedis();
  pinPid(stage.cores.load, redis.pid);
  await using servers = new Servers(stage);
  // Each has a second for Redis.
  await servers.start(
    freshline(FRESHLINE, { CACHE_MEMORY_BYTES: "0", REDIS_URL: redis.url, REDIS_COMMAND_TIMEOUT: "1s" }),
    nginxWithSrcache(redis.port),
    nginxWithLua(redis.port),
  );
  const findings = await cpuPerRequest(
    stage,
    targets(servers.all, {
      request: requestFor(`/body/${bodyBytes}/{n}`),
      spread: URLS,
      status: 200,
      bodyBytes,
      cached: true,
      beside: { name: "Redis", pid: redis.pid },
    }),
  );
  return {
    unit: CPU_UNIT,
    findings,
    bars: ratioBar(findings, FRESHLINE, timesNginx, "nginx with srcache"),
    setUps: servers.setUps,
    notes: servers.missing,
  };
}
