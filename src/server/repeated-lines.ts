import { isNamed, lowerCaseName } from "../policy/fields.ts";
import type { Incoming } from "./incoming.ts";
import { type LineFacts, lineFacts } from "./lane/facts.ts";
import { MAX_KEPT_BYTES, NOT_PLAIN } from "./lane/head.ts";
import type { OwnFieldSettings } from "./own-fields.ts";
import { isHost } from "./peer.ts";
import { peerOf, type ReadingSettings } from "./read-request.ts";

type Lines = Incoming["rawHeaders"];

/** The last field lines of a connection. */
interface Last {
  readonly lines: Lines;
  /** Absent until they have come again; `undefined` where they are not those of a plain request. */
  facts?: LineFacts | undefined;
}

/**
 * What is known of the field lines that a connection repeats? Undefined where they are new there, or
 * not those of a plain request (lane/head.ts). Besides the lines that depends on the connection and the settings alone.
 */
export function createRepeatedLines(
  settings: ReadingSettings & OwnFieldSettings,
): (incoming: Incoming) => LineFacts | undefined {
  // They go with their connection.
  const lastOf = new WeakMap<object, Last>();
  return ({ rawHeaders, socket }) => {
    const last = lastOf.get(socket);
    if (last === undefined || !areSame(last.lines, rawHeaders)) {
      if (isShort(rawHeaders)) lastOf.set(socket, { lines: rawHeaders });
      return undefined;
    }
    if (!("facts" in last) || (last.facts !== undefined && last.facts.revision !== settings.revision)) {
      const host = hostOfPlain(rawHeaders);
      last.facts =
        host === undefined ? undefined : lineFacts({ fields: last.lines, host }, peerOf(socket), settings);
    }
    return last.facts;
  };
}

function areSame(some: Lines, others: Lines): boolean {
  if (some.length !== others.length) return false;
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false;
  return true;
}

/** What is longer is read anew each time rather than kept for the connection. */
function isShort(lines: Lines): boolean {
  let length = 0;
  for (const each of lines) length += each.length;
  return length <= MAX_KEPT_BYTES;
}

/** The only Host; undefined where the request is not plain. */
function hostOfPlain(lines: Lines): string | undefined {
  let host: string | undefined;
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string;
    if (NOT_PLAIN.has(lowerCaseName(name))) return undefined;
    if (!isNamed(name, "host")) continue;
    if (host !== undefined) return undefined;
    host = lines[i + 1];
  }
  return host !== undefined && isHost(host) ? host : undefined;
}
