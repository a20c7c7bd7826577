import type { Outgoing } from "../cache/arrivals.ts";
import type { StoredResponse } from "../policy/stored-response.ts";
import { ARRIVING } from "./arrival-scripts.ts";
import { type Chunks, chunkPrefix, chunksRecord, parseChunks } from "./chunks.ts";
import { decodeMeta, encodeMeta } from "./codec.ts";
import { isCount, parseJson } from "./json.ts";
import { baseKey, entryName } from "./redis-layout.ts";

/** How far a body has come. */
export type ArrivalNews =
  | {
      /** Chunks that are there. */
      readonly arrived: number;
      /** CRC-32 of all of it; absent before it has ended cleanly. */
      readonly checksum?: number | undefined;
    }
  | "broken";

/** A body that arrives, as those who read it know it. */
export interface ArrivalRecord {
  /** The resource's key. */
  readonly key: string;
  readonly stored: StoredResponse;
  readonly origin: string;
  /** The key of the hash that its entry will have. */
  readonly name: string;
  readonly chunks: Chunks;
  readonly news: ArrivalNews;
}

/** The key of an arrival's hash; beside its chunks. */
export const arrivalKey = (name: string, chunks: Chunks): string => chunkPrefix(name, chunks) + ARRIVING;

export const headFields = ({ key, stored, origin }: Outgoing, chunks: Chunks): (string | Buffer)[] => [
  "head",
  encodeMeta(key, stored, 0),
  "body",
  chunksRecord(chunks),
  "origin",
  origin,
];

/** What FOLLOW_BODY has answered; undefined where it is not of the arrival that is asked for, nor one of ours. */
export function parseArrival(at: string, namespace: string, fields: unknown): ArrivalRecord | undefined {
  if (!Array.isArray(fields)) return undefined;
  const [head, body, origin, arrived, checksum] = fields.map((field) => String(field ?? ""));
  const meta = decodeMeta(Buffer.from(head ?? ""));
  if (meta.type !== "entry" || origin === undefined) return undefined;
  const { key, stored } = meta;
  const chunks = parseChunks(Buffer.from(body ?? ""), stored.bodyLength);
  const news = newsFrom(Number(arrived), checksum === "" ? null : Number(checksum));
  if (chunks === undefined || news === undefined) return undefined;
  const name = entryName(baseKey(namespace, key), stored);
  return arrivalKey(name, chunks) === at ? { key, stored, origin, name, chunks, news } : undefined;
}

export const arrivalMessage = (at: string, news: ArrivalNews): string =>
  JSON.stringify(news === "broken" ? [at] : [at, news.arrived, news.checksum ?? null]);

/** What a message says, which anybody may have sent; undefined where it says nothing. */
export function parseArrivalMessage(
  text: string,
): { readonly at: string; readonly news: ArrivalNews } | undefined {
  const message = parseJson(text);
  if (!Array.isArray(message) || typeof message[0] !== "string") return undefined;
  const [at, arrived, checksum] = message;
  const news = message.length === 1 ? "broken" : newsFrom(arrived, checksum);
  return news === undefined ? undefined : { at, news };
}

function newsFrom(arrived: unknown, checksum: unknown): ArrivalNews | undefined {
  if (!isCount(arrived)) return undefined;
  if (checksum === null) return { arrived };
  return isCount(checksum) ? { arrived, checksum } : undefined;
}
