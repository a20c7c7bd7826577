import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { type PurgeMode, type PurgeReceipt, type PurgeTarget, StoreError } from "../cache/ports.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { type Access, accessControl } from "./access.ts";
import { jsonBody } from "./body.ts";
import { addPlayground, type Playground } from "./dashboard/playground.ts";
import { addDashboard } from "./dashboard/serve.ts";
import type { AdminEnv } from "./env.ts";
import { ApiError, errorResponse, jsonAnswer } from "./errors.ts";
import { addLive, type Live } from "./events.ts";
import { addExplain, type ExplainRequest } from "./explain.ts";
import { type PurgeRequest, parseDelete, parsePurge } from "./purge-request.ts";
import { rateLimit } from "./rate-limit.ts";
import { cachedTarget, namedHost, originForm, parseWarm } from "./targets.ts";

/** What the admin API asks of the rest. Each answers in bounded time. */
export interface AdminDeps extends Access {
  /** GET /stats, as it is shown. */
  stats(): object | Promise<object>;
  /** GET /metrics, in the Prometheus text format. */
  metricsText(): Promise<string>;
  origins(): readonly OriginStatus[] | Promise<readonly OriginStatus[]>;
  /** GET /explain: why a request is answered as it is. */
  readonly explain: ExplainRequest;
  /** What is shown while it happens. */
  readonly live: Live;
  /** Ready: an origin is healthy, and we are not draining. */
  ready(): Ready | Promise<Ready>;
  /** Rejects with StoreError when the purge log did not take them, as PurgeLog.append does. */
  purge(targets: readonly PurgeTarget[], mode: PurgeMode): Promise<PurgeReceipt>;
  /** Fetches what is stored under these primary keys again, in the background. */
  refetch(keys: readonly string[]): void;
  /** Query parameters that primary keys do not contain (CACHE_KEY_IGNORE_PARAMS). */
  readonly ignoredParameters: readonly string[];
  /** Fetches through the cache, a few at a time. */
  warm(urls: readonly string[]): Promise<WarmResult>;
  /** Replaces the processes that serve one after another, and answers how many; absent where one alone serves. */
  restart?(): Promise<number>;
  /** Undefined unless mock origins were started together with the proxy. */
  readonly playground?: Playground | undefined;
  /** Hears of errors that are ours; their text goes to no client. */
  report(error: unknown, requestId: string): void;
}

interface Ready {
  readonly ready: boolean;
  readonly detail: string;
}

export interface OriginStatus {
  /** scheme://host:port */
  readonly origin: string;
  readonly healthy: boolean;
  /** When it became what it is. */
  readonly since: EpochMs;
  readonly lastCheck?: EpochMs | undefined;
  readonly detail: string;
  readonly inFlight: number;
}

export interface WarmResult {
  readonly requested: number;
  readonly warmed: number;
  readonly failed: readonly { readonly url: string; readonly detail: string }[];
}

const ENDPOINTS = `Freshline admin API

GET    /                    this list; for a browser the dashboard
GET    /health/live         200 while the process serves
GET    /health/ready        200 when a healthy origin is there, else 503
GET    /stats               counts since the start
GET    /metrics             the same and more, for Prometheus
GET    /origins             the health of every origin
GET    /explain?url=<url>   why it is answered as it is: &method=…, &header=Name: value, &fetch=1, &body=1
GET    /reasons             every reason code, and what would change it
GET    /events?q=<query>    answers while they are given, as server-sent events
GET    /top?k=20            hot URLs, missing ones, reasons, origins
GET    /hist                latencies of hits, misses and origins
GET    /series?minutes=10   requests, latencies and memory, second by second
DELETE /cache/<path?query>  purge one URL under every host, or under X-Host: <host>
POST   /purge               {"targets": [{"url": …}, {"prefix": …}, {"host": …}, {"tag": …, "host": …},
                            {"everything": true}], "mode": "delete", "invalidate" or "refresh"};
                            {"urls": [...]} and {"everything": true} for short
POST   /warm                {"urls": [...]}: fetch into the cache
POST   /restart             replace the workers one after another, losing no request

Fastly-Soft-Purge: 1 means the mode "invalidate": what is stored is stale from now on.
`;

/** Where there is something, and what may be done with it. */
const ALLOWED: readonly (readonly [path: string, methods: string])[] = [
  ["/", "GET, HEAD"],
  ["/health/live", "GET, HEAD"],
  ["/health/ready", "GET, HEAD"],
  ["/stats", "GET, HEAD"],
  ["/metrics", "GET, HEAD"],
  ["/origins", "GET, HEAD"],
  ["/explain", "GET, HEAD"],
  ["/reasons", "GET, HEAD"],
  ["/events", "GET, HEAD"],
  ["/top", "GET, HEAD"],
  ["/hist", "GET, HEAD"],
  ["/series", "GET, HEAD"],
  ["/cache/*", "DELETE"],
  ["/purge", "POST"],
  ["/warm", "POST"],
  ["/restart", "POST"],
];

