import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer } from "./answer.ts";
import { bare, json, Refusal } from "./answer.ts";
import { parseTarget } from "./asked.ts";
import type { Data } from "./data.ts";
import type { Exchange, PortState, Serve } from "./exchange.ts";
import { answerPuzzle, listPuzzles } from "./puzzles.ts";
import { send, wait } from "./send.ts";
import {
  checkHealth,
  getBehavior,
  getCounts,
  putBehavior,
  resetBehavior,
  resetCounts,
} from "./serve-control.ts";
import { getData, putData } from "./serve-data.ts";
import { bytes, echo, events, headers, status } from "./serve-probes.ts";
import { VULNERABLE_ROUTES } from "./vulnerable.ts";

interface Route {
  /** Does the port's behaviour apply? */
  readonly behaves?: boolean;
  /** Controls and health checks are not counted with what was asked. */
  readonly uncounted?: boolean;
  /** By method; GET also answers HEAD, and `*` any. */
  readonly serve: Readonly<Record<string, Serve>>;
  readonly about: string;
}

const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ["/", { serve: { GET: listRoutes }, about: "GET /" }],
  [
    "/data",
    { behaves: true, serve: { GET: getData, PUT: putData }, about: "GET, PUT /data?id=X[&cache-control=…]" },
  ],
  ["/health-check", { uncounted: true, serve: { GET: checkHealth }, about: "GET /health-check" }],
  [
    "/behavior",
    {
      uncounted: true,
      serve: { GET: getBehavior, PUT: putBehavior, DELETE: resetBehavior },
      about:
        "GET, PUT, DELETE /behavior[?all=1]  {status, delay_ms, cut_after_bytes, cut_before_head, healthy, etag}",
    },
  ],
  [
    "/counts",
    { uncounted: true, serve: { GET: getCounts, DELETE: resetCounts }, about: "GET, DELETE /counts[?all=1]" },
  ],
  ["/echo", { behaves: true, serve: { "*": echo }, about: "any method /echo" }],
  [
    "/bytes",
    { behaves: true, serve: { GET: bytes }, about: "GET /bytes?n=N[&chunked=1][&seed=S][&cache-control=…]" },
  ],
  ["/headers", { behaves: true, serve: { GET: headers }, about: "GET /headers?name=value&…" }],
  ["/status", { behaves: true, serve: { GET: status }, about: "GET /status?code=404[&cache-control=…]" }],
  ["/events", { behaves: true, serve: { GET: events }, about: "GET /events[?n=3&every_ms=50]" }],
  ...VULNERABLE_ROUTES,
  [
    "/puzzles",
    { serve: { GET: listPuzzles }, about: "GET /puzzles  what a cache should name the causes of" },
  ],
  ["/ws", { serve: { GET: explainWebSocket }, about: "WebSocket echo at /ws" }],
]);

const PUZZLE: Route = {
  behaves: true,
  serve: { GET: answerPuzzle, POST: answerPuzzle },
  about: "GET, POST /puzzles/N",
};

export interface RouteDeps {
  readonly data: Data;
  readonly all: readonly PortState[];
  readonly now: () => number;
}

/** Answers every request on one port. Never rejects. */
export function createRoutes(here: PortState, { data, all, now }: RouteDeps) {
  return async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { path, query } = parseTarget(request.url ?? "/");
    const route = ROUTES.get(path) ?? (path.startsWith("/puzzles/") ? PUZZLE : undefined);
    count(request, path, route, here);
    const behavior = route?.behaves ? here.behavior : {};
    const exchange: Exchange = { request, path, query, here, all, behavior, data };
    try {
      if (behavior.delay_ms !== undefined && (await wait(behavior.delay_ms, request.socket)) === "gone")
        return;
      if (behavior.cut_before_head) {
        request.socket.destroy();
        return;
      }
      const answer = await answerTo(exchange, route);
      if (answer.status === 304) here.counts.notModified();
      await send(response, answer, { now: now(), port: here.port, cutAfterBytes: behavior.cut_after_bytes });
    } catch (cause) {
      await explain(response, cause, { now: now(), port: here.port });
    }
  };
}

async function answerTo(exchange: Exchange, route: Route | undefined): Promise<Answer> {
  const { behavior, request, path } = exchange;
  const forced = behavior.status;
  if (forced !== undefined) return bare(forced, { error: `this port was told to answer ${forced}` });
  try {
    return await serverOf(request, path, route)(exchange);
  } catch (cause) {
    if (cause instanceof Refusal) return json(cause.status, { error: cause.message }, cause.fields);
    throw cause;
  }
}

function serverOf(request: IncomingMessage, path: string, route: Route | undefined): Serve {
  if (route === undefined) throw new Refusal(404, `nothing is served at ${path}; GET / lists what is`);
  const method = request.method === "HEAD" ? "GET" : (request.method ?? "GET");
  const serve = Object.hasOwn(route.serve, method) ? route.serve[method] : route.serve["*"];
  if (serve !== undefined) return serve;
  const allowed = Object.keys(route.serve).flatMap((name) => (name === "GET" ? ["GET", "HEAD"] : [name]));
  throw new Refusal(405, `${path} does not know ${request.method}`, ["Allow", allowed.join(", ")]);
}

function count(request: IncomingMessage, path: string, route: Route | undefined, here: PortState): void {
  if (path === "/health-check") here.counts.healthCheck();
  if (route?.uncounted) return;
  const { "if-none-match": ifNoneMatch, "if-modified-since": ifModifiedSince } = request.headers;
  const conditional = ifNoneMatch !== undefined || ifModifiedSince !== undefined;
  here.counts.request(request.method ?? "GET", request.url ?? "/", conditional);
}

/** Says what went wrong while it still can; afterwards a broken answer ends with a broken connection. */
async function explain(
  response: ServerResponse,
  cause: unknown,
  to: { now: number; port: number },
): Promise<void> {
  const message = cause instanceof Error ? cause.message : String(cause);
  const { socket } = response.req;
  if (response.headersSent || socket.destroyed) socket.destroy();
  else await send(response, json(500, { error: message }), to).catch(() => socket.destroy());
}

function listRoutes(): Answer {
  const text = [...ROUTES.values()].map((route) => `${route.about}\n`).join("");
  return { status: 200, fields: ["Content-Type", "text/plain; charset=utf-8"], body: Buffer.from(text) };
}

function explainWebSocket(): never {
  throw new Refusal(426, "this speaks the WebSocket protocol only", [
    "Upgrade",
    "websocket",
    "Connection",
    "Upgrade",
  ]);
}
