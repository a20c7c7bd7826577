import {
  byName,
  epochMs,
  flag,
  list,
  number,
  object,
  oneOf,
  orNull,
  ref,
  type Schema,
  said,
  text,
  whole,
} from "./json-schema.ts";

const windowEnd = object({ at: orNull("number"), because: text });
const windows = {
  fresh_until: windowEnd,
  refreshing_until: windowEnd,
  usable_on_error_until: windowEnd,
  kept_until: windowEnd,
};
const told = { reason: text, sentence: text, clause: text };
/** What the answer of GET /explain is made of. */
export const EXPLANATION_SCHEMAS = {
  Explanation: object(
    {
      url: text,
      key: text,
      key_parts: object({
        scheme: text,
        host: text,
        path: text,
        query: orNull("string"),
        ignored: list(text),
        ignored_because: list(object(told)),
      }),
      selecting: said(list(text), "Names of the selecting header fields of all variants."),
      variants: list(
        object({ selecting: byName(orNull("string")), status: whole, size: whole, stored_at: epochMs }),
      ),
      stored: { anyOf: [ref("Stored"), { type: "null" }] },
      purges: list(
        object(
          { epoch: whole, target: ref("PurgedTarget"), mode: text },
          { at: epochMs, travelledMs: number },
        ),
      ),
      next: object({ decision: text, ...told }),
      last: {
        anyOf: [
          object({ time: epochMs, status: whole, ...told, advice: orNull("string") }),
          { type: "null" },
        ],
      },
      advice: list(text),
      causes: said(list(text), "The same in codes."),
    },
    {
      goes_alone: { const: true },
      fetched: object(
        { would: oneOf("be stored", "not be stored", "fail") },
        { origin: text, status: whole, fields: list(text), detail: text, ...told, ...windows },
      ),
      instances: said(
        list(object({ instance: text, answered: flag, tier: list(text), stored_at: orNull("number") })),
        "Where each of them has it: workers, and at most 100 instances that share a Redis.",
      ),
    },
  ),
  Stored: object(
    {
      status: whole,
      fields: list(text),
      etag: orNull("string"),
      last_modified: orNull("string"),
      size: said(whole, "Bytes."),
      tags: list(text),
      epoch: whole,
      tier: list(oneOf("memory", "redis")),
      stored_at: epochMs,
      age: said(whole, "Seconds."),
      ...windows,
    },
    { body: text, body_complete: flag },
  ),
  PurgedTarget: object(
    { type: oneOf("url", "path", "prefix", "site", "tag", "group", "everything") },
    { key: text, path: text, site: text, tag: text, group: text },
  ),
} as const satisfies Readonly<Record<string, Schema>>;
