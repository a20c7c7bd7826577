import type { Cut } from "../cache/cut.ts";
import type { Emit } from "../cache/events.ts";
import { type Origin, OriginError, type OriginRequest, type OriginResponse } from "../cache/ports/origin.ts";
import { hasField } from "../policy/fields.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { isConditional } from "../policy/validate.ts";
import { originOf } from "./address.ts";
import { type Client, type ClientOptions, createClient } from "./client.ts";
import { AttemptError } from "./failure.ts";
import { createHealthChecks, type HealthOptions } from "./health.ts";
import { hedge } from "./hedge.ts";
import { createLeaving } from "./leaving.ts";
import type { MemberLimits, OriginState, Turn } from "./member.ts";
import { createRetryBudget } from "./retry-budget.ts";
import { createRoster } from "./roster.ts";

export interface OriginPoolOptions
  extends Omit<ClientOptions, "bodyFailed">,
    HealthOptions,
    Omit<MemberLimits, "lastTrialMs" | "maxTunnels"> {
  /** The servers behind the proxy, each as scheme://host[:port]. */
  readonly origins: readonly string[];
  /** Second tries for each hundred first ones: see RetryBudget. */
  readonly retryPercent: number;
  /** After so many milliseconds without an answer another origin is asked, too; 0 for never. */
  readonly hedgeAfterMs: number;
  /** Who checks the health of origins; this pool itself when absent. */
  readonly healthChecks?: typeof createHealthChecks;
  readonly emit: Emit;
  readonly now: () => EpochMs;
  /** Milliseconds of a clock that never jumps; performance.now when absent. */
  readonly elapsed?: () => number;
}

export interface OriginPool extends Origin {
  states(): OriginState[];
  /** The next healthy origin, for those who speak to it themselves. */
  turn(): Turn | undefined;
  /** What they say to whoever asked, where there is none. */
  nobody(): OriginError;
  /** After the first round of health checks, whatever it found. */
  readonly ready: Promise<void>;
  /** Checks the health of every origin now. Never rejects. */
  checkAll(): Promise<void>;
  /**
   * From now on these are the origins, and this is how they are asked; those named as draining get no new
   * requests. What is under way ends as it began. Resolves when the new ones have been checked once.
   */
  apply(options: OriginPoolOptions, draining: readonly string[]): Promise<void>;
  /** Cuts off what is under way; a drain comes before it. */
  close(): Promise<void>;
}

/** An origin whose requests go unanswered is tried again this often, or at its health checks' interval. */
const LAST_TRIAL_MS = 10_000;

