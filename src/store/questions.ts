import { randomUUID } from "node:crypto";
import type { RedisConnection } from "./connection.ts";
import { ALIVE_MS, type Changing, instancesKey, until } from "./instances.ts";
import { parseJson } from "./json.ts";
import { runScript } from "./redis-command.ts";
import { checkNamespace } from "./redis-layout.ts";
import { ASK } from "./redis-scripts.ts";
import type { Listener } from "./wake-up.ts";

export interface QuestionsOptions {
  readonly connection: RedisConnection;
  readonly namespace: string;
  /** What this instance is called; no other may have the name. */
  readonly instance: string;
  /** Milliseconds that others may take to answer. Default 300. */
  readonly patienceMs?: number;
}

type Message = readonly [kind: "ask" | "answer", id: string, from: string, text: string];

/** More instances are not asked. */
const MAX_INSTANCES = 100;
/** Questions of our own that wait at once, and of others that are being answered; more are not. */
const MAX_AT_ONCE = 100;

interface Waiting extends Changing {
  readonly answers: Map<string, string>;
}

/**
 * What do the other instances say?
 *
 * Each hears questions, and answers to its own, on a channel of its own, over the connection that wakes
 * the purge log. Who is there is known from the purge log's instances. Nobody asks unless somebody wants
 * to know, and then it costs a message to each and one back.
 */
export class RedisQuestions {
  readonly name: string;
  /** To be heard over the connection that wakes the purge log. */
  readonly listener: Listener;
  readonly #options: QuestionsOptions;
  readonly #channels: string;
  readonly #waiting = new Map<string, Waiting>();
  #answer: ((question: string) => Promise<string>) | undefined;
  #answering = 0;
  #hearing = false;

  constructor(options: QuestionsOptions) {
    this.name = options.instance;
    this.#options = options;
    this.#channels = `${checkNamespace(options.namespace)}:asked:`;
    this.listener = {
      channel: this.#channels + options.instance,
      onMessage: (message) => this.#heard(message),
      onHearing: (hearing) => {
        this.#hearing = hearing;
        for (const { changed } of this.#waiting.values()) changed();
      },
    };
  }

  /** How this instance answers others; until then it does not. */
  answerWith(answer: (question: string) => Promise<string>): void {
    this.#answer = answer;
  }

  /**
   * What each of the other instances that are alive answers, at most 100 of them; undefined of those
   * that have not answered in time. Empty where Redis does not say who is there. Never rejects.
   */
  async ask(question: string): Promise<ReadonlyMap<string, string | undefined>> {
    if (this.#waiting.size >= MAX_AT_ONCE) return new Map();
    const { connection, namespace, patienceMs = 300 } = this.#options;
    const id = randomUUID();
    const waiting: Waiting = { answers: new Map(), changed: () => {} };
    // An answer may be here before Redis says who was asked.
    this.#waiting.set(id, waiting);
    const deadline = performance.now() + patienceMs;
    try {
      const message = JSON.stringify(["ask", id, this.name, question] satisfies Message);
      const args = [this.name, ALIVE_MS, MAX_INSTANCES, this.#channels, message];
      const reply = await connection.run((client) => runScript(client, ASK, [instancesKey(namespace)], args));
      const asked = Array.isArray(reply) ? reply.map(String) : [];
      const isOver = () => !this.#hearing || asked.every((name) => waiting.answers.has(name));
      await until(waiting, isOver, deadline);
      return new Map(asked.map((name) => [name, waiting.answers.get(name)]));
    } catch {
      // The connection tells of that.
      return new Map();
    } finally {
      this.#waiting.delete(id);
    }
  }

  #heard(text: string): void {
    const message = parseMessage(text);
    if (message === undefined) return;
    const [kind, id, from, said] = message;
    if (kind === "ask") {
      void this.#reply(id, from, said);
      return;
    }
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || waiting.answers.size >= MAX_INSTANCES) return;
    waiting.answers.set(from, said);
    waiting.changed();
  }

  async #reply(id: string, asker: string, question: string): Promise<void> {
    if (this.#answer === undefined || this.#answering >= MAX_AT_ONCE) return;
    this.#answering++;
    try {
      const answer = await this.#answer(question);
      const message = JSON.stringify(["answer", id, this.name, answer] satisfies Message);
      await this.#options.connection.run((client) => client.publish(this.#channels + asker, message));
    } catch {
      // Who asked goes on without.
    } finally {
      this.#answering--;
    }
  }
}

function parseMessage(text: string): Message | undefined {
  const message = parseJson(text);
  if (!Array.isArray(message) || message.length !== 4) return undefined;
  if (!message.every((part) => typeof part === "string")) return undefined;
  return message[0] === "ask" || message[0] === "answer" ? (message as unknown as Message) : undefined;
}