/** The admin API as a Hono app; it listens nowhere by itself (listen.ts). */
export function createAdminApi(deps: AdminDeps): Hono<AdminEnv> {
  // Routes see the path as it came: Hono's own would resolve `/cache/../x` and merge escapes.
  const getPath = (request: Request, options?: { env?: AdminEnv["Bindings"] }): string =>
    withoutQuery(originForm(rawTarget(request, options?.env)));
  const app = new Hono<AdminEnv>({ getPath });

  app.use(async (c, next) => {
    const requestId = randomUUID();
    c.set("requestId", requestId);
    c.header("X-Request-Id", requestId);
    c.header("Cache-Control", "no-store");
    await next();
  });
  addDashboard(app);
  app.use(
    secureHeaders({
      contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      xFrameOptions: "DENY",
      // The listener speaks plain HTTP; who puts TLS before it decides about HSTS.
      strictTransportSecurity: false,
    }),
  );
  app.use(rateLimit(deps.elapsed ?? performance.now.bind(performance)));
  app.use(accessControl(deps));

  app.get("/", (c) => c.text(ENDPOINTS));
  app.get("/health/live", (c) => jsonAnswer(c, { live: true }));
  app.get("/health/ready", async (c) => {
    const { ready, detail } = await deps.ready();
    return jsonAnswer(c, { ready, detail }, ready ? 200 : 503);
  });
  app.get("/stats", async (c) => jsonAnswer(c, await deps.stats()));
  app.get("/metrics", async (c) =>
    c.body(await deps.metricsText(), 200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" }),
  );
  app.get("/origins", async (c) =>
    jsonAnswer(c, Object.fromEntries((await deps.origins()).map(shownOrigin))),
  );
  addExplain(app, deps.explain);
  addLive(app, deps.live);

  async function purge(c: Context<AdminEnv>, read: () => PurgeRequest | Promise<PurgeRequest>) {
    const startedAt = performance.now();
    const { targets, mode, refresh } = await read();
    const receipt = await deps.purge(targets, mode);
    deps.refetch(refresh);
    const took = Math.round((performance.now() - startedAt) * 10) / 10;
    return jsonAnswer(c, { id: c.get("requestId"), ...receipt, took_ms: took });
  }
  const reading = (c: Context<AdminEnv>) => ({
    ignoredParameters: deps.ignoredParameters,
    soft: c.req.header("fastly-soft-purge"),
  });
  app.delete("/cache/*", (c) => {
    const target = cachedTarget(rawTarget(c.req.raw, c.env));
    if (target === undefined) return unknownRoute(c);
    const host = namedHost(c.req.header("x-host"));
    return purge(c, () => parseDelete(host === undefined ? { target } : { target, host }, reading(c)));
  });
  app.post("/purge", (c) => purge(c, async () => parsePurge(await jsonBody(c), reading(c))));
  app.post("/warm", async (c) => jsonAnswer(c, await deps.warm(parseWarm(await jsonBody(c)))));
  app.post("/restart", async (c) => {
    if (deps.restart === undefined)
      throw new ApiError(409, "one_process", "WORKERS is 1: nobody would serve meanwhile");
    return jsonAnswer(c, { restarted: await deps.restart() });
  });

  if (deps.playground !== undefined) addPlayground(app, deps.playground);

  for (const [path, methods] of ALLOWED) {
    app.all(path, (c) => {
      // The wildcard stands for nothing, too, and /cache alone is no route.
      if (path === "/cache/*" && cachedTarget(rawTarget(c.req.raw, c.env)) === undefined)
        return unknownRoute(c);
      c.header("Allow", methods);
      return errorResponse(c, new ApiError(405, "method_not_allowed", `${c.req.path} takes ${methods}`));
    });
  }
  app.notFound(unknownRoute);
  app.onError((error, c) => {
    if (error instanceof ApiError) return errorResponse(c, error);
    if (error instanceof StoreError) {
      const outcome = error.code === "timeout" ? "the purge may still take effect" : "nothing was purged";
      return errorResponse(c, new ApiError(503, "store_unavailable", `${outcome}: ${error.message}`));
    }
    deps.report(error, c.get("requestId"));
    return errorResponse(c, new ApiError(500, "internal_error", "this is our fault; the log says more"));
  });
  return app;
}

/** Node's own request-target where there is one; the Request's URL has been normalised. */
const rawTarget = (request: Request, env: AdminEnv["Bindings"] | undefined): string =>
  env?.incoming?.url ?? request.url;

const withoutQuery = (target: string): string => target.replace(/[?#].*$/s, "");

const unknownRoute = (c: Context<AdminEnv>): Response =>
  errorResponse(
    c,
    new ApiError(404, "not_found", `no ${c.req.method} ${c.req.path} here; GET / lists what is`),
  );

const shownOrigin = (status: OriginStatus): readonly [string, object] => [
  status.origin,
  {
    healthy: status.healthy,
    since: new Date(status.since).toISOString(),
    last_check: status.lastCheck === undefined ? null : new Date(status.lastCheck).toISOString(),
    detail: status.detail,
    in_flight: status.inFlight,
  },
];