/** A group of servers with the same resources, the healthy ones of which take turns. */
export function createOriginPool(options: OriginPoolOptions): OriginPool {
  const { emit, now, elapsed = performance.now.bind(performance) } = options;
  let settings = options;
  const failure = ({ origin, code, message }: OriginError) =>
    ({ type: "origin-failed", origin, code, message }) as const;
  const tellFailure = (error: OriginError): void => emit(failure(error));
  const bodyFailed = (error: OriginError): void => emit({ ...failure(error), answered: true });
  const clientFor = (origin: string): Client => createClient(origin, { ...settings, bodyFailed });
  let clients = options.origins.map(clientFor);
  const leaving = createLeaving();
  const roster = createRoster(clients, { limits: limitsOf(options), emit, now, elapsed });
  let budget = createRetryBudget(options.retryPercent);
  const health = (options.healthChecks ?? createHealthChecks)(
    clients.map(({ origin }) => origin),
    options,
    roster.checked,
  );

  /** `otherwise`: what becomes of its error, which is told by then. */
  function attempt(
    turn: Turn,
    request: OriginRequest,
    signal: Cut,
    headMs?: number,
    otherwise: (error: unknown) => Promise<OriginResponse> = rethrow,
  ): Promise<OriginResponse> {
    const startedAt = elapsed();
    const outcome = turn.began();
    return turn.client.send(request, signal, headMs).then(
      (response) => {
        const { origin, status } = response;
        outcome.answered(status);
        emit({
          type: "origin-answered",
          origin,
          status,
          headMs: elapsed() - startedAt,
          conditional: isConditional(request.fields),
        });
        return response;
      },
      (error: unknown) => {
        if (error instanceof OriginError) {
          emit({ ...failure(error), ...(isConditional(request.fields) ? { conditional: true } : {}) });
          outcome.failed(error);
        }
        return otherwise(error);
      },
    );
  }

  /** Who may be asked a second time, if anybody? */
  function secondTurn(error: unknown, request: OriginRequest, first: Turn): Turn | undefined {
    if (!isReplayable(request) || !cameToNothing(error)) return undefined;
    // Nobody has seen the request: to send it again adds nothing to anybody's load.
    if (error.facts.progress === "unconnected") return roster.otherThan(first);
    // A kept connection that the origin had closed meanwhile says nothing about the origin.
    if (error.code === "reset" && error.facts.connectionReused) return roster.otherThan(first) ?? first;
    return otherWithinBudget(first);
  }

  function otherWithinBudget(first: Turn): Turn | undefined {
    const other = roster.otherThan(first);
    return other !== undefined && budget.take() ? other : undefined;
  }

  function tryTwice(first: Turn, request: OriginRequest, signal: Cut): Promise<OriginResponse> {
    const startedAt = elapsed();
    /** One time limit for both tries. */
    const leftMs = () => Math.ceil(settings.headersTimeoutMs - (elapsed() - startedAt));
    let hedged = false;

    function beside() {
      const other = leftMs() > 0 ? otherWithinBudget(first) : undefined;
      if (other === undefined) return undefined;
      hedged = true;
      const { onInterim: _, ...quiet } = request;
      return (cut: Cut) => attempt(other, quiet, cut, leftMs());
    }
    const again = (error: unknown): Promise<OriginResponse> => {
      const second = hedged || leftMs() <= 0 ? undefined : secondTurn(error, request, first);
      return second === undefined ? rethrow(error) : attempt(second, request, signal, leftMs());
    };
    const { hedgeAfterMs } = settings;
    return hedgeAfterMs > 0 && isShareable(request)
      ? hedge(signal, hedgeAfterMs, (cut) => attempt(first, request, cut), beside).catch(again)
      : attempt(first, request, signal, undefined, again);
  }

  return {
    send(request, signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      const first = roster.turn();
      if (first === undefined) {
        const error = roster.nobody();
        tellFailure(error);
        return Promise.reject(error);
      }
      budget.sent();
      return tryTwice(first, request, signal);
    },
    anyHealthy: roster.anyHealthy,
    states: roster.states,
    turn: () => roster.turn(),
    nobody: roster.nobody,
    ready: health.ready,
    checkAll: health.checkAll,
    async apply(changed, draining) {
      const before = settings;
      settings = changed;
      if (before.retryPercent !== changed.retryPercent) budget = createRetryBudget(changed.retryPercent);
      const keep = isAskedAlike(before, changed) ? clients : [];
      const stale = clients;
      clients = changed.origins.map((address) => {
        const origin = originOf(address);
        return keep.find((client) => client.origin === origin) ?? clientFor(origin);
      });
      roster.apply(clients, new Set(draining), limitsOf(changed));
      for (const client of stale) if (!clients.includes(client)) leaving.add(client);
      await health.apply(
        clients.map(({ origin }) => origin),
        changed,
      );
    },
    async close() {
      await health.close();
      await Promise.all([...clients.map((client) => client.close()), leaving.close()]);
    },
  };
}

const rethrow = (error: unknown): Promise<never> => Promise.reject(error);

const limitsOf = (options: OriginPoolOptions): MemberLimits => ({
  breakAfter: options.breakAfter,
  lastTrialMs: Math.min(options.healthCheckIntervalMs, LAST_TRIAL_MS),
  ejectAfter: options.ejectAfter,
  ejectForMs: options.ejectForMs,
  slowStartMs: options.slowStartMs,
  maxTunnels: options.connections,
});

const OF_CLIENTS = [
  "connectTimeoutMs",
  "headersTimeoutMs",
  "bodyTimeoutMs",
  "connections",
  "queue",
  "preserveHost",
] as const satisfies readonly (keyof ClientOptions)[];

/** Can the same client go on? */
const isAskedAlike = (one: ClientOptions, other: ClientOptions): boolean =>
  OF_CLIENTS.every((name) => one[name] === other[name]);

/** Sent twice, it does no more than sent once, and we can send it twice: its bytes are still there. */
const isReplayable = ({ method, body }: OriginRequest): boolean =>
  (method === "GET" || method === "HEAD") && body === undefined;

/** What a cache may ask for in another's name as well. */
const isShareable = (request: OriginRequest): boolean =>
  request.method === "GET" && isReplayable(request) && !hasField(request.fields, "authorization");

/** The origin failed and was not silent for all the time there is, and not one byte of a response had come. */
const cameToNothing = (error: unknown): error is AttemptError =>
  error instanceof AttemptError &&
  error.code !== "malformed" &&
  error.code !== "timeout" &&
  (error.facts.progress === "unconnected" || error.facts.progress === "connected");
