import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import type { PurgeMode, PurgeReceipt, PurgeTarget } from "../cache/ports/purge-log.ts";
import { StoreError } from "../cache/ports/store.ts";
import { type Access, accessControl } from "./access.ts";
import type { ShownStore, Stats } from "./answers.ts";
import { jsonBody } from "./body.ts";
import { addPlayground, type Playground } from "./dashboard/playground.ts";
import { addDashboard } from "./dashboard/serve.ts";
import { addEntries, type ListEntries } from "./entries.ts";
import type { AdminEnv } from "./env.ts";
import { ApiError, errorResponse, jsonAnswer } from "./errors.ts";
import { addLive, type Live } from "./events.ts";
import { addExplain, type ExplainRequest } from "./explain.ts";
import { addMetrics, type MetricsFormat } from "./metrics.ts";
import { addDescription } from "./openapi.ts";
import { type PurgeRequest, parseDelete, parsePurge } from "./purge-request.ts";
import { rateLimit } from "./rate-limit.ts";
import { addSettings } from "./settings.ts";
import { addSteering, type OriginStatus, type Steering } from "./steering.ts";
import { cachedTarget, namedHost, originForm, parseWarm } from "./targets.ts";

/** What the admin API asks of the rest. Each answers in bounded time. */
export interface AdminDeps extends Access {
  /** GET /stats, as it is shown. */
  stats(): Stats | Promise<Stats>;
  /** GET /metrics. */
  metricsText(format: MetricsFormat): Promise<string>;
  origins(): readonly OriginStatus[] | Promise<readonly OriginStatus[]>;
  readonly steering: Steering;
  /** GET /explain: why a request is answered as it is. */
  readonly explain: ExplainRequest;
  /** GET /entries: what is stored, page by page. */
  readonly entries: ListEntries;
  /** GET /store. */
  storeState(): Promise<ShownStore>;
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
  /** Fetches through the cache, so many at once; a few when it is not said. */
  warm(urls: readonly string[], concurrency?: number): Promise<WarmResult>;
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

export interface WarmResult {
  readonly requested: number;
  readonly warmed: number;
  readonly failed: readonly { readonly url: string; readonly detail: string }[];
}

const ENDPOINTS = `Freshline admin API

GET    /                    this list; for a browser the dashboard
GET    /openapi.json        what each route takes and answers, in OpenAPI 3.1
GET    /problems            every kind of error
GET    /health/live         200 while the process serves
GET    /health/ready        200 when a healthy origin is there, else 503
GET    /stats               counts since the start
GET    /metrics             the same and more, for Prometheus; in OpenMetrics if Accept prefers that
GET    /origins             every origin: its health, and how that has changed
POST   /origins             {"origin": <url>}: give it a turn; POST /origins/drain: no new requests
DELETE /origins?origin=<url> take it away; what is under way ends
GET    /settings            the settings in force, and where each was written
GET    /explain?url=<url>   why it is answered as it is: &method=…, &header=Name: value, &fetch=1, &body=1
GET    /entries?match=<text> what is stored: &tier=memory or redis, &limit=50, &cursor=<of the page before>
GET    /store               what Redis holds, and the instances that share it
GET    /reasons             every reason code, and what would change it
GET    /events?q=<query>    answers while they are given, as server-sent events
GET    /top?k=20            hot URLs, missing ones, reasons, origins
GET    /hist                latencies of hits, misses and origins
GET    /series?minutes=10   requests, latencies and memory, second by second
DELETE /cache/<path?query>  purge one URL under every host, or under X-Host: <host>
POST   /purge               {"targets": [{"url": …}, {"prefix": …}, {"host": …}, {"tag": …, "host": …},
                            {"everything": true}], "mode": "delete", "invalidate" or "refresh"};
                            {"urls": [...]} and {"everything": true} for short
POST   /warm                {"urls": [...], "concurrency": 8}: fetch into the cache
POST   /reload              read the settings again, refuse them as a whole or apply what can change
POST   /restart             replace the workers one after another, losing no request

Fastly-Soft-Purge: 1 means the mode "invalidate": what is stored is stale from now on.
`;

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
  addDescription(app);
  app.get("/health/live", (c) => jsonAnswer(c, { live: true }));
  app.get("/health/ready", async (c) => {
    const { ready, detail } = await deps.ready();
    return jsonAnswer(c, { ready, detail }, ready ? 200 : 503);
  });
  app.get("/stats", async (c) => jsonAnswer(c, await deps.stats()));
  addMetrics(app, deps.metricsText);
  addSteering(app, deps.steering, () => deps.origins());
  addSettings(app, () => deps.steering.settings());
  app.get("/store", async (c) => jsonAnswer(c, await deps.storeState()));
  addExplain(app, deps.explain);
  addEntries(app, deps.entries);
  addLive(app, deps.live);

  async function purge(c: Context<AdminEnv>, read: () => PurgeRequest | Promise<PurgeRequest>) {
    const startedAt = performance.now();
    const { targets, mode, refresh } = await read();
    const receipt = await deps.purge(targets, mode).catch((error: unknown) => {
      throw error instanceof StoreError ? notPurged(error) : error;
    });
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
  app.post("/warm", async (c) => {
    const { urls, concurrency } = parseWarm(await jsonBody(c));
    return jsonAnswer(c, await deps.warm(urls, concurrency));
  });
  app.post("/restart", async (c) => {
    if (deps.restart === undefined)
      throw new ApiError(409, "one_process", "WORKERS is 1: nobody would serve meanwhile");
    return jsonAnswer(c, { restarted: await deps.restart() });
  });

  if (deps.playground !== undefined) addPlayground(app, deps.playground);

  for (const [path, methods] of allowedOf(app)) {
    app.all(path, (c) => {
      // The wildcard stands for nothing, too, and /cache alone is no route.
      if (path === "/cache/*" && cachedTarget(rawTarget(c.req.raw, c.env)) === undefined)
        return unknownRoute(c);
      // A route that has nothing under this name passes it on.
      if (methods.split(", ").includes(c.req.method)) return unknownRoute(c);
      c.header("Allow", methods);
      return errorResponse(c, new ApiError(405, "method_not_allowed", `${c.req.path} takes ${methods}`));
    });
  }
  app.notFound(unknownRoute);
  app.onError((error, c) => {
    if (error instanceof ApiError) return errorResponse(c, error);
    if (error instanceof StoreError)
      return errorResponse(c, new ApiError(503, "store_unavailable", error.message));
    deps.report(error, c.get("requestId"));
    return errorResponse(c, new ApiError(500, "internal_error", "this is our fault; the log says more"));
  });
  return app;
}

/** Where there is something, and what may be done with it. */
function allowedOf(app: Hono<AdminEnv>): ReadonlyMap<string, string> {
  const routes = Map.groupBy(
    app.routes.filter(({ method }) => method !== "ALL"),
    ({ path }) => path,
  );
  const methods = (of: readonly { readonly method: string }[]): string =>
    [...new Set(of.map(({ method }) => (method === "GET" ? "GET, HEAD" : method)))].join(", ");
  return new Map([...routes].map(([path, of]) => [path, methods(of)]));
}

function notPurged({ code, message }: StoreError): ApiError {
  const outcome = code === "timeout" ? "the purge may still take effect" : "nothing was purged";
  return new ApiError(503, "store_unavailable", `${outcome}: ${message}`);
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
