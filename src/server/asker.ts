import type { BlockList } from "node:net";
import type { Asker } from "../cache/events.ts";
import type { FieldLines } from "../policy/fields.ts";
import type { Incoming } from "./incoming.ts";
import { clientAddress } from "./peer.ts";

/** Who has sent a request. Their address is looked for when somebody asks for it, which most logs do not. */
export class RequestAsker implements Asker {
  readonly httpVersion: string;
  readonly fields: FieldLines;
  readonly #remoteAddress: string | undefined;
  readonly #trusted: BlockList;

  constructor(
    {
      httpVersion,
      rawHeaders,
      socket,
    }: Pick<Incoming, "httpVersion" | "socket"> & { rawHeaders: FieldLines },
    { trustedProxies }: { readonly trustedProxies: BlockList },
  ) {
    this.httpVersion = httpVersion;
    this.fields = rawHeaders;
    this.#remoteAddress = socket.remoteAddress;
    this.#trusted = trustedProxies;
  }

  get address(): string | undefined {
    return clientAddress(this.fields, this.#remoteAddress, this.#trusted);
  }
}
