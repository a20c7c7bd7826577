import type { Command, Redis } from "ioredis";
import { StoreError } from "../cache/ports/store.ts";
import { Deadlines, Waiting } from "./deadlines.ts";

export interface FieldValues {
  /** In the order that was asked for; null where the hash has no such field, or is not there. */
  readonly values: readonly (Buffer | null)[];
  /** Gives their memory back, where it is used again: nobody reads them any more. Only the first call counts. */
  readonly giveBack?: () => void;
}

/** How a read was answered before, and what came of it. */
export interface Answered {
  /** All bytes of the reply. */
  readonly reply: Buffer;
  readonly with: FieldValues;
}

type PipelineStream = Extract<NonNullable<Parameters<Redis["sendCommand"]>[1]>, { isPipeline: true }>;

/** Who hears what came of each read (breaker.ts). */
export interface Outcomes {
  succeeded(): void;
  /** Answers what the read is rejected with. */
  rejected(cause: Error): Error;
}

/**
 * Reads fields of hashes, all that are asked for in one turn of the event loop with one write.
 *
 * What `hmgetBuffer` does, for a third of its CPU: without the promises, the timer and the pipeline that
 * ioredis has for each command. Its queue, its decoder and what it does when a connection closes remain.
 */
export class HashReads {
  readonly #client: Redis;
  readonly #asker: Asker;
  #batch: HashRead[] = [];

  constructor(client: Redis, timeoutMs: number, outcomes: Outcomes) {
    this.#client = client;
    this.#asker = { outcomes, deadlines: new Deadlines(timeoutMs), outOfStep: this.#outOfStep };
  }

  /**
   * Rejects with what `outcomes` makes of Redis' own error, of ioredis', or of a StoreError where no answer came in time.
   * Where Redis may answer as it has `before`, byte for byte, what came of that is the answer, the same object.
   */
  read(name: string, fields: readonly string[], before?: Answered): Promise<FieldValues> {
    return new Promise((resolve, reject) => {
      const read = new HashRead(name, fields, before, this.#asker, resolve, reject);
      this.#asker.deadlines.begin(read);
      if (this.#batch.length === 0) setImmediate(this.#send);
      this.#batch.push(read);
    });
  }

  /** No later answer on this connection can be told from another's. */
  readonly #outOfStep = (): void => {
    this.#client.stream.destroy();
  };

  /** Not before all are known: commands that are written otherwise meanwhile come before them in ioredis' queue, too. */
  readonly #send = (): void => {
    const batch = this.#batch;
    this.#batch = [];
    let text = "";
    const stream: PipelineStream = {
      isPipeline: true,
      destination: { redis: this.#client },
      write: (data) => {
        text += data;
      },
    };
    for (const read of batch) {
      // It asks of a command what this has, and rejects it where it cannot be sent.
      if (read.at !== undefined) this.#client.sendCommand(read as unknown as Command, stream);
    }
    if (text === "") return;
    // Of ASCII they are the same bytes, and Node makes less of those: it knows how many they are.
    this.#client.stream.write(text, Buffer.byteLength(text) === text.length ? "latin1" : "utf8");
  };
}

interface Asker {
  readonly outcomes: Outcomes;
  readonly deadlines: Deadlines;
  readonly outOfStep: () => void;
}

/** One HMGET, as much of a command as ioredis needs to know. */
export class HashRead extends Waiting {
  readonly name = "hmget";
  /** Told to nobody beside us. */
  readonly isTraced = true;
  readonly promise = undefined;
  readonly asBefore: Answered | undefined;
  readonly #key: string;
  readonly #fields: readonly string[];
  readonly #asker: Asker;
  readonly #resolve: (values: FieldValues) => void;
  readonly #reject: (error: Error) => void;

  constructor(
    key: string,
    fields: readonly string[],
    before: Answered | undefined,
    asker: Asker,
    resolve: (values: FieldValues) => void,
    reject: (error: Error) => void,
  ) {
    super();
    this.asBefore = before;
    this.#key = key;
    this.#fields = fields;
    this.#asker = asker;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get args(): readonly string[] {
    return [this.#key, ...this.#fields];
  }

  get fieldCount(): number {
    return this.#fields.length;
  }

  /** Its reply, as hash-replies.ts has read it. */
  take(answer: FieldValues): void {
    if (!this.#ends()) return;
    this.#asker.outcomes.succeeded();
    this.#resolve(answer);
  }

  setReplyContext(): void {}

  /** It has a deadline of its own. */
  setTimeout(): void {}

  toWritable(): string {
    const { head, tail } = around(this.#fields);
    return `${head}${Buffer.byteLength(this.#key)}\r\n${this.#key}${tail}`;
  }

  /** Its reply, as ioredis has read it. */
  resolve(reply: unknown): void {
    if (areValues(reply, this.fieldCount)) this.take({ values: reply });
    else {
      this.reject(new Error("the answer to another command"));
      this.#asker.outOfStep();
    }
  }

  reject(error: Error): void {
    if (this.#ends()) this.#rejected(error);
  }

  override late(): void {
    this.#rejected(new StoreError("timeout", "Redis did not answer in time"));
  }

  #rejected(error: Error): void {
    this.#reject(this.#asker.outcomes.rejected(error));
  }

  /** Has anybody waited for it until now? What comes late is nothing that came. */
  #ends(): boolean {
    const isAwaited = this.at !== undefined;
    this.#asker.deadlines.end(this);
    return isAwaited;
  }
}

/** What is said before the length of the key and behind the key. */
interface Around {
  readonly head: string;
  readonly tail: string;
}

const AROUND = new WeakMap<readonly string[], Around>();

/** Most reads are of the same list of fields, and it is the same object. */
function around(fields: readonly string[]): Around {
  const known = AROUND.get(fields);
  if (known !== undefined) return known;
  const named = fields.map((field) => `$${Buffer.byteLength(field)}\r\n${field}\r\n`).join("");
  const made = { head: `*${fields.length + 2}\r\n$5\r\nhmget\r\n$`, tail: `\r\n${named}` };
  AROUND.set(fields, made);
  return made;
}

/** Answers that have got out of step with their questions are of any type (in-step.ts). */
const areValues = (reply: unknown, length: number): reply is FieldValues["values"] =>
  Array.isArray(reply) && reply.length === length && reply.every(isValue);

const isValue = (value: unknown): boolean => value === null || Buffer.isBuffer(value);
