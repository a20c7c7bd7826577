import type { Emit } from "../cache/events.ts";
import { type Origin, OriginError, type OriginRequest, type OriginResponse } from "../cache/ports.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { isConditional } from "../policy/validate.ts";
import { type ClientOptions, createClient } from "./client.ts";
import { AttemptError } from "./failure.ts";
import { createHealthChecks, type HealthOptions } from "./health.ts";
import { createRoster, type OriginState, type Turn } from "./roster.ts";

export interface OriginPoolOptions extends Omit<ClientOptions, "bodyFailed">, HealthOptions {
  /** The servers behind the proxy, each as scheme://host[:port]. */
  readonly origins: readonly string[];
  readonly emit: Emit;
  readonly now: () => EpochMs;
}

export interface OriginPool extends Origin {
  states(): OriginState[];
  /** The next healthy origin, for those who speak to it themselves. */
  turn(): Turn | undefined;
  /** After the first round of health checks, whatever it found. */
  readonly ready: Promise<void>;
  /** Checks the health of every origin now. Never rejects. */
  checkAll(): Promise<void>;
  /** Cuts off what is under way; a drain comes before it. */
  close(): Promise<void>;
}

/** A group of servers with the same resources, the healthy ones of which take turns. */
export function createOriginPool(options: OriginPoolOptions): OriginPool {
  const { emit, now } = options;
  const failure = ({ origin, code, message }: OriginError) =>
    ({ type: "origin-failed", origin, code, message }) as const;
  const tellFailure = (error: OriginError): void => emit(failure(error));
  const bodyFailed = (error: OriginError): void => emit({ ...failure(error), answered: true });
  const clients = options.origins.map((origin) => createClient(origin, { ...options, bodyFailed }));
  const roster = createRoster(clients, emit, now, options.connections);
  const health = createHealthChecks(
    clients.map(({ origin }) => origin),
    options,
    roster.checked,
  );

  async function attempt(turn: Turn, request: OriginRequest, signal: AbortSignal): Promise<OriginResponse> {
    const startedAt = now();
    try {
      const response = await turn.client.send(request, signal);
      const { origin, status } = response;
      emit({
        type: "origin-answered",
        origin,
        status,
        headMs: now() - startedAt,
        conditional: isConditional(request.fields),
      });
      return response;
    } catch (error) {
      if (error instanceof OriginError) {
        tellFailure(error);
        if (error.code === "refused") turn.refused();
      }
      throw error;
    }
  }

  /** Who may be asked a second time, if anybody? */
  function secondTurn(error: unknown, request: OriginRequest, first: Turn): Turn | undefined {
    if (!isReplayable(request) || !cameToNothing(error)) return undefined;
    const other = roster.turn(first);
    if (other !== undefined) return other;
    // A kept connection that the origin had closed meanwhile says nothing about the origin.
    return error.code === "reset" && error.facts.connectionReused ? first : undefined;
  }

  return {
    async send(request, signal) {
      signal.throwIfAborted();
      const first = roster.turn();
      if (first === undefined) {
        const error = new OriginError("no-healthy-origin", "no origin is healthy");
        tellFailure(error);
        throw error;
      }
      try {
        return await attempt(first, request, signal);
      } catch (error) {
        const second = secondTurn(error, request, first);
        if (second === undefined) throw error;
        return attempt(second, request, signal);
      }
    },
    anyHealthy: roster.anyHealthy,
    states: roster.states,
    turn: () => roster.turn(),
    ready: health.ready,
    checkAll: health.checkAll,
    async close() {
      await health.close();
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

/** Sent twice, it does no more than sent once, and we can send it twice: its bytes are still there. */
const isReplayable = ({ method, body }: OriginRequest): boolean =>
  (method === "GET" || method === "HEAD") && body === undefined;

/** The origin failed, and not one byte of a response had come. */
const cameToNothing = (error: unknown): error is AttemptError =>
  error instanceof AttemptError &&
  error.code !== "malformed" &&
  (error.facts.progress === "unconnected" || error.facts.progress === "connected");
