import type { Socket } from "node:net";
import type { Looked } from "../../cache/exchange.ts";
import { markRepeated, OFTEN } from "../../policy/repeated-lines.ts";
import { peerOf } from "../read-request.ts";
import { Answers } from "./answers.ts";
import type { Asked, AtOnce } from "./at-once.ts";
import { factsOf, type SectionFacts } from "./facts.ts";
import { isKept, type PlainHead, readHead } from "./head.ts";
import { shareReads } from "./shared-reads.ts";
import { Waiting } from "./waiting.ts";
import { WrittenAtOnce } from "./written-at-once.ts";

/** What a connection needs of its server. */
export interface LaneDeps {
  readonly atOnce: AtOnce;
  /** Answers a request that takes longer. */
  readonly serve: (request: ReturnType<Answers["add"]>, looked?: Looked) => void;
  /** Takes over a connection on which no answer is due, with the bytes that were not read and when the first of them came. */
  readonly handOver: (socket: Socket, bytes: Buffer, begunAt: number) => void;
  /** The client broke off or was too slow; ends the connection. */
  readonly refuse: (socket: Socket, code: "HPE_INVALID_EOF_STATE" | "ERR_HTTP_REQUEST_TIMEOUT") => void;
  readonly draining: () => boolean;
  readonly maxHeaderBytes: number;
  readonly headersTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** Milliseconds on a clock that never goes back. */
  readonly elapsed: () => number;
}

/** So many answers may be due at once; further requests wait unread. */
export const MAX_DUE = 16;
/** A head that comes in more pieces is for Node's parser, which reads each byte once. */
const MAX_PIECES = 16;
/** So much waits unread before the client has to. */
const MAX_UNREAD_BYTES = 65_536;
/** After so many requests the others have their turn: Node reads up to 2 MiB of one connection in one. */
const MAX_IN_A_ROW = 256;
const NOTHING = Buffer.alloc(0);

/**
 * One connection in the plain lane: reads its requests and has them answered, in their order, until
 * one comes that is not plain. Then it is handed over, with the bytes untouched, when every earlier
 * answer is written.
 */
export class LaneConnection {
  readonly #socket: Socket;
  readonly #deps: LaneDeps;
  readonly #answers: Answers;
  readonly #written: WrittenAtOnce;
  readonly #waiting: Waiting;
  #unread: Buffer = NOTHING;
  /** In how many pieces the head has come that is not complete. */
  #pieces = 0;
  #known: SectionFacts | undefined;
  /** How often its field section has come in a row. */
  #times = 0;
  /** Something is being looked up for the only request that is here. */
  #looking = false;
  /** What is unread is not for the lane, and waits until the connection can be handed over. */
  #blocked = false;
  /** Requests since it has rested. */
  #row = 0;
  /** It waits until the others have had their turn. */
  #resting = false;
  /** The client has said that this request is its last: what comes behind it is none (RFC 9112 §9.6). */
  #isLast = false;
  /** The client has ended its side. */
  #heardAll = false;
  /** Nothing more is read here. */
  #ended = false;

