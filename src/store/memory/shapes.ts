import type { StoredResponse } from "../../policy/stored-response.ts";

/** More than the responses of a few sites have. */
const MAX_SHAPES = 512;
const LONGEST = 1024;

/**
 * Numbers for the shapes of stored responses: of the same one are those with the same status, reason phrase and
 * names of field lines, in order. A number never comes to mean another. 0: a shape too long to be remembered.
 */
export class Shapes {
  readonly #numbers = new Map<string, number>();
  #last = 0;

  numberOf({ status, statusMessage, fields }: StoredResponse): number {
    let shape = `${status} ${statusMessage}`;
    for (let i = 0; i < fields.length; i += 2) shape += `\n${fields[i]}`;
    const known = this.#numbers.get(shape);
    if (known !== undefined) return known;
    // What needs more numbers than there are has had the time of millions of years.
    if (shape.length > LONGEST) return 0;
    const number = ++this.#last;
    this.#numbers.set(shape, number);
    for (const oldest of this.#numbers.keys()) {
      if (this.#numbers.size <= MAX_SHAPES) break;
      this.#numbers.delete(oldest);
    }
    return number;
  }
}
