/** A bare item of RFC 9651 §3.3, with its type, which our own parser's values do not all show. */
export interface Bare {
  readonly type: "integer" | "decimal" | "string" | "token" | "bytes" | "boolean" | "date" | "display";
  readonly value: string | number | boolean;
}
export type Parameters = ReadonlyMap<string, Bare>;
export interface Item {
  readonly item: Bare;
  readonly parameters: Parameters;
}
export interface InnerList {
  readonly items: readonly Item[];
  readonly parameters: Parameters;
}
export type Member = Item | InnerList;

export class NotStructured extends Error {}

const KEY = /[a-z*][a-z0-9_.*-]*/y;
const NUMBER = /-?(?:\d{1,12}\.\d{1,3}|\d{1,15})(?![\d.])/y;
const STRING = /"(?:[ !#-[\]-~]|\\["\\])*"/y;
const TOKEN = /[A-Za-z*][!#$%&'*+.^_`|~:/\w-]*/y;
const BYTES = /:[A-Za-z0-9+/]*={0,2}:/y;
const BOOLEAN = /\?[01]/y;
const DATE = /@-?\d{1,15}(?![\d.])/y;
const DISPLAY = /%"(?:[ !#$&-~]|%[\da-f]{2})*"/y;

/** RFC 9651 §4.2 as a recursive descent over a text, one regular expression for each production. */
class Reader {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
    this.take(/ */y);
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  must(pattern: RegExp): string {
    const found = this.take(pattern);
    if (found === undefined)
      throw new NotStructured(`${pattern} at ${this.at} of ${JSON.stringify(this.text)}`);
    return found;
  }

  get ended(): boolean {
    return this.at === this.text.length;
  }

  /** What stands between members; true where another one has to follow. */
  comma(): boolean {
    this.take(/[ \t]*/y);
    if (this.ended) return false;
    this.must(/,[ \t]*/y);
    if (this.ended) throw new NotStructured("a comma at the end");
    return true;
  }

  member(): Member {
    return this.take(/\(/y) === undefined ? this.item() : this.innerList();
  }

  innerList(): InnerList {
    const items: Item[] = [];
    for (;;) {
      const spaces = this.must(/ */y);
      if (this.take(/\)/y) !== undefined) return { items, parameters: this.parameters() };
      if (items.length > 0 && spaces === "") throw new NotStructured("no space between items");
      items.push(this.item());
    }
  }

  item(): Item {
    return { item: this.bare(), parameters: this.parameters() };
  }

  parameters(): Parameters {
    const parameters = new Map<string, Bare>();
    while (this.take(/; */y) !== undefined) {
      const key = this.must(KEY);
      parameters.set(key, this.take(/=/y) === undefined ? { type: "boolean", value: true } : this.bare());
    }
    return parameters;
  }

  bare(): Bare {
    switch (this.text[this.at]) {
      case '"':
        return { type: "string", value: this.must(STRING).slice(1, -1).replace(/\\(.)/g, "$1") };
      case ":":
        return { type: "bytes", value: this.must(BYTES) };
      case "?":
        return { type: "boolean", value: this.must(BOOLEAN) === "?1" };
      case "@":
        return { type: "date", value: Number(this.must(DATE).slice(1)) };
      case "%": {
        const inner = this.must(DISPLAY).slice(2, -1);
        try {
          return { type: "display", value: decodeURIComponent(inner) };
        } catch {
          throw new NotStructured("no UTF-8 in a display string");
        }
      }
    }
    const token = this.take(TOKEN);
    if (token !== undefined) return { type: "token", value: token };
    const digits = this.must(NUMBER);
    return { type: digits.includes(".") ? "decimal" : "integer", value: Number(digits) };
  }
}

/** Throws NotStructured. */
export function readList(text: string): Member[] {
  const reader = new Reader(text);
  const members: Member[] = [];
  if (reader.ended) return members;
  do members.push(reader.member());
  while (reader.comma());
  return members;
}

/** Throws NotStructured. */
export function readDictionary(text: string): ReadonlyMap<string, Member> {
  const reader = new Reader(text);
  const members = new Map<string, Member>();
  if (reader.ended) return members;
  do {
    const key = reader.must(KEY);
    const member =
      reader.take(/=/y) === undefined
        ? { item: { type: "boolean", value: true } as const, parameters: reader.parameters() }
        : reader.member();
    members.set(key, member);
  } while (reader.comma());
  return members;
}

/** The same, or undefined where it is none: then the field is ignored as a whole (§4.2). */
export function orNone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof NotStructured) return undefined;
    throw error;
  }
}
