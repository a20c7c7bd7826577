import { ask } from "../ask.ts";
import { BARE, bare } from "../contenders/bare.ts";
import { type Contender, Servers } from "../contenders/contender.ts";
import { FRESHLINE, freshline, freshlineWithoutLane, LANE_OFF } from "../contenders/freshline.ts";
import { haproxy } from "../contenders/haproxy.ts";
import { NGINX, NGINX_WITHOUT_SENDFILE, nginxCache } from "../contenders/nginx.ts";
import { trafficServer } from "../contenders/traffic-server.ts";
import { VARNISH, varnish } from "../contenders/varnish.ts";
import { type Asked, CPU_UNIT, cpuPerRequest, targets, untilRight } from "../cpu-per-request.ts";
import { bytesOf, COOKIE, requestFor } from "../request.ts";
import { type Bar, type Finding, type Row, type RowAnswer, ratioBar } from "../row.ts";
import type { Stage } from "../stage.ts";

/** Every cache that there is. */
export const caches = (): [Contender, ...Contender[]] => [
  freshline(),
  freshlineWithoutLane(),
  nginxCache(),
  varnish(),
  haproxy(),
  trafficServer(),
];

type BarsOf = (findings: readonly Finding[]) => Bar[];

const againstNginx =
  (most: number): BarsOf =>
  (findings) => [
    ...[NGINX, NGINX_WITHOUT_SENDFILE].flatMap((nginx) => ratioBar(findings, FRESHLINE, most, nginx)),
    ...ratioBar(findings, LANE_OFF, 1.15, BARE.hono),
  ];

const shortBars: BarsOf = (findings) => [
  ...againstNginx(1)(findings),
  ...ratioBar(findings, FRESHLINE, 0.5, VARNISH),
];

const asking = (bodyBytes: number, ...more: (readonly [string, string])[]): Asked => ({
  request: requestFor(`/body/${bodyBytes}/a`, ...more),
  status: 200,
  bodyBytes,
  cached: true,
});

export const hitRows: readonly Row[] = [
  {
    name: "hit-1k",
    question: "What does a hit in memory cost, 1 KiB, asked as browsers ask?",
    run: (stage) => hits(stage, asking(1024), shortBars),
  },
  {
    name: "hit-1k-cookie",
    question: "And with a Cookie in the request?",
    run: (stage) => hits(stage, asking(1024, COOKIE), shortBars),
  },
  {
    name: "hit-64k",
    question: "What does a hit in memory cost, 64 KiB?",
    run: (stage) => hits(stage, asking(65_536), againstNginx(1.1)),
  },
];

/** The caches, and bare servers that repeat what Freshline has answered. */
async function hits(stage: Stage, asked: Asked, barsOf: BarsOf): Promise<RowAnswer> {
  await using servers = new Servers(stage);
  const [own, ...others] = caches();
  const freshline = await servers.startOne(own);
  await servers.start(...others, nginxCache("off"));
  await untilRight(freshline, asked);
  const answer = await ask(freshline.port, bytesOf(asked.request));
  await servers.start(bare("hono", answer), bare("http", answer), bare("socket", answer));
  const findings = await cpuPerRequest(stage, targets(servers.all, asked));
  return {
    unit: CPU_UNIT,
    findings,
    bars: barsOf(findings),
    setUps: servers.setUps,
    notes: servers.missing,
  };
}
