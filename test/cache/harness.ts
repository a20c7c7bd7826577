import type { Arrivals } from "../../src/cache/arrivals.ts";
import { Coalescer } from "../../src/cache/coalesce.ts";
import { type CacheEvent, createEvents } from "../../src/cache/events.ts";
import type { CacheRequest, CacheResponse } from "../../src/cache/exchange.ts";
import { createFetch } from "../../src/cache/fetch.ts";
import { FlightBudget } from "../../src/cache/flight-budget.ts";
import { createForward } from "../../src/cache/forward.ts";
import { createHandler } from "../../src/cache/handle.ts";
import { hiding } from "../../src/cache/hide-fields.ts";
import { createKeep } from "../../src/cache/keep.ts";
import type { Leases } from "../../src/cache/leases.ts";
import { createLookup } from "../../src/cache/lookup.ts";
import type { ByteStream } from "../../src/cache/ports/body.ts";
import {
  type Origin,
  OriginError,
  type OriginRequest,
  type OriginResponse,
} from "../../src/cache/ports/origin.ts";
import type {
  Acknowledged,
  PurgeLog,
  PurgeMode,
  PurgeNews,
  PurgeTarget,
} from "../../src/cache/ports/purge-log.ts";
import {
  type Entry,
  type Inspected,
  type Lookup,
  type Store,
  StoreError,
} from "../../src/cache/ports/store.ts";
import { Purges } from "../../src/cache/purges.ts";
import { createRefresh } from "../../src/cache/refresh.ts";
import { SearchVariances } from "../../src/cache/search-variances.ts";
import type { Shared } from "../../src/cache/share.ts";
import { UncacheableKeys } from "../../src/cache/uncacheable.ts";
import type { AdmissionSettings } from "../../src/policy/admit.ts";
import { requestDirectives } from "../../src/policy/cache-control.ts";
import { type FieldLines, fieldLineValues, fieldValue } from "../../src/policy/fields.ts";
import { formatHttpDate } from "../../src/policy/http-date.ts";
import type { OnStoreFailure } from "../../src/policy/store-failure.ts";
import { unkeyedFields } from "../../src/policy/unkeyed-fields.ts";
import { LocalPurgeLog } from "../../src/store/local-purge-log.ts";
import { MemoryStore } from "../../src/store/memory.ts";

export const T0 = Date.UTC(2026, 10, 21, 12, 0, 0);
export const ORIGIN = "http://origin.test:4001";
const HOST = "cache.test";
export const uriOf = (target: string): string => `http://${HOST}${target}`;
export const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const textOf = (chunks: readonly Uint8Array[]): string => Buffer.concat(chunks).toString("latin1");

/** Lets everything happen that needs nothing from outside. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A body whose bytes come when the test says so. */
export class ScriptedBody implements ByteStream {
  readonly #waiting: (Uint8Array | { end: true } | { error: unknown })[] = [];
  #wake: (() => void) | undefined;
  /** Chunks that somebody has taken. */
  taken = 0;
  /** The source was told that nobody wants the rest. */
  returned = false;
  iterated = 0;

  push(...chunks: (string | Uint8Array)[]): this {
    for (const chunk of chunks) this.#put(typeof chunk === "string" ? bytesOf(chunk) : chunk);
    return this;
  }
  end(): this {
    return this.#put({ end: true });
  }
  fail(error: unknown = new OriginError("reset", "the body broke off", ORIGIN)): this {
    return this.#put({ error });
  }
  #put(item: Uint8Array | { end: true } | { error: unknown }): this {
    this.#waiting.push(item);
    this.#wake?.();
    return this;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    this.iterated++;
    return {
      next: async () => {
        while (this.#waiting.length === 0 && !this.returned) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        if (this.returned) return { done: true, value: undefined };
        const item = this.#waiting.shift()!;
        if (!(item instanceof Uint8Array)) {
          if ("error" in item) throw item.error;
          return { done: true, value: undefined };
        }
        this.taken++;
        return { done: false, value: item };
      },
      return: async () => {
        this.returned = true;
        this.#wake?.();
        return { done: true, value: undefined };
      },
    };
  }
}

export interface Head {
  readonly status?: number;
  readonly fields?: FieldLines;
  readonly cc?: string;
  readonly etag?: string;
  /** False: the origin has no clock. */
  readonly date?: boolean;
  readonly closeDelimited?: boolean;
}

