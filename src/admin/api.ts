import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { type PurgeTarget, StoreError } from "../cache/ports.ts";
import type { Epoch, EpochMs } from "../policy/stored-response.ts";
import { type Access, accessControl } from "./access.ts";
import { jsonBody } from "./body.ts";
import type { AdminEnv } from "./env.ts";
import { ApiError, errorResponse } from "./errors.ts";
import { cachedTarget, namedHost, originForm, parsePurge, parseWarm, urlTargets } from "./targets.ts";

/** What the admin API asks of the rest. Each answers in bounded time. */
export interface AdminDeps extends Access {
  /** GET /stats, as it is shown. */
  stats(): object;
  /** GET /metrics, in the Prometheus text format. */
  metricsText(): Promise<string>;
  origins(): readonly OriginStatus[];
  /** Ready: an origin is healthy, and we are not draining. */
  ready(): { readonly ready: boolean; readonly detail: string };
  /** Rejects with StoreError when the purge log did not take them: then nothing was purged. */
  purge(targets: readonly PurgeTarget[]): Promise<{ readonly epoch: Epoch }>;
  /** The primary keys of this request-target under `host`, or under every host that the proxy is known by. */
  keysFor(target: string, host?: string): readonly string[];
  /** Fetches through the cache, a few at a time. */
  warm(urls: readonly string[]): Promise<WarmResult>;
  /** Hears of errors that are ours; their text goes to no client. */
  report?(error: unknown, requestId: string): void;
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

GET    /health/live         200 while the process serves
GET    /health/ready        200 when a healthy origin is there, else 503
GET    /stats               counts since the start
GET    /metrics             the same and more, for Prometheus
GET    /origins             the health of every origin
DELETE /cache/<path?query>  purge one URL; X-Host: <host> names the host
POST   /purge               {"urls": [...]} or {"everything": true}
POST   /warm                {"urls": [...]}: fetch into the cache
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
  app.use(
    secureHeaders({
      contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      xFrameOptions: "DENY",
      // The listener speaks plain HTTP; who puts TLS before it decides about HSTS.
      strictTransportSecurity: false,
    }),
  );
  app.use(accessControl(deps));

  app.get("/", (c) => c.text(ENDPOINTS));
  app.get("/health/live", (c) => c.json({ live: true }));
  app.get("/health/ready", (c) => {
    const { ready, detail } = deps.ready();
    return c.json({ ready, detail }, ready ? 200 : 503);
  });
  app.get("/stats", (c) => c.json(deps.stats()));
  app.get("/metrics", async (c) =>
    c.body(await deps.metricsText(), 200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" }),
  );
  app.get("/origins", (c) => c.json(Object.fromEntries(deps.origins().map(shownOrigin))));

  app.delete("/cache/*", async (c) => {
    const target = cachedTarget(rawTarget(c.req.raw, c.env));
    if (target === undefined) return unknownRoute(c);
    const keys = [...new Set(keysFor(deps, target, namedHost(c.req.header("x-host"))))];
    const { epoch } = await deps.purge(urlTargets(keys));
    return c.json({ purged: keys, epoch });
  });
  app.post("/purge", async (c) => {
    const startedAt = performance.now();
    const request = parsePurge(await jsonBody(c));
    const targets: PurgeTarget[] =
      request.type === "everything"
        ? [{ type: "everything" }]
        : urlTargets(request.targets.flatMap(({ target, host }) => keysFor(deps, target, host)));
    const { epoch } = await deps.purge(targets);
    const took = Math.round((performance.now() - startedAt) * 10) / 10;
    return c.json({ id: c.get("requestId"), epoch, took_ms: took });
  });
  app.post("/warm", async (c) => c.json(await deps.warm(parseWarm(await jsonBody(c)))));

  app.notFound(unknownRoute);
  app.onError((error, c) => {
    if (error instanceof ApiError) return errorResponse(c, error);
    if (error instanceof StoreError) {
      return errorResponse(c, new ApiError(503, "store_unavailable", `nothing was purged: ${error.message}`));
    }
    deps.report?.(error, c.get("requestId"));
    return errorResponse(c, new ApiError(500, "internal_error", "this is our fault; the log says more"));
  });
  return app;
}

/** Node's own request-target where there is one; the Request's URL has been normalised. */
const rawTarget = (request: Request, env: AdminEnv["Bindings"] | undefined): string =>
  env?.incoming?.url ?? request.url;

const withoutQuery = (target: string): string => target.replace(/[?#].*$/s, "");

/** An answer that purged nothing must not look like one that did. */
function keysFor(deps: AdminDeps, target: string, host: string | undefined): readonly string[] {
  const keys = host === undefined ? deps.keysFor(target) : deps.keysFor(target, host);
  if (keys.length === 0) throw new ApiError(400, "bad_request", `no host is known for ${target}; name one`);
  return keys;
}

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
