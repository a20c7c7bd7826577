/** What a route says, before it is put on the wire. */
export interface Answer {
  readonly status: number;
  /** Field lines exactly as they are sent: name, value, name, value, … */
  readonly fields: readonly string[];
  readonly body?: Uint8Array | ByteSource;
}

/** A body made while it is sent. Without `length` (bytes) it is sent in chunks. */
export interface ByteSource {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly length?: number;
}

/** A request that is not served; the message is a sentence for the person who asked. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly fields: readonly string[];
  constructor(status: number, message: string, fields: readonly string[] = []) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}

/** An answer whose body is `value` as JSON, ended by a newline. */
export const json = (status: number, value: unknown, fields: readonly string[] = []): Answer =>
  jsonText(status, JSON.stringify(value), fields);

/** The same for JSON that is text already. */
export const jsonText = (status: number, text: string, fields: readonly string[] = []): Answer => ({
  status,
  fields: ["Content-Type", "application/json", ...fields],
  body: Buffer.from(`${text}\n`),
});

/** An answer with nothing to say but its status; without content where RFC 9110 §15 forbids it. */
export const bare = (status: number, about: unknown, fields: readonly string[] = []): Answer =>
  mayHaveContent(status) && status !== 205 ? json(status, about, fields) : { status, fields };

/** 204 and 304 end with their header section (RFC 9112 §6.3). */
export const mayHaveContent = (status: number): boolean => status !== 204 && status !== 304;

export const hasFieldLine = (fields: readonly string[], name: string): boolean =>
  fields.some((text, i) => i % 2 === 0 && text.toLowerCase() === name.toLowerCase());
