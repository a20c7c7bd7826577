import type { Context, Hono } from "hono";
import { jsonBody } from "../body.ts";
import type { AdminEnv } from "../env.ts";
import { ApiError, jsonAnswer } from "../errors.ts";
import { membersOf } from "../targets.ts";

/** Mock origins that were started together with this proxy, to be played with on the dashboard. */
export interface Playground {
  /** Where clients ask the proxy: `http://localhost:3000`. */
  readonly proxy: string;
  /** One of the mock origins; what it is told it tells the others. */
  readonly mock: string;
}

/** The README's URLs, each for another window of a stored response. */
const SCENES = [
  {
    id: 1,
    path: "/data?id=1&cache-control=must-revalidate,max-age=10",
    about: "Fresh for ten seconds, then never without asking the origin",
  },
  {
    id: 2,
    path: "/data?id=2&cache-control=stale-while-revalidate=15,max-age=5",
    about: "Stale for fifteen seconds more, while it is refreshed in the background",
  },
  {
    id: 3,
    path: "/data?id=3&cache-control=stale-if-error=10,max-age=5",
    about: "Stale for ten seconds more, when the origin fails",
  },
  { id: 4, path: "/data?id=4&cache-control=max-age=60", about: "Fresh for a minute" },
];

/** What the buttons make of the mock origins. */
const MOODS = {
  fail: { status: 503 },
  slow: { delay_ms: 2_000 },
  unhealthy: { healthy: false },
  recover: undefined,
} as const;

/** Longer than a mock origin that was told to be slow takes. */
const PATIENCE_MS = 10_000;
const SHOWN_CHARACTERS = 400;

/** Adds the playground's routes. Nothing but these scenes and moods can be asked for through them. */
export function addPlayground(app: Hono<AdminEnv>, playground: Playground): void {
  const { proxy, mock } = playground;
  const behavior = new URL("/behavior?all=1", mock);

  app.get("/playground", async (c) => {
    const scenes = SCENES.map(({ id, path, about }) => ({ id, url: proxy + path, about }));
    return jsonAnswer(c, { scenes, behavior: await (await reach(behavior)).json() });
  });
  app.post("/playground/ask", async (c) => {
    const startedAt = performance.now();
    const answer = await reach(new URL(proxy + (await scene(c)).path));
    const text = (await answer.text()).slice(0, SHOWN_CHARACTERS);
    const field = (name: string) => answer.headers.get(name);
    return jsonAnswer(c, {
      status: answer.status,
      cache: field("x-cache"),
      cache_status: field("cache-status"),
      age: field("age"),
      took_ms: Math.round((performance.now() - startedAt) * 1000) / 1000,
      text,
    });
  });
  app.post("/playground/put", async (c) => {
    const { id } = await scene(c);
    const answer = await reach(new URL(`/data?id=${id}`, mock), { method: "PUT" });
    return jsonAnswer(c, { status: answer.status });
  });
  app.post("/playground/mood", async (c) => {
    const { mood } = membersOf(await jsonBody(c), ["mood"]);
    if (typeof mood !== "string" || !Object.hasOwn(MOODS, mood))
      throw new ApiError(400, "bad_request", `"mood" must be one of ${Object.keys(MOODS).join(", ")}`);
    // One mood at a time, as its button says.
    await reach(behavior, { method: "DELETE" });
    const change = MOODS[mood as keyof typeof MOODS];
    if (change !== undefined) await reach(behavior, { method: "PUT", body: JSON.stringify(change) });
    return jsonAnswer(c, { behavior: change ?? {} });
  });
}

async function scene(c: Context<AdminEnv>): Promise<(typeof SCENES)[number]> {
  const { id } = membersOf(await jsonBody(c), ["id"]);
  const found = SCENES.find((candidate) => candidate.id === id);
  if (found === undefined) throw new ApiError(400, "bad_request", '"id" must be a scene\'s: 1, 2, 3 or 4');
  return found;
}

async function reach(url: URL, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new ApiError(503, "playground_away", `${url.origin} does not answer`);
  }
}
