import { randomBytes } from "node:crypto";

const SECRET_BYTES = 32;
/** Who learns a secret can read what was sent over sessions of so long, and no others (RFC 8446 §8.1, appendix F.1). */
const EVERY_MS = 24 * 3600 * 1000;

/**
 * The secret that tickets of TLS sessions are sealed with, for all processes that share a port. Node knows one set of
 * keys at a time: a ticket of before a change leads to a whole handshake, and to nothing worse.
 */
export class TicketSecrets {
  #secret: Uint8Array;
  #follow: (secret: Uint8Array) => void = () => {};

  /** A new one, where no other process has begun with one. */
  constructor(secret: Uint8Array = randomBytes(SECRET_BYTES)) {
    this.#secret = secret;
  }

  get secret(): Uint8Array {
    return this.#secret;
  }

  /** From now on this one. */
  renew(secret: Uint8Array): void {
    this.#secret = secret;
    this.#follow(secret);
  }

  /** Who seals with it. */
  follow(follower: (secret: Uint8Array) => void): void {
    this.#follow = follower;
  }

  /** Makes another one every day, until the returned function is called. */
  renewDaily(): () => void {
    const timer = setInterval(() => this.renew(randomBytes(SECRET_BYTES)), EVERY_MS).unref();
    return () => clearInterval(timer);
  }
}
