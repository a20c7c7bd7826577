import { MAX_ENTRIES } from "./entries.ts";
import { MOST } from "./events.ts";
import { byName, flag, list, object, oneOf, orNull, ref, type Schema, text, whole } from "./json-schema.ts";
import type { SCHEMAS } from "./openapi-schemas.ts";

type Method = "get" | "post" | "delete";

/** One route: what it is for, takes and answers. */
interface Operation {
  readonly summary: string;
  readonly parameters?: readonly object[];
  readonly takes?: keyof typeof SCHEMAS;
  /** Of the answer 200, by media type. */
  readonly answers: Readonly<Record<string, Schema>>;
  /** Other answers with the same content. */
  readonly also?: readonly number[];
  /** For everybody, whatever the token. */
  readonly open?: true;
}

const json = (schema: Schema): Operation["answers"] => ({ "application/json": schema });
const plain: Operation["answers"] = { "text/plain": text };

const query = (name: string, schema: Schema, description: string, required = false): object => ({
  name,
  in: "query",
  required,
  description,
  schema,
});
const header = (name: string, description: string): object => ({
  name,
  in: "header",
  description,
  schema: text,
});
const soft = header("Fastly-Soft-Purge", "1 for the mode invalidate.");

/** Every route, by path and method; test/admin/openapi.test.ts holds them against those there are. */
export const OPERATIONS: Readonly<Record<string, Readonly<Partial<Record<Method, Operation>>>>> = {
  "/": {
    get: {
      summary: "The list of routes; for a browser the dashboard",
      answers: { ...plain, "text/html": text },
    },
  },
  "/dashboard/{file}": {
    get: {
      summary: "A file of the dashboard's page",
      parameters: [{ name: "file", in: "path", required: true, schema: text }],
      answers: { "text/css": text, "text/javascript": text, "image/svg+xml": text },
      open: true,
    },
  },
  "/openapi.json": { get: { summary: "This description", answers: json({ type: "object" }) } },
  "/problems": {
    get: {
      summary: "Every kind of problem, to which the type of each leads",
      answers: json(list(ref("ProblemKind"))),
    },
  },
  "/health/live": {
    get: { summary: "Does the process serve?", answers: json(object({ live: flag })), open: true },
  },
  "/health/ready": {
    get: {
      summary: "Is a healthy origin there, and is it not about to stop? 503 if not",
      answers: json(ref("Readiness")),
      also: [503],
      open: true,
    },
  },
  "/stats": { get: { summary: "Counts since the start", answers: json(ref("Stats")) } },
  "/metrics": {
    get: {
      summary: "The same and more, for Prometheus",
      answers: { ...plain, "application/openmetrics-text": text },
    },
  },
  "/origins": {
    get: {
      summary: "The state of every origin and how its health has changed, by its URL",
      answers: json(byName(ref("Origin"))),
    },
    post: {
      summary: "Give an origin a turn: a new one, or one that was draining",
      takes: "OriginName",
      answers: json(ref("OriginSteered")),
    },
    delete: {
      summary: "Take an origin away; what is under way ends",
      parameters: [query("origin", text, "scheme://host:port", true)],
      answers: json(ref("OriginSteered")),
    },
  },
  "/origins/drain": {
    post: {
      summary: "Give an origin no new requests",
      takes: "OriginName",
      answers: json(ref("OriginSteered")),
    },
  },
  "/reload": {
    post: {
      summary: "Read the settings again; refused as a whole, with all that is wrong",
      answers: json(ref("Reloaded")),
    },
  },
  "/settings": {
    get: {
      summary: "The settings in force, and where each was written",
      answers: json(list(ref("Setting"))),
    },
  },
  "/explain": {
    get: {
      summary: "Why a request is answered as it is, and what would change it",
      parameters: [
        query("url", text, "The URL as clients ask for it, or a path.", true),
        query("method", text, "GET when absent."),
        query("header", list(text), "`Name: value` each."),
        query("fetch", oneOf("0", "1"), "1 asks an origin, and stores nothing."),
        query("body", oneOf("0", "1"), "1 shows the beginning of what is stored."),
      ],
      answers: json(ref("Explanation")),
    },
  },
  "/entries": {
    get: {
      summary: "What is stored, page by page, in no order that means anything",
      parameters: [
        query("match", text, "What the key contains."),
        query("tier", oneOf("memory", "redis"), "The first that there is, when absent."),
        query(
          "limit",
          { type: "integer", minimum: 1, maximum: MAX_ENTRIES },
          "50 when absent; a page of Redis may have about a hundred more.",
        ),
        query("cursor", text, "The cursor of the page before."),
      ],
      answers: json(ref("Entries")),
    },
  },
  "/store": {
    get: { summary: "What Redis holds, and the instances that share it", answers: json(ref("Store")) },
  },
  "/reasons": {
    get: { summary: "Every reason code, and what would change it", answers: json(list(ref("Reason"))) },
  },
  "/events": {
    get: {
      summary: "Answers while they are given: `event: answered` with Answered, `event: dropped` with a count",
      parameters: [query("q", text, "Which answers: `cache=MISS ttfb>200ms`.")],
      answers: { "text/event-stream": text },
    },
  },
  "/top": {
    get: {
      summary: "Hot URLs, missing ones, reasons, origins",
      parameters: [
        query("k", { type: "integer", minimum: 1, maximum: MOST.k }, "How many of each; 20 when absent."),
      ],
      answers: json(ref("Top")),
    },
  },
  "/hist": { get: { summary: "Latencies of hits, misses and origins", answers: json(ref("Hist")) } },
  "/series": {
    get: {
      summary: "Requests, latencies and memory over the last minutes, the oldest first",
      parameters: [
        query("minutes", { type: "integer", minimum: 1, maximum: MOST.minutes }, "10 when absent."),
      ],
      answers: json(ref("Series")),
    },
  },
  "/cache/{target}": {
    delete: {
      summary: "Purge one URL: its path and query behind /cache, their bytes as clients send them",
      parameters: [
        { name: "target", in: "path", required: true, schema: text },
        header("X-Host", "The host whose URL it is; every host's when absent."),
        soft,
      ],
      answers: json(ref("PurgeReceipt")),
    },
  },
  "/purge": {
    post: {
      summary: "Purge on all instances",
      parameters: [soft],
      takes: "Purge",
      answers: json(ref("PurgeReceipt")),
    },
  },
  "/warm": { post: { summary: "Fetch URLs into the cache", takes: "Warm", answers: json(ref("Warmed")) } },
  "/restart": {
    post: {
      summary: "Replace the workers one after another, losing no request",
      answers: json(ref("Restarted")),
    },
  },
  "/playground": {
    get: {
      summary: "The mock origin's scenes; only where it was started together with the proxy",
      answers: json(ref("Playground")),
    },
  },
  "/playground/ask": {
    post: {
      summary: "Ask the proxy for a scene",
      takes: "Scene",
      answers: json(
        object({
          status: whole,
          cache: orNull("string"),
          cache_status: orNull("string"),
          age: orNull("string"),
          took_ms: { type: "number" },
          text,
        }),
      ),
    },
  },
  "/playground/put": {
    post: { summary: "Change a scene's data", takes: "Scene", answers: json(object({ status: whole })) },
  },
  "/playground/mood": {
    post: {
      summary: "Have the mock origins fail, be slow, be unhealthy or recover",
      takes: "Mood",
      answers: json(object({ behavior: { type: "object" } })),
    },
  },
};