/** One request that reached the origin, to be answered by the test. */
export class Asked {
  readonly request: OriginRequest;
  readonly signal: AbortSignal;
  readonly answered: Promise<OriginResponse>;
  #resolve: (response: OriginResponse) => void = () => {};
  #reject: (reason: unknown) => void = () => {};
  readonly #now: () => number;
  body: ScriptedBody | undefined;

  constructor(request: OriginRequest, signal: AbortSignal, now: () => number) {
    this.request = request;
    this.signal = signal;
    this.#now = now;
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    signal.addEventListener("abort", () => this.#reject(signal.reason), { once: true });
  }

  field(name: string): string | undefined {
    return fieldValue(this.request.fields, name);
  }

  /** The head now, the body as the test pushes it. */
  begin({ status = 200, fields = [], cc, etag, date = true, closeDelimited }: Head = {}): ScriptedBody {
    const body = new ScriptedBody();
    this.body = body;
    this.#resolve({
      status,
      statusMessage: status === 200 ? "OK" : "Something",
      fields: [
        ...(date ? ["Date", formatHttpDate(this.#now())] : []),
        ...(cc === undefined ? [] : ["Cache-Control", cc]),
        ...(etag === undefined ? [] : ["ETag", etag]),
        ...fields,
      ],
      body,
      origin: ORIGIN,
      ...(closeDelimited === undefined ? {} : { closeDelimited }),
    });
    return body;
  }

  /** Head and body at once. */
  answer(text: string, head: Head = {}): ScriptedBody {
    const body = this.begin({
      ...head,
      fields: ["Content-Length", String(text.length), ...(head.fields ?? [])],
    });
    return (text === "" ? body : body.push(text)).end();
  }

  notModified(head: Head = {}): ScriptedBody {
    return this.begin({ ...head, status: 304 }).end();
  }

  fail(code: OriginError["code"] = "refused"): void {
    this.#reject(new OriginError(code, `origin failed: ${code}`, ORIGIN));
  }
}

/** An origin in memory. Requests wait for the test, unless `script` answers them. */
export class ScriptedOrigin implements Origin {
  readonly asked: Asked[] = [];
  healthy = true;
  script: ((asked: Asked, index: number) => void) | undefined;
  /** Requests that no server was tried for. */
  unroutable = 0;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  async send(request: OriginRequest, signal: AbortSignal): Promise<OriginResponse> {
    signal.throwIfAborted();
    if (!this.healthy) {
      this.unroutable++;
      throw new OriginError("no-healthy-origin", "no origin is healthy");
    }
    const asked = new Asked(request, signal, this.#now);
    this.asked.push(asked);
    this.script?.(asked, this.asked.length - 1);
    return asked.answered;
  }

  anyHealthy(): boolean {
    return this.healthy;
  }

  get last(): Asked {
    const last = this.asked.at(-1);
    if (last === undefined) throw new Error("the origin was asked nothing");
    return last;
  }
}

/** Timers that go off when the test says so. */
export class FakeTimers {
  readonly #pending = new Set<{ callback: () => void; ms: number }>();
  get pending(): number {
    return this.#pending.size;
  }
  readonly timer = (callback: () => void, ms: number): (() => void) => {
    const entry = { callback, ms };
    this.#pending.add(entry);
    return () => void this.#pending.delete(entry);
  };
  /** Lets every pending timer of this length go off. */
  fire(ms: number): void {
    for (const entry of [...this.#pending]) {
      if (entry.ms !== ms) continue;
      this.#pending.delete(entry);
      entry.callback();
    }
  }
}

type Operation = "lookup" | "put" | "freshen" | "drop";

/** The memory store, with faults to order. */
export class FaultyStore implements Store {
  readonly memory: MemoryStore;
  readonly failing = new Set<Operation>();
  /** Held back until the test lets them through. */
  holdPuts: Promise<void> | undefined;

  constructor(memory: MemoryStore) {
    this.memory = memory;
  }
  #check(operation: Operation): void {
    if (this.failing.has(operation)) throw new StoreError("timeout", `${operation} took too long`);
  }
  lookup(key: string, request: FieldLines): Lookup | Promise<Lookup> {
    this.#check("lookup");
    return this.memory.lookup(key, request);
  }
  inspect(key: string): Promise<readonly Inspected[]> {
    return this.memory.inspect(key);
  }
  async put(key: string, entry: Entry): Promise<void> {
    this.#check("put");
    await this.holdPuts;
    await this.memory.put(key, entry);
  }
  async freshen(key: string, entry: Entry): Promise<void> {
    this.#check("freshen");
    await this.holdPuts;
    await this.memory.freshen(key, entry);
  }
  async drop(target: PurgeTarget): Promise<void> {
    this.#check("drop");
    await this.memory.drop(target);
  }
  close(): Promise<void> {
    return this.memory.close();
  }
}

/** The local purge log, which can go away and come back. */
export class FaultyLog implements PurgeLog {
  readonly #log = new LocalPurgeLog();
  #hear: (news: PurgeNews) => void = () => {};
  away = false;
  /** What was really appended, in order. */
  readonly appended: PurgeTarget[] = [];
  /** What the next appends wait for before they fail or succeed. */
  hold: Promise<void> | undefined;
  /** How often an append was tried. */
  tries = 0;

  follow(hear: (news: PurgeNews) => void): void {
    this.#hear = hear;
    this.#log.follow(hear);
  }
  async append(targets: readonly PurgeTarget[], mode: PurgeMode): Promise<number> {
    this.tries++;
    const { hold } = this;
    if (hold !== undefined) await hold;
    if (this.away) throw new StoreError("unavailable", "the purge log is away");
    this.appended.push(...targets);
    return this.#log.append(targets, mode);
  }
  acknowledged(): Promise<Acknowledged> {
    return this.#log.acknowledged();
  }
  /** What `behindMs` says. */
  behind = 0;
  behindMs(): number {
    return this.behind;
  }
  /** Attached again, and nothing was lost meanwhile. */
  reattach(): void {
    this.#hear({ type: "attached" });
  }
  close(): Promise<void> {
    return this.#log.close();
  }
}

export const PATIENCE_MS = 5000;
export const STORE_PATIENCE_MS = 250;
export const GRACE_MS = 10_000;
export const UNCACHEABLE_MS = 120_000;
/** Kept for its validator after the last stale window, in seconds. */
export const KEEP = 600;

export interface ProxyOptions {
  readonly admission?: Partial<AdmissionSettings>;
  readonly maxObjectBytes?: number;
  readonly flightBytes?: number;
  readonly refreshConcurrency?: number;
  readonly uncacheableCapacity?: number;
  /** Of the memory tier; far more than a test fills, where absent. */
  readonly memoryBytes?: number;
  /** None where absent: there is no other instance. */
  readonly leases?: Leases;
  readonly arrivals?: Arrivals;
  readonly onStoreFailure?: OnStoreFailure;
}

export interface Ask {
  readonly method?: string;
  readonly fields?: FieldLines;
  readonly signal?: AbortSignal;
  readonly for?: string;
}

/** What a client saw. */
export interface Seen {
  readonly status: number;
  readonly fields: FieldLines;
  readonly text: string;
  /** The body broke off. */
  readonly broken: boolean;
  readonly response: CacheResponse;
  field(name: string): string | undefined;
  /** X-Cache-Status and X-Cache, as in `HIT/UPDATING`. */
  readonly cache: string;
  readonly cacheStatus: string;
}

/** The whole cache, wired as in production, with its surroundings in the test's hands. */
export function aProxy(options: ProxyOptions = {}) {
  const clock = { at: T0 };
  const now = () => clock.at;
  const events: CacheEvent[] = [];
  const { emit, listen } = createEvents();
  listen((event) => void events.push(event));
  const memory = new MemoryStore({ capacity: options.memoryBytes ?? 256 * 1024 * 1024, now });
  const store = new FaultyStore(memory);
  const log = new FaultyLog();
  const forget = (target: PurgeTarget) => memory.forget(target);
  const timers = new FakeTimers();
  const patience = { storePatienceMs: STORE_PATIENCE_MS, now, timer: timers.timer };
  const free = async () => {};
  const purges = new Purges({ log, emit, forget, free, now, graceMs: GRACE_MS, patience });
  const origin = new ScriptedOrigin(now);
  const uncacheable = new UncacheableKeys(UNCACHEABLE_MS, options.uncacheableCapacity ?? 1000);
  const budget = new FlightBudget(options.flightBytes ?? 64 * 1024 * 1024);
  const maxObjectBytes = options.maxObjectBytes ?? 1024 * 1024;
  const settings: AdmissionSettings = {
    defaultTtl: 0,
    defaultStaleWhileRevalidate: 0,
    defaultStaleIfError: 0,
    keepForValidation: KEEP,
    maxTtl: 30 * 24 * 3600,
    maxObjectBytes,
    allowSetCookie: false,
    profile: "safe",
    tagFields: ["cache-groups", "surrogate-key", "cache-tag", "xkey"],
    unkeyed: unkeyedFields({ stripped: [], keyed: [], passed: [] }),
    ...options.admission,
  };
  const { timer } = timers;
  const elsewhere = options.arrivals === undefined ? {} : { arrivals: options.arrivals };
  const common = { ...elsewhere, purges, uncacheable, budget, limits: settings, now, timer };
  const keep = createKeep({ ...common, store, emit });
  const fetch = createFetch({ origin, settings, epoch: () => purges.epoch, now });
  const coalescer = new Coalescer<Shared>(() => 0);
  const variances = new SearchVariances();
  const lookup = createLookup({ store, purges, emit, now });
  const { leases } = options;
  const forward = createForward({
    ...common,
    ...(leases === undefined ? {} : { leases }),
    lookup,
    variances,
    admission: settings,
    keying: { ignoredParameters: [] },
    origin,
    fetch,
    keep,
    coalescer,
    emit,
    coalescing: { patienceMs: PATIENCE_MS },
    elapsed: () => clock.at - T0,
    storePatienceMs: STORE_PATIENCE_MS,
  });
  const refresh = createRefresh({ forward, origin, concurrency: options.refreshConcurrency ?? 8, emit });
  const onStoreFailure = () => options.onStoreFailure ?? "origin";
  const handle = createHandler({
    lookup,
    forward,
    refresh,
    variances,
    uncacheable,
    onStoreFailure,
    hide: hiding(new Set()),
    now,
  });
  let requests = 0;

  function request(target: string, { method = "GET", fields = [], signal, ...more }: Ask = {}): CacheRequest {
    return {
      id: `request-${++requests}`,
      method,
      uri: uriOf(target),
      target,
      host: HOST,
      fields,
      forwarded: { for: more.for ?? "192.0.2.1", host: HOST, proto: "http" },
      directives: requestDirectives(fields),
      hasBody: false,
      signal: signal ?? new AbortController().signal,
    };
  }

  const head = (target: string, ask?: Ask): Promise<CacheResponse> => handle(request(target, ask));

  /** Head and whole body. */
  const get = async (target: string, ask?: Ask): Promise<Seen> => seen(await head(target, ask));

  /** Puts one answer into the cache. */
  async function prime(target: string, text: string, answer: Head, ask?: Ask): Promise<Seen> {
    const answering = get(target, ask);
    await settled();
    origin.last.answer(text, answer);
    const first = await answering;
    await keep.drain();
    origin.asked.length = 0;
    return first;
  }

  const of = <T extends CacheEvent["type"]>(type: T) =>
    events.filter((event): event is Extract<CacheEvent, { type: T }> => event.type === type);

  return {
    clock,
    now,
    advance: (seconds: number) => {
      clock.at += seconds * 1000;
    },
    events,
    of,
    memory,
    store,
    log,
    purges,
    origin,
    timers,
    uncacheable,
    variances,
    budget,
    keep,
    coalescer,
    forward,
    refresh,
    handle,
    request,
    head,
    get,
    prime,
    drain: async () => {
      await refresh.drain();
      await keep.drain();
    },
    stored: (target: string, fields: FieldLines = []) => memory.lookup(uriOf(target), fields),
  };
}
export type TestProxy = ReturnType<typeof aProxy>;

/** Reads an answer to its end, as a client would. */
export async function seen(response: CacheResponse): Promise<Seen> {
  const chunks: Uint8Array[] = [];
  let broken = false;
  if (response.body.type === "bytes") chunks.push(response.body.bytes);
  if (response.body.type === "stream") {
    try {
      for await (const chunk of response.body.stream) chunks.push(chunk);
    } catch {
      broken = true;
    }
  }
  const field = (name: string) => fieldValue(response.fields, name);
  return {
    status: response.status,
    fields: response.fields,
    text: textOf(chunks),
    broken,
    response,
    field,
    cache: `${field("x-cache-status")}/${field("x-cache")}`,
    cacheStatus: fieldLineValues(response.fields, "cache-status").at(-1) ?? "",
  };
}

/** Everything a stream has, as text. */
export async function drained(stream: ByteStream): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return textOf(chunks);
}

/** A count that a thousand equal answers make readable. */
export function tally(items: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[item] = (counts[item] ?? 0) + 1;
  return counts;
}
