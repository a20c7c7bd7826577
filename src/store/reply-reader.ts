/** What becomes of the replies on one connection. */
export interface ReplyTaker {
  /** Of how many of these bytes is the reply that begins here, where it is one that is known, and is taken so? 0 where it is to be read. */
  readonly repeated: (bytes: Buffer, at: number, length: number) => number;
  /** Of how many values is the list that begins here? Undefined where it answers no read of fields. */
  readonly expected: () => number | undefined;
  /** Memory for one value of such a list; undefined where nobody wants one so long. */
  readonly room: (bytes: number) => Buffer | undefined;
  /** Such a list, whole; null for a value that is not there, or that there was no room for. */
  readonly onValues: (values: (Buffer | null)[]) => void;
  /** Any other reply, or a part of one; never of two. The bytes are others after the call. */
  readonly onOther: (bytes: Buffer) => void;
}

/** What came is not what Redis says: nobody knows where the next reply begins. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** What is being read. */
const TYPE = 0;
const LENGTH = 1;
const LINE = 2;
const LINE_FEED = 3;
const BYTES = 4;
const BYTES_CR = 5;
const BYTES_LF = 6;
type State =
  | typeof TYPE
  | typeof LENGTH
  | typeof LINE
  | typeof LINE_FEED
  | typeof BYTES
  | typeof BYTES_CR
  | typeof BYTES_LF;

/** How a value goes on behind the byte of its type, in RESP2 and RESP3; 0 for what is none. */
const KINDS = new Uint8Array(256);
const TEXT = 1;
const BLOB = 2;
const LIST = 3;
const MAP = 4;
for (const [kind, types] of [
  [TEXT, "+-:_,#("],
  [BLOB, "$!="],
  [LIST, "*~>"],
  [MAP, "%"],
] as const)
  for (const type of Buffer.from(types)) KINDS[type] = kind;

const ARRAY = 42;
const BULK = 36;
const NULL = 95;
const MINUS = 45;
const ZERO = 48;
const CR = 13;
const LF = 10;
/** Of a length: more bytes than there can be. */
const MOST_DIGITS = 10;
/** No reply that is asked for has a longer list in it, for which ioredis would make room as soon as it is announced. */
const MOST_VALUES = 100_000;

/**
 * Where does each reply end, in bytes that come in any pieces? Lists of values that answer reads of fields are taken
 * out of them, copied once; anything else goes on, byte for byte.
 */
export class ReplyReader {
  readonly #taker: ReplyTaker;
  #state: State = TYPE;
  #type = 0;
  #length = 0;
  #digits = 0;
  #negative = false;
  /** Values that the reply lacks. */
  #lacking = 0;
  /** Bytes that the value lacks. */
  #rest = 0;
  /** Values of the list that is being taken out; undefined when that has begun. */
  #expected: number | undefined;
  #values: (Buffer | null)[] | undefined;
  #value: Buffer | undefined;
  #filled = 0;

  constructor(taker: ReplyTaker) {
    this.#taker = taker;
  }

  /** Reads so many bytes. Throws ProtocolError, and must not be used any more then. */
  read(bytes: Buffer, length: number): void {
    let at = 0;
    let begin = 0;
    while (at < length) {
      if (this.#between) {
        begin = at + this.#taker.repeated(bytes, at, length);
        if (begin > at) {
          at = begin;
          continue;
        }
        this.#begin(bytes[at]);
      }
      at = this.#step(bytes, at, length);
      if (!this.#between) continue;
      if (this.#values === undefined) this.#taker.onOther(bytes.subarray(begin, at));
      else this.#taker.onValues(this.#values);
      begin = at;
    }
    if (begin < length && this.#values === undefined) this.#taker.onOther(bytes.subarray(begin, length));
  }

  /** Does the next byte begin a reply? */
  get #between(): boolean {
    return this.#lacking === 0 && this.#state === TYPE;
  }

  #begin(type: number | undefined): void {
    this.#lacking = 1;
    this.#expected = type === ARRAY ? this.#taker.expected() : undefined;
    this.#values = this.#expected === undefined ? undefined : [];
  }

  /** Reads on from here, and answers how far. */
  #step(bytes: Buffer, at: number, length: number): number {
    switch (this.#state) {
      case TYPE:
        this.#onType(bytes[at] as number);
        return at + 1;
      case LENGTH:
        this.#onLength(bytes[at] as number);
        return at + 1;
      case LINE: {
        const end = bytes.indexOf(CR, at);
        must(this.#type !== NULL || end === at, "something behind nothing");
        if (end === -1 || end >= length) return length;
        this.#state = LINE_FEED;
        return end + 1;
      }
      case LINE_FEED:
        must(bytes[at] === LF, "a line that does not end");
        this.#onLine();
        return at + 1;
      case BYTES:
        return this.#onBytes(bytes, at, length);
      case BYTES_CR:
        must(bytes[at] === CR, "a value that is longer than it says");
        this.#state = BYTES_LF;
        return at + 1;
      case BYTES_LF:
        must(bytes[at] === LF, "a value that is longer than it says");
        this.#onValue(this.#value);
        this.#value = undefined;
        return at + 1;
    }
  }

  #onType(type: number): void {
    const kind = KINDS[type];
    must(kind !== 0, "a value of no type");
    this.#type = type;
    this.#length = 0;
    this.#digits = 0;
    this.#negative = false;
    this.#state = kind === TEXT ? LINE : LENGTH;
  }

  #onLength(byte: number): void {
    if (byte === CR) {
      // There is no other negative one: it stands for nothing.
      must(this.#digits > 0 && (!this.#negative || this.#length === 1), "no length");
      this.#state = LINE_FEED;
    } else if (byte === MINUS && this.#digits === 0 && !this.#negative) this.#negative = true;
    else {
      must(byte >= ZERO && byte <= ZERO + 9 && this.#digits < MOST_DIGITS, "no length");
      this.#digits++;
      this.#length = this.#length * 10 + byte - ZERO;
    }
  }

  #onLine(): void {
    this.#state = TYPE;
    const kind = KINDS[this.#type];
    if (this.#values !== undefined) this.#checkOurs();
    if (kind === TEXT || this.#negative) this.#onValue();
    else if (kind === BLOB) this.#onBlob();
    else this.#onList(kind === MAP ? 2 * this.#length : this.#length);
  }

  #onList(values: number): void {
    must(values <= MOST_VALUES, "a list that is too long");
    this.#lacking += values - 1;
  }

  /** One list, of as many values as were asked for, and none of them is a list. */
  #checkOurs(): void {
    if (this.#type === ARRAY) {
      must(!this.#negative && this.#length === this.#expected, "a list of another length");
      this.#expected = undefined;
    } else must(this.#type === BULK || this.#type === NULL, "a value of another type");
  }

  #onBlob(): void {
    this.#rest = this.#length;
    this.#state = this.#length === 0 ? BYTES_CR : BYTES;
    if (this.#values === undefined) return;
    this.#value = this.#taker.room(this.#length);
    this.#filled = 0;
  }

  #onBytes(bytes: Buffer, at: number, length: number): number {
    const end = Math.min(length, at + this.#rest);
    if (this.#value !== undefined) this.#filled += bytes.copy(this.#value, this.#filled, at, end);
    this.#rest -= end - at;
    if (this.#rest === 0) this.#state = BYTES_CR;
    return end;
  }

  #onValue(value: Buffer | null = null): void {
    this.#state = TYPE;
    this.#lacking--;
    this.#values?.push(value);
  }
}

function must(right: boolean, otherwise: string): void {
  if (!right) throw new ProtocolError(`Redis has sent ${otherwise}`);
}
