import {
  byName,
  epochMs,
  flag,
  list,
  object,
  oneOf,
  orNull,
  ref,
  type Schema,
  said,
  text,
  whole,
} from "./json-schema.ts";

const tier = oneOf("memory", "redis");
const windowEnd = said(orNull("number"), "Milliseconds since 1970; null for a window that it has not.");

/** What the answers of GET /entries and GET /store are made of. */
export const STORE_SCHEMAS = {
  Entries: object({
    tier,
    tiers: said(list(tier), "Those that there are to look into."),
    entries: list(ref("Entry")),
    looked_at: said(whole, "How much was looked at to find these."),
    cursor: said(orNull("string"), "Where to go on; null at the end."),
  }),
  Entry: object(
    {
      url: text,
      selecting: byName(orNull("string")),
      status: whole,
      size: said(whole, "Bytes of the body."),
      stored_at: epochMs,
      age: said(whole, "Seconds."),
      state: said(oneOf("fresh", "refreshing", "on-error", "kept"), "What may be done with it now."),
      purged: said(flag, "A purge has ended its freshness."),
      fresh_until: windowEnd,
      refreshing_until: windowEnd,
      usable_on_error_until: windowEnd,
      kept_until: windowEnd,
      tags: said(whole, "How many."),
    },
    {
      masked: said({ const: true }, "There is a secret in the URL, which is not shown."),
      worker: said(whole, "Which of several workers has it in its memory."),
    },
  ),
  Store: object({
    redis: {
      anyOf: [
        object({
          keys: said(whole, "In the database that the cache is in, whoever wrote them."),
          used_bytes: said(whole, "That all of the server takes."),
          max_bytes: said(orNull("integer"), "That it may take; null where nothing limits it."),
        }),
        { type: "null" },
      ],
    },
    instances: said(list(ref("Instance")), "This one first; at most 100 others."),
  }),
  Instance: object({
    instance: text,
    self: flag,
    version: said(orNull("string"), "Null with what follows where it has not answered in time."),
    since: said(orNull("number"), "Milliseconds since 1970."),
    epoch: said(orNull("integer"), "Up to which purge it has heard."),
    behind_ms: said(orNull("number"), "For how long purges may have gone unheard."),
  }),
} as const satisfies Readonly<Record<string, Schema>>;
