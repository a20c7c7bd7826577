import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls } from "node:tls";

/** A Redis reply as far as the launcher reads them. */
export type Reply = string | number | null | readonly Reply[] | ReplyError;

export class ReplyError extends Error {
  override readonly name = "ReplyError";
}

/** Where a redis: or rediss: URL points to. */
export function addressOf(url: string): { host: string; port: number; tls: boolean } {
  const { protocol, hostname, port } = new URL(url);
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? 6379 : Number(port),
    tls: protocol === "rediss:",
  };
}

const MAX_REPLY_BYTES = 1024 * 1024;

/**
 * One connection to a Redis, for questions one after another. The launcher needs five commands,
 * and must tell a Redis from anything else that listens on the port; a client that reconnects is no help there.
 */
export class RedisLine {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #waiting: { resolve: (reply: Reply) => void; reject: (cause: Error) => void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#hear(chunk));
    socket.on("error", (cause) => this.#fail(cause));
    socket.on("close", () => this.#fail(new Error("the connection was closed")));
  }

  /** Rejects when nothing takes the connection within `timeoutMs`. */
  static open(url: string, timeoutMs: number): Promise<RedisLine> {
    const { tls, ...to } = addressOf(url);
    return new Promise((resolve, reject) => {
      // Whose certificate it is, the proxy checks; here it matters only that something answers.
      const socket = tls ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to);
      const timer = setTimeout(() => socket.destroy(new Error("no connection in time")), timeoutMs);
      socket.once("error", reject);
      socket.once("close", () => clearTimeout(timer));
      socket.once(tls ? "secureConnect" : "connect", () => {
        clearTimeout(timer);
        socket.off("error", reject);
        resolve(new RedisLine(socket));
      });
    });
  }

  /** Rejects when no reply came within `timeoutMs`, or what came is not Redis's language; the line is closed then. */
  ask(command: readonly string[], timeoutMs: number): Promise<Reply> {
    if (this.#waiting !== undefined) return Promise.reject(new Error("one question at a time"));
    if (this.#socket.destroyed) return Promise.reject(new Error("the connection was closed"));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(new Error("no reply in time")), timeoutMs);
      this.#waiting = {
        resolve: (reply) => {
          clearTimeout(timer);
          resolve(reply);
        },
        reject: (cause) => {
          clearTimeout(timer);
          reject(cause);
        },
      };
      const words = command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
      this.#socket.write(`*${command.length}\r\n${words.join("")}`);
    });
  }

  /** An open line keeps the process alive unless it is let go. */
  unref(): void {
    this.#socket.unref();
  }

  close(): void {
    this.#socket.destroy();
  }

  #hear(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    try {
      if (this.#received.length > MAX_REPLY_BYTES) throw new Error("the reply is too long");
      const read = readReply(this.#received, 0);
      if (read === undefined) return;
      this.#received = this.#received.subarray(read.end);
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.resolve(read.reply);
    } catch (cause) {
      this.#fail(cause instanceof Error ? cause : new Error(String(cause)));
    }
  }

  #fail(cause: Error): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#socket.destroy();
    waiting?.reject(cause);
  }
}

/**
 * The reply that begins at `start` (RESP2), or undefined while it is not complete.
 *
 * @throws when it is not RESP.
 */
export function readReply(bytes: Buffer, start: number): { reply: Reply; end: number } | undefined {
  if (bytes.length <= start) return undefined;
  const type = String.fromCharCode(bytes[start] ?? 0);
  if (!"+-:$*".includes(type)) throw new Error("what answers is not a Redis");
  const lineEnd = bytes.indexOf("\r\n", start);
  if (lineEnd < 0) return undefined;
  const line = bytes.toString("utf8", start + 1, lineEnd);
  const next = lineEnd + 2;
  if (type === "+") return { reply: line, end: next };
  if (type === "-") return { reply: new ReplyError(line), end: next };
  if (!/^-?\d{1,15}$/.test(line)) throw new Error("what answers is not a Redis");
  const number = Number(line);
  if (type === ":") return { reply: number, end: next };
  if (number < 0) return { reply: null, end: next };
  if (type === "$") {
    if (bytes.length < next + number + 2) return undefined;
    return { reply: bytes.toString("utf8", next, next + number), end: next + number + 2 };
  }
  const members: Reply[] = [];
  let end = next;
  while (members.length < number) {
    const member = readReply(bytes, end);
    if (member === undefined) return undefined;
    members.push(member.reply);
    end = member.end;
  }
  return { reply: members, end };
}

/** Does a Redis answer at `url` within `timeoutMs`? One that wants a password first does. */
export async function answers(url: string, timeoutMs: number): Promise<boolean> {
  let line: RedisLine | undefined;
  const began = Date.now();
  try {
    line = await RedisLine.open(url, timeoutMs);
    const reply = await line.ask(["PING"], Math.max(1, timeoutMs - (Date.now() - began)));
    return reply === "PONG" || reply instanceof ReplyError;
  } catch {
    return false;
  } finally {
    line?.close();
  }
}

/** Waits until a Redis answers at `url`; false when it has not within `withinMs`, or `gone` says it never will. */
export async function untilAnswers(
  url: string,
  withinMs: number,
  gone: () => boolean = () => false,
): Promise<boolean> {
  const until = Date.now() + withinMs;
  while (Date.now() < until && !gone()) {
    // Asked again after it answered: another server on the same port may have done so in its place.
    if (await answers(url, 500)) return delay(20).then(() => !gone());
    await delay(30);
  }
  return false;
}
