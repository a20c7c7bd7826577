import { isDeepStrictEqual } from "node:util";
import { ApiError } from "../admin/errors.ts";
import type { OriginSteered, Reloaded, Steering } from "../admin/steering.ts";
import { StoreError } from "../cache/ports/store.ts";
import { originUrl } from "../config/addresses.ts";
import { changesOf, emptyingChanges, reloaded, type Settled } from "../config/changes.ts";
import type { SettingName } from "../config/settings.ts";
import type { Config, Loaded } from "../config.ts";

/** What an operator has changed while the proxy serves. */
export type SteeringNews =
  | ({ readonly type: "reload" } & Reloaded)
  | { readonly type: "origin"; readonly what: "added" | "draining" | "removed"; readonly origin: string };

interface SteeringDeps {
  readonly settled: Settled;
  /** Reads the settings again from where they were read. */
  readonly reread: () => Loaded;
  /**
   * Takes over what of these settings can change now, and the origins they name, without dropping a
   * request; those that drain are named. Resolves when origins that are new have been checked once.
   */
  readonly apply: (config: Config, draining: readonly string[]) => Promise<void>;
  /** Purges everything. Rejects with StoreError. */
  readonly empty: () => Promise<unknown>;
  readonly tell: (news: SteeringNews) => void;
}

/** Origins that may be in turn or draining at once. */
const MAX_ORIGINS = 1000;
/** Changes that may wait for one another. */
const MAX_WAITING = 100;

export interface SteeringInForce extends Steering {
  config(): Config;
}

/** Changes settings and origins, one change at a time. */
export function createSteering({ settled, reread, apply, empty, tell }: SteeringDeps): SteeringInForce {
  let inForce = settled;
  /** Those there are: what ORIGINS says, and what was changed since. */
  let origins: readonly string[] = settled.config.ORIGINS;
  let draining: ReadonlySet<string> = new Set();
  /** Settings that have changed, while the cache has not been emptied since. */
  let owed: readonly SettingName[] = [];
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  function inTurn<T>(change: () => Promise<T>): Promise<T> {
    if (waiting >= MAX_WAITING)
      return Promise.reject(new ApiError(429, "too_many_requests", `${MAX_WAITING} changes wait already`));
    waiting++;
    const turn = last.then(change).finally(() => {
      waiting--;
    });
    last = turn.catch(() => {});
    return turn;
  }

  async function become(config: Config, these: readonly string[], drained: ReadonlySet<string>) {
    const arrive = these.some((origin) => !origins.includes(origin));
    const leave = origins.some((origin) => !these.includes(origin));
    const all = [...new Set([...origins, ...these])];
    origins = these;
    draining = drained;
    // Those that come have been checked before those go in whose place they come.
    if (arrive && leave) await apply({ ...config, ORIGINS: all }, [...drained]);
    await apply({ ...config, ORIGINS: these }, [...drained]);
  }

  async function reload(): Promise<Reloaded> {
    const written = reread();
    if (!written.ok) return { result: "refused", errors: written.errors };
    const next = reloaded(inForce, written);
    const changes = changesOf(inForce, written);
    const emptied = [...new Set([...owed, ...emptyingChanges(inForce.config, next.config)])];
    const renamed = !isDeepStrictEqual(inForce.config.ORIGINS, next.config.ORIGINS);
    // Before anything changes: what cannot be emptied must not be believed less.
    if (emptied.length > 0) await emptyFor(emptied);
    owed = emptied;
    inForce = next;
    await become(next.config, renamed ? next.config.ORIGINS : origins, renamed ? new Set() : draining);
    if (emptied.length > 0) await emptyFor(emptied);
    owed = [];
    return { result: "reloaded", changes, emptied };
  }

  async function emptyFor(names: readonly string[]): Promise<void> {
    try {
      await empty();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const why = `a change of ${names.join(" and ")} empties the cache, which failed`;
      throw new StoreError(error.code, `${why}: ${error.message}`, { cause: error });
    }
  }

  async function addOrigin(text: string): Promise<OriginSteered> {
    const parsed = originUrl.parse(text);
    if (!parsed.ok) return { refused: "bad_request", detail: parsed.problems.join("; ") };
    const origin = parsed.value;
    const known = origins.includes(origin);
    if (known && !draining.has(origin))
      return { refused: "origin_exists", detail: `${origin} is there already` };
    if (!known && origins.length >= MAX_ORIGINS)
      return { refused: "too_many_origins", detail: `${MAX_ORIGINS} origins are there already` };
    await become(inForce.config, known ? origins : [...origins, origin], without(draining, origin));
    tell({ type: "origin", what: "added", origin });
    return { origin, added: !known };
  }

  async function drainOrigin(text: string): Promise<OriginSteered> {
    const origin = named(text);
    if (!origins.includes(origin)) return unknown(text);
    if (!othersInTurn(origin)) return lastOne(origin, "drained");
    await become(inForce.config, origins, new Set([...draining, origin]));
    tell({ type: "origin", what: "draining", origin });
    return { origin, added: false };
  }

  async function removeOrigin(text: string): Promise<OriginSteered> {
    const origin = named(text);
    if (!origins.includes(origin)) return unknown(text);
    if (!othersInTurn(origin)) return lastOne(origin, "removed");
    const others = origins.filter((other) => other !== origin);
    await become(inForce.config, others, without(draining, origin));
    tell({ type: "origin", what: "removed", origin });
    return { origin, added: false };
  }

  const othersInTurn = (origin: string): boolean =>
    origins.some((other) => other !== origin && !draining.has(other));

  return {
    config: () => inForce.config,
    settings: () => inForce.settings,
    reload: () =>
      inTurn(async () => {
        const outcome = await reload();
        tell({ type: "reload", ...outcome });
        return outcome;
      }),
    addOrigin: (text) => inTurn(() => addOrigin(text)),
    drainOrigin: (text) => inTurn(() => drainOrigin(text)),
    removeOrigin: (text) => inTurn(() => removeOrigin(text)),
  };
}

/** As a setting would name it; what is no origin's name is nobody's. */
function named(text: string): string {
  const parsed = originUrl.parse(text);
  return parsed.ok ? parsed.value : text;
}

const unknown = (text: string): OriginSteered => ({
  refused: "unknown_origin",
  detail: `${JSON.stringify(text)} is no origin of this proxy; GET /origins lists them`,
});

const lastOne = (origin: string, what: string): OriginSteered => ({
  refused: "last_origin",
  detail: `${origin} is the last origin in turn, and cannot be ${what}; add another one first`,
});

const without = (all: ReadonlySet<string>, one: string): ReadonlySet<string> =>
  new Set([...all].filter((each) => each !== one));