  constructor(socket: Socket, deps: LaneDeps) {
    this.#socket = socket;
    this.#deps = deps;
    this.#waiting = new Waiting(deps.elapsed());
    this.#written = new WrittenAtOnce(socket, () => this.#advance());
    this.#answers = new Answers({
      socket,
      keepAliveTimeoutMs: deps.keepAliveTimeoutMs,
      onWritten: (last) => {
        if (last) this.#endWith();
        else this.#advance();
      },
    });
    shareReads(socket, this.#onRead);
    // What others have read and given back comes this way.
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("drain", this.#onDrain);
    socket.on("close", this.#onClose);
    socket.on("error", this.#onError);
  }

  /** Is it between two requests, or before the first? */
  get idle(): boolean {
    return this.#free && this.#unread.length === 0;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Ends the connection of a client that is too slow. */
  checkTime(now: number): void {
    if (this.#ended || !this.#free) return;
    const late = this.#waiting.tooLong(now, this.#unread.length === 0, this.#deps);
    if (late === "idle") this.#socket.destroy();
    if (late !== "head") return;
    this.#ended = true;
    this.#deps.refuse(this.#socket, "ERR_HTTP_REQUEST_TIMEOUT");
  }

  /** Is no answer due? */
  get #free(): boolean {
    return this.#answers.size === 0 && !this.#written.underWay && !this.#looking;
  }

  readonly #onData = (chunk: Buffer): void => void this.#onRead(chunk, chunk.length);

  /** False where it is somebody else's connection by now. */
  readonly #onRead = (bytes: Buffer, length: number): boolean => {
    if (this.#ended) return false;
    if (this.#isLast) return true;
    this.#waiting.heard = true;
    if (this.#unread.length === 0) this.#read(bytes, length);
    else {
      this.#unread = Buffer.concat([this.#unread, bytes.subarray(0, length)]);
      this.#read(this.#unread, this.#unread.length);
    }
    return true;
  };

  #rest(): void {
    this.#row = 0;
    this.#resting = true;
    this.#socket.pause();
    setImmediate(() => {
      this.#resting = false;
      this.#advance();
    });
  }

  /** Reads as many requests as can be answered now, and keeps a copy of the rest. */
  #read(bytes: Buffer, length: number): void {
    let at = 0;
    this.#blocked = false;
    while (at < length && !this.#ended && this.#mayAnswer) {
      const { maxHeaderBytes, elapsed } = this.#deps;
      const head = readHead(bytes, at, this.#known?.section, maxHeaderBytes, length);
      if (typeof head === "string" && this.#pieces === 0) this.#waiting.since = elapsed();
      if (head === "exotic" || (head === "incomplete" && this.#pieces >= MAX_PIECES)) {
        if (this.#free) this.#handOver(Buffer.from(bytes.subarray(at, length)));
        else this.#blocked = true;
        break;
      }
      if (head === "incomplete") {
        this.#pieces++;
        break;
      }
      this.#pieces = 0;
      this.#isLast = !head.section.keepAlive;
      at = this.#isLast ? length : head.end;
      this.#answer(head, at === length);
      if (++this.#row >= MAX_IN_A_ROW && !this.#ended) this.#rest();
    }
    if (this.#ended) return;
    if (at === length) this.#unread = NOTHING;
    else if (at > 0 || bytes !== this.#unread) this.#unread = Buffer.from(bytes.subarray(at, length));
    // Nor must whoever takes over miss the connection's end.
    if (this.#blocked || (this.#unread.length > MAX_UNREAD_BYTES && !this.#free)) this.#socket.pause();
  }

  get #mayAnswer(): boolean {
    return !this.#written.underWay && !this.#looking && !this.#resting && this.#answers.size < MAX_DUE;
  }

  /** `last`: no other request has come behind it, which would have to wait for what is looked up. */
  #answer(head: PlainHead, last: boolean): void {
    this.#waiting.asked = true;
    const { atOnce, serve } = this.#deps;
    const facts = this.#factsOf(head);
    const asked = this.#free && head.section.keepAlive ? atOnce.asked(facts, head) : undefined;
    if (asked !== undefined) {
      if (this.#answerAtOnce(asked)) return;
      const looking = last ? atOnce.look(asked) : undefined;
      if (looking !== undefined) {
        this.#looking = true;
        void looking.then((looked) => this.#onLooked(head, asked, looked));
        return;
      }
    }
    serve(this.#answers.add(head, facts));
  }

  #onLooked(head: PlainHead, asked: Asked, looked: Looked): void {
    this.#looking = false;
    if (this.#ended || !this.#answerAtOnce(asked, looked)) {
      this.#deps.serve(this.#answers.add(head, asked.facts), looked);
      if (this.#ended) this.#answers.abandon();
    }
    if (!this.#written.underWay) this.#advance();
  }

  /** False where there is more to do, and nothing was done. */
  #answerAtOnce(asked: Asked, looked?: Looked): boolean {
    const { atOnce, draining } = this.#deps;
    if (draining() || this.#socket.writableNeedDrain) return false;
    const answer = atOnce.answer(this.#socket, asked, this.#written.onWritten, looked);
    if (answer === undefined) return false;
    if (answer !== "sent") this.#written.add(answer, atOnce.settings.writeTimeoutMs);
    return true;
  }

  #factsOf({ section }: PlainHead): SectionFacts {
    const { settings } = this.#deps.atOnce;
    const known = this.#known;
    if (known?.section === section && known.revision === settings.revision) {
      if (++this.#times === OFTEN) markRepeated(section.fields);
      return known;
    }
    this.#times = 1;
    const facts = factsOf(section, peerOf(this.#socket), settings);
    this.#known = isKept(section) ? facts : undefined;
    return facts;
  }

  #advance(): void {
    if (this.#ended) return;
    this.#waiting.since = this.#deps.elapsed();
    if (this.#unread.length > 0) this.#read(this.#unread, this.#unread.length);
    const mayRead = this.#free || (!this.#blocked && this.#unread.length <= MAX_UNREAD_BYTES);
    if (!this.#ended && !this.#resting && mayRead && this.#socket.isPaused()) this.#socket.resume();
    this.#endBehindLast();
  }

  #handOver(bytes: Buffer): void {
    this.#leave();
    this.#deps.handOver(this.#socket, bytes, this.#waiting.since);
  }

  #leave(): void {
    this.#ended = true;
    this.#unread = NOTHING;
    const socket = this.#socket;
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.off("drain", this.#onDrain);
    socket.off("close", this.#onClose);
    socket.off("error", this.#onError);
  }

  #endWith(): void {
    this.#ended = true;
    this.#socket.end(() => this.#socket.destroy());
  }

  readonly #onEnd = (): void => {
    this.#heardAll = true;
    this.#endBehindLast();
  };

  /** Ends the connection where the client has ended its side, and all is answered. */
  #endBehindLast(): void {
    if (!this.#heardAll || this.#ended || !this.#free || this.#resting) return;
    this.#ended = true;
    if (this.#unread.length > 0) this.#deps.refuse(this.#socket, "HPE_INVALID_EOF_STATE");
    else this.#socket.end();
  }

  readonly #onDrain = (): void => this.#answers.drained();

  readonly #onClose = (): void => {
    this.#ended = true;
    this.#written.abandon();
    this.#answers.abandon();
  };

  // The connection closes by itself, and that is heard.
  readonly #onError = (): void => {};
}
