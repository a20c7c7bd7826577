import { type FieldLines, trimOws } from "../../policy/fields.ts";
import { COLON, CR, HTAB, LF, SP, TOKEN, VALUE, ZERO } from "./characters.ts";
import { malformed } from "./fault.ts";

/** What is being read. */
const BEGIN = 0;
const BEGIN_LF = 1;
const STATUS_LINE = 2;
const BEHIND_STATUS = 3;
const REASON = 4;
const STATUS_LF = 5;
const LINE = 6;
const NAME = 7;
const BEFORE_VALUE = 8;
const IN_VALUE = 9;
const LINE_LF = 10;
const END_LF = 11;
type State =
  | typeof BEGIN
  | typeof BEGIN_LF
  | typeof STATUS_LINE
  | typeof BEHIND_STATUS
  | typeof REASON
  | typeof STATUS_LF
  | typeof LINE
  | typeof NAME
  | typeof BEFORE_VALUE
  | typeof IN_VALUE
  | typeof LINE_LF
  | typeof END_LF;

const PROTOCOL = Buffer.from("HTTP/1.");
const MINOR_AT = 7;
const STATUS_AT = 9;
const STATUS_END = 12;
/** Offsets that are remembered of each field line: where its name and its value begin and end. */
const OFFSETS = 4;
/** Room for so many is kept for the next section. */
const MAX_KEPT = 1024;
/** Bytes of a line that are no part of its name or value: colon, space, CR and LF. */
const PUNCTUATION = 4;

/**
 * Reads a response's head (RFC 9112 §4, §5), or a trailer section (§7.1.2), strictly, in bytes that come in
 * any pieces, each of them once. What it has read is told until the next `begin`.
 */
export class SectionReader {
  readonly #maxBytes: number;
  #state: State = BEGIN;
  /** What came of it in earlier reads, one char per byte. Offsets count from its first. */
  #text = "";
  /** Bytes of the status line that have come. */
  #matched = 0;
  #status = 0;
  #minor = 0;
  #reasonAt = 0;
  #reasonEnd = 0;
  readonly #offsets: number[] = [];
  #lines = 0;
  #nameAt = 0;
  #colonAt = 0;
  #valueAt = 0;
  #valueEnd = 0;
  /** Of the names and values of all lines that have ended. */
  #bytes = 0;

  /** Names and values of so many bytes are too long, and so is anything else in it. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get status(): number {
    return this.#status;
  }

  /** Nothing of the section has come yet. */
  get isUntouched(): boolean {
    return this.#state === BEGIN && this.#text === "";
  }

  /** All that has come of it, one char per byte. */
  get text(): string {
    return this.#text;
  }

  get isHttp10(): boolean {
    return this.#minor === 0;
  }

