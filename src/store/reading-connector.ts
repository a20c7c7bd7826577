import { connect, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import { AbstractConnector, type RedisOptions } from "ioredis";
import type { RedisServer } from "./redis-address.ts";
import { at, type CommonOptions } from "./redis-options.ts";

/**
 * Hears of so many bytes that have come on a connection; they are others after the call, unless it answers that they
 * are kept. Must not throw.
 */
export type OnBytes = (bytes: Buffer, length: number) => "kept" | undefined;

/** What one read brings at most, of as many replies as they are. */
const READ_BYTES = 262_144;

/**
 * Connects ioredis to one server as it would itself, but so that reads are into the same memory. Such a socket
 * emits no `data`; what `open` answers for it hears of the bytes instead.
 */
export function readingConnector(
  server: RedisServer,
  { disconnectTimeout, tls }: Pick<CommonOptions, "disconnectTimeout" | "tls">,
  open: (socket: Socket) => OnBytes,
): NonNullable<RedisOptions["Connector"]> {
  return class extends AbstractConnector {
    constructor() {
      super(disconnectTimeout);
    }

    override async connect(): Promise<Socket> {
      let memory = Buffer.allocUnsafeSlow(READ_BYTES);
      const onread = {
        buffer: () => memory,
        callback: (length: number) => {
          if (onBytes(memory, length) === "kept") memory = Buffer.allocUnsafeSlow(READ_BYTES);
          return true;
        },
      };
      const options = { ...at(server), onread };
      const socket = tls === undefined ? connect(options) : connectSecurely({ ...options, ...tls });
      const onBytes = open(socket);
      this.stream = socket;
      socket.once("error", (error) => {
        this.firstError = error;
      });
      return socket;
    }
  };
}
