import type { FieldLines } from "../../policy/fields.ts";
import { markRepeated, OFTEN } from "../../policy/repeated-lines.ts";
import { LF } from "./characters.ts";
import type { Framing } from "./framing.ts";

/** The head of a final response to a GET: its bytes, and all that they say. */
export interface Head extends Framing {
  /** One char per byte. */
  readonly text: string;
  readonly status: number;
  readonly statusMessage: string;
  readonly fields: FieldLines;
}

/** A longer one is read anew each time. */
const MAX_KEPT_LENGTH = 4096;

/** The head that one origin sent last: where the same bytes come again they say the same, and are not read. */
export class KnownHead {
  #last: Head | undefined;
  #times = 0;

  keep(head: Head): void {
    this.#last = head.text.length <= MAX_KEPT_LENGTH ? head : undefined;
    this.#times = 1;
  }

  /** Is it what begins at `at`, of the bytes up to `length`? */
  at(bytes: Buffer, at: number, length: number): Head | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    const end = at + last.text.length;
    // Most that are others are of another length.
    if (end > length || bytes[end - 1] !== LF || bytes[end - 3] !== LF) return undefined;
    if (bytes.toString("latin1", at, end) !== last.text) return undefined;
    if (++this.#times === OFTEN) markRepeated(last.fields);
    return last;
  }
}