  begin(what: "head" | "trailers"): void {
    this.#state = what === "head" ? BEGIN : LINE;
    this.#text = "";
    this.#matched = 0;
    this.#status = 0;
    this.#lines = 0;
    if (this.#offsets.length > MAX_KEPT) this.#offsets.length = 0;
    this.#nameAt = 0;
    this.#bytes = 0;
  }

  /** Reads on from `at` up to `length`; answers where the section ends, or -1 when it has not. Throws a LaneFault. */
  read(bytes: Buffer, at: number, length: number): number {
    const base = at - this.#text.length;
    let i = at;
    while (i < length) {
      const byte = bytes[i] as number;
      switch (this.#state) {
        case BEGIN:
          // An empty line before a message is none of it (RFC 9112 §2.2).
          if (byte === CR) this.#state = BEGIN_LF;
          else {
            this.#state = STATUS_LINE;
            continue;
          }
          break;
        case BEGIN_LF:
          this.#expectLf(byte, BEGIN);
          break;
        case STATUS_LINE:
          this.#onStatusLine(byte);
          break;
        case BEHIND_STATUS:
          if (byte !== SP && byte !== CR) throw malformed("a status that is no number of three digits");
          this.#reasonAt = i - base + 1;
          this.#reasonEnd = i - base;
          this.#state = byte === SP ? REASON : STATUS_LF;
          break;
        case REASON:
          while (i < length && bytes[i] !== CR && bytes[i] !== LF) i++;
          if (i === length) continue;
          if (bytes[i] === LF) throw malformed("a line that ends with LF alone");
          this.#reasonEnd = i - base;
          this.#state = STATUS_LF;
          break;
        case STATUS_LF:
          this.#expectLf(byte, LINE);
          this.#bound(i - base - PUNCTUATION);
          this.#nameAt = i - base + 1;
          break;
        case LINE:
          if (byte === CR) this.#state = END_LF;
          else if (TOKEN[byte] === 0) throw malformed("a field line without a name, or a folded one");
          else this.#state = NAME;
          break;
        case NAME:
          while (i < length && TOKEN[bytes[i] as number] === 1) i++;
          if (i === length) continue;
          if (bytes[i] !== COLON) throw malformed("a field name that is no token");
          this.#colonAt = i - base;
          this.#valueAt = this.#colonAt + 1;
          this.#state = BEFORE_VALUE;
          break;
        case BEFORE_VALUE:
          if (byte === SP || byte === HTAB) this.#valueAt = i - base + 1;
          else {
            this.#state = IN_VALUE;
            continue;
          }
          break;
        case IN_VALUE:
          while (i < length && VALUE[bytes[i] as number] === 1) i++;
          if (i === length) continue;
          if (bytes[i] !== CR) throw malformed("a control character in a field value");
          this.#valueEnd = i - base;
          this.#state = LINE_LF;
          break;
        case LINE_LF:
          this.#expectLf(byte, LINE);
          this.#endLine(i - base);
          break;
        case END_LF:
          this.#expectLf(byte, BEGIN);
          this.#text += bytes.toString("latin1", at, i + 1);
          return i + 1;
      }
      i++;
    }
    this.#text += bytes.toString("latin1", at, length);
    this.#bound(this.#text.length - this.#nameAt - PUNCTUATION);
    return -1;
  }

  /** The reason phrase, one char per byte. */
  get reason(): string {
    return this.#text.slice(this.#reasonAt, Math.max(this.#reasonAt, this.#reasonEnd));
  }

  /** Field lines as they came; parts of one text, which they keep in memory. */
  fieldLines(): FieldLines {
    const text = this.#text;
    const offsets = this.#offsets;
    const fields: string[] = [];
    for (let i = 0; i < this.#lines; i += OFFSETS) {
      fields.push(
        text.slice(offsets[i], offsets[i + 1]),
        trimOws(text.slice(offsets[i + 2], offsets[i + 3])),
      );
    }
    return fields;
  }

  #onStatusLine(byte: number): void {
    const at = this.#matched++;
    if (at < MINOR_AT) {
      if (byte !== PROTOCOL[at]) throw malformed("no status line");
    } else if (at === MINOR_AT) {
      this.#minor = byte - ZERO;
      if (this.#minor !== 0 && this.#minor !== 1)
        throw malformed("another version than HTTP/1.0 and HTTP/1.1");
    } else if (at < STATUS_AT) {
      if (byte !== SP) throw malformed("no status line");
    } else {
      const digit = byte - ZERO;
      if (digit < 0 || digit > 9) throw malformed("a status that is no number");
      this.#status = 10 * this.#status + digit;
      if (at + 1 < STATUS_END) return;
      if (this.#status < 100) throw malformed(`a status of ${this.#status}`);
      this.#state = BEHIND_STATUS;
    }
  }

  #expectLf(byte: number, next: State): void {
    if (byte !== LF) throw malformed("a CR that ends no line");
    this.#state = next;
  }

  #endLine(lineEnd: number): void {
    const offsets = this.#offsets;
    const i = this.#lines;
    offsets[i] = this.#nameAt;
    offsets[i + 1] = this.#colonAt;
    offsets[i + 2] = this.#valueAt;
    offsets[i + 3] = this.#valueEnd;
    this.#lines = i + OFFSETS;
    const hasSpace = this.#valueAt > this.#colonAt + 1;
    this.#bytes += this.#valueEnd - this.#nameAt - (hasSpace ? 2 : 1);
    this.#bound(0);
    this.#nameAt = lineEnd + 1;
  }

  #bound(more: number): void {
    if (this.#bytes + more >= this.#maxBytes) throw malformed("a section that is too long");
  }
}
