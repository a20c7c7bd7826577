import type { Part, StoredResponse } from "../../policy/stored-response.ts";

/** What a stored response is as text: one string for the garbage collector, or bytes that it never sees. */
export function pack(key: string, stored: StoredResponse): string {
  const { etag, lastModified, part } = stored;
  return JSON.stringify([
    stored.uri === key ? null : stored.uri,
    stored.selectingFields,
    stored.status,
    stored.statusMessage,
    stored.fields,
    etag ?? null,
    lastModified ?? null,
    stored.bodyLength,
    stored.responseTime,
    stored.initialAge,
    stored.freshnessLifetime,
    stored.staleWhileRevalidate,
    stored.staleIfError,
    stored.keep,
    stored.mustRevalidate,
    stored.noCache,
    stored.tags,
    part ?? null,
    stored.epoch,
  ]);
}

type Packed = [
  uri: string | null,
  selectingFields: StoredResponse["selectingFields"],
  status: number,
  statusMessage: string,
  fields: readonly string[],
  etag: string | null,
  lastModified: string | null,
  bodyLength: number,
  responseTime: number,
  initialAge: number,
  freshnessLifetime: number,
  staleWhileRevalidate: number,
  staleIfError: number,
  keep: number,
  mustRevalidate: boolean,
  noCache: boolean,
  tags: readonly string[],
  part: Part | null,
  epoch: number,
];

/** What `pack` made of it: nothing but this process has had the text, so that nothing is checked. */
export function unpack(key: string, text: string): StoredResponse {
  const packed = JSON.parse(text) as Packed;
  const [uri, selectingFields, status, statusMessage, fields, etag, lastModified, bodyLength] = packed;
  const part = packed[17];
  const stored: { -readonly [name in keyof StoredResponse]: StoredResponse[name] } = {
    uri: uri ?? key,
    selectingFields,
    status,
    statusMessage,
    fields,
    bodyLength,
    responseTime: packed[8],
    initialAge: packed[9],
    freshnessLifetime: packed[10],
    staleWhileRevalidate: packed[11],
    staleIfError: packed[12],
    keep: packed[13],
    mustRevalidate: packed[14],
    noCache: packed[15],
    tags: packed[16],
    epoch: packed[18],
  };
  if (etag !== null) stored.etag = etag;
  if (lastModified !== null) stored.lastModified = lastModified;
  if (part !== null) stored.part = part;
  return stored;
}
