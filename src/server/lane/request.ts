import { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { FieldLines } from "../../policy/fields.ts";
import type { Incoming } from "../incoming.ts";
import type { SectionFacts } from "./facts.ts";
import type { PlainHead } from "./head.ts";

/** A plain request, as far as anybody behind the lane reads it. */
export class LaneRequest implements Incoming {
  readonly httpVersion = "1.1";
  readonly complete = true;
  /** A plain one has none of those that are meant. */
  readonly headers = {};
  readonly method: PlainHead["method"];
  readonly url: string;
  readonly rawHeaders: FieldLines;
  readonly socket: Socket;
  readonly facts: SectionFacts | undefined;

  /** `facts`: what is known of its section on this connection. */
  constructor({ method, target, section }: PlainHead, socket: Socket, facts?: SectionFacts) {
    this.method = method;
    this.url = target;
    this.rawHeaders = section.fields;
    this.socket = socket;
    this.facts = facts;
  }

  /** It has no content. */
  iterator(): AsyncIterator<Buffer> {
    return { next: async () => ({ done: true, value: undefined }) };
  }

  /** The same as Node's own server would have it. */
  forNode(): IncomingMessage {
    const { method, url, rawHeaders, socket } = this;
    return Object.assign(new IncomingMessage(socket), {
      method,
      url,
      rawHeaders: [...rawHeaders],
      httpVersion: "1.1",
      httpVersionMajor: 1,
      httpVersionMinor: 1,
      complete: true,
    });
  }
}
