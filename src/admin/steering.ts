import type { Hono } from "hono";
import type { EpochMs } from "../policy/stored-response.ts";
import type { ShownOrigin, ShownSetting } from "./answers.ts";
import { jsonBody } from "./body.ts";
import type { AdminEnv } from "./env.ts";
import { ApiError, jsonAnswer } from "./errors.ts";

/** What an operator may change while the proxy serves. Each takes as long as the checks of new origins. */
export interface Steering {
  /** GET /settings: all of them, secrets masked. */
  settings(): readonly ShownSetting[];
  /** Reads the settings again. Rejects with StoreError where the cache has to be emptied for it and cannot be. */
  reload(): Promise<Reloaded>;
  /** Gives an origin a turn: a new one, or one that was draining. */
  addOrigin(origin: string): Promise<OriginSteered>;
  drainOrigin(origin: string): Promise<OriginSteered>;
  removeOrigin(origin: string): Promise<OriginSteered>;
}

export type Reloaded =
  | {
      readonly result: "reloaded";
      readonly changes: readonly {
        readonly name: string;
        /** As a user would write them, secrets masked. */
        readonly from: string;
        readonly to: string;
        readonly effect: "applied" | "needs a restart";
      }[];
      /** Settings for a change of which the cache was emptied. */
      readonly emptied: readonly string[];
    }
  /** All that is wrong; nothing has changed. */
  | { readonly result: "refused"; readonly errors: readonly string[] };

export type OriginSteered =
  | { readonly origin: string; readonly added: boolean }
  | {
      readonly refused:
        | "bad_request"
        | "unknown_origin"
        | "origin_exists"
        | "last_origin"
        | "too_many_origins";
      readonly detail: string;
    };

export interface OriginStatus {
  /** scheme://host:port */
  readonly origin: string;
  readonly healthy: boolean;
  /** When it became what it is. */
  readonly since: EpochMs;
  readonly lastCheck?: EpochMs | undefined;
  readonly detail: string;
  readonly inFlight: number;
  /** It fails, and gets no turn while others can have it. */
  readonly ejected?: true;
  /** It leaves requests unanswered, and gets but a trial now and then. */
  readonly breakerOpen?: true;
  /** It gets no turn any more. */
  readonly draining?: true;
  /** Changes of its health, the latest last. */
  readonly history: readonly { readonly at: EpochMs; readonly healthy: boolean; readonly detail: string }[];
}

type Origins = () => readonly OriginStatus[] | Promise<readonly OriginStatus[]>;

/** POST /reload, and the routes below /origins. */
export function addSteering(app: Hono<AdminEnv>, steering: Steering, origins: Origins): void {
  app.post("/reload", async (c) => {
    const outcome = await steering.reload();
    if (outcome.result === "reloaded") {
      const { changes, emptied } = outcome;
      return jsonAnswer(c, { changes, emptied });
    }
    const { errors } = outcome;
    const many = errors.length === 1 ? "a setting is wrong" : `${errors.length} settings are wrong`;
    throw new ApiError(422, "settings_refused", `${many}, and nothing has changed`, { errors });
  });

  app.get("/origins", async (c) => jsonAnswer(c, Object.fromEntries((await origins()).map(shownOrigin))));

  async function steered(change: Promise<OriginSteered>): Promise<object> {
    const outcome = await change;
    if ("refused" in outcome) throw refusalOf(outcome);
    const status = (await origins()).find(({ origin }) => origin === outcome.origin);
    return { origin: outcome.origin, ...(status === undefined ? {} : shownOrigin(status)[1]) };
  }
  app.post("/origins", async (c) =>
    jsonAnswer(c, await steered(steering.addOrigin(namedOrigin(await jsonBody(c))))),
  );
  app.post("/origins/drain", async (c) =>
    jsonAnswer(c, await steered(steering.drainOrigin(namedOrigin(await jsonBody(c))))),
  );
  app.delete("/origins", async (c) =>
    jsonAnswer(c, await steered(steering.removeOrigin(namedOrigin({ origin: c.req.query("origin") })))),
  );
}

/** A longer one names nothing. */
const MAX_NAME = 300;

function namedOrigin(given: unknown): string {
  const origin = typeof given === "object" && given !== null && "origin" in given ? given.origin : undefined;
  if (typeof origin === "string" && origin !== "" && origin.length <= MAX_NAME) return origin;
  throw new ApiError(400, "bad_request", "name an origin, such as http://localhost:4001");
}

function refusalOf({ refused, detail }: Extract<OriginSteered, { refused: string }>): ApiError {
  switch (refused) {
    case "bad_request":
      return new ApiError(400, refused, detail);
    case "unknown_origin":
      return new ApiError(404, refused, detail);
    case "origin_exists":
    case "last_origin":
    case "too_many_origins":
      return new ApiError(409, refused, detail);
  }
}

const shownOrigin = (status: OriginStatus): readonly [string, ShownOrigin] => [
  status.origin,
  {
    healthy: status.healthy,
    state: status.draining === true ? "draining" : status.healthy ? "up" : "down",
    since: time(status.since),
    last_check: status.lastCheck === undefined ? null : time(status.lastCheck),
    detail: status.detail,
    in_flight: status.inFlight,
    ejected: status.ejected === true,
    breaker_open: status.breakerOpen === true,
    history: status.history.map(({ at, healthy, detail }) => ({ at: time(at), healthy, detail })),
  },
];

const time = (at: EpochMs): string => new Date(at).toISOString();
