import { StoreError } from "../cache/ports/store.ts";

/** What one end may ask the other: by name, with one thing given or none. */
export type Questions = { readonly [name: string]: (given: never) => unknown };

type Given<Q extends Questions, Name extends keyof Q> = Parameters<Q[Name]>[0];

export type Answers<Q extends Questions> = {
  readonly [Name in keyof Q]: (given: Given<Q, Name>) => ReturnType<Q[Name]> | Promise<ReturnType<Q[Name]>>;
};

/** What passes between two processes, as it is sent. `of` tells it from messages of Node and others. */
type Message =
  | { readonly of: "freshline"; readonly type: "ask"; readonly id: number; name: string; given: unknown }
  | { readonly of: "freshline"; readonly type: "answer"; readonly id: number; answer: unknown }
  | { readonly of: "freshline"; readonly type: "failure"; readonly id: number; failure: Failure };

/** An error, as it passes: a copy of one loses its class and its code. */
interface Failure {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: unknown;
  readonly syscall: unknown;
  readonly address: unknown;
  readonly hostname: unknown;
  readonly port: unknown;
}

/** The other end did not answer in time (`late`), or is gone (`gone`); or more is asked than may be at once (`busy`). */
export class WireError extends Error {
  override readonly name = "WireError";
  readonly code: "late" | "gone" | "busy";
  constructor(code: WireError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** Questions that may wait for their answers at once. */
const MAX_WAITING = 10_000;

interface Waiting {
  resolve(answer: never): void;
  reject(error: Error): void;
}

/**
 * One end of the line between a worker and the process that started it: each may ask the other.
 * Messages arrive in the order in which they were sent, answers among them.
 */
export class Wire<Asks extends Questions, Answered extends Questions> {
  readonly #send: (message: unknown) => void;
  readonly #answers: Answers<Answered>;
  readonly #waiting = new Map<number, Waiting>();
  #id = 0;
  #closed = false;

  /** `send` may throw where nobody hears. */
  constructor(send: (message: unknown) => void, answers: Answers<Answered>) {
    this.#send = send;
    this.#answers = answers;
  }

  /** Asks, and waits so many milliseconds. Rejects with WireError, or with the other end's own error. */
  ask<Name extends keyof Asks & string>(
    name: Name,
    given: Given<Asks, Name>,
    patienceMs: number,
  ): Promise<ReturnType<Asks[Name]>> {
    if (this.#closed) return Promise.reject(new WireError("gone", "the other process is gone"));
    if (this.#waiting.size >= MAX_WAITING)
      return Promise.reject(new WireError("busy", `${MAX_WAITING} questions wait already`));
    const id = ++this.#id;
    return new Promise<never>((resolve, reject) => {
      const late = () => reject(new WireError("late", `no answer to ${name} within ${patienceMs} ms`));
      const timer = setTimeout(late, patienceMs);
      this.#waiting.set(id, {
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      try {
        this.#send({ of: "freshline", type: "ask", id, name, given } satisfies Message);
      } catch (cause) {
        this.#waiting.get(id)?.reject(cause instanceof Error ? cause : new Error(String(cause)));
      }
    }).finally(() => this.#waiting.delete(id));
  }

  /** Says something that needs no answer; lost where nobody hears. */
  tell<Name extends keyof Asks & string>(name: Name, given: Given<Asks, Name>): void {
    this.#post({ of: "freshline", type: "ask", id: 0, name, given });
  }

  /** What the process got; messages of others are none of ours. */
  readonly receive = (received: unknown): void => {
    if (typeof received !== "object" || received === null || !("of" in received)) return;
    const message = received as Message;
    switch (message.type) {
      case "ask":
        void this.#answer(message);
        return;
      case "answer":
        this.#waiting.get(message.id)?.resolve(message.answer as never);
        return;
      case "failure":
        this.#waiting.get(message.id)?.reject(errorOf(message.failure));
        return;
    }
  };

  /** The other process is gone: nothing that waits will be answered. */
  close(): void {
    this.#closed = true;
    for (const { reject } of this.#waiting.values())
      reject(new WireError("gone", "the other process is gone"));
  }

  async #answer({ id, name, given }: Message & { type: "ask" }): Promise<void> {
    try {
      const answer = await this.#answers[name]?.(given as never);
      if (id !== 0 && !this.#closed)
        this.#send({ of: "freshline", type: "answer", id, answer } satisfies Message);
    } catch (error) {
      if (id !== 0) this.#post({ of: "freshline", type: "failure", id, failure: failureOf(error) });
    }
  }

  #post(message: Message): void {
    try {
      if (!this.#closed) this.#send(message);
    } catch {
      // Who is gone is told by an event of its own.
    }
  }
}

function failureOf(error: unknown): Failure {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const { code, syscall, address, hostname, port } = Object(error) as Record<string, unknown>;
  return { name, message, stack, code, syscall, address, hostname, port };
}

function errorOf({ name, message, stack, ...facts }: Failure): Error {
  if (name === "StoreError") return new StoreError(facts.code as StoreError["code"], message);
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  return Object.assign(new Error(message), { name, stack }, Object.fromEntries(known));
}
