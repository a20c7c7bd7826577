import type { Answer } from "./answer.ts";
import { jsonText, Refusal } from "./answer.ts";
import { cacheControl, namesEntityTag } from "./asked.ts";
import { entityTagOf, jsonOf, MAX_ITEMS } from "./data.ts";
import type { Exchange } from "./exchange.ts";
import { parseJson, readBody } from "./read-body.ts";

/** `GET /data?id=`: the resource, or 304 when the client has it already. */
export function getData({ query, request, behavior, data }: Exchange): Answer {
  const id = askedId(query);
  const item = data.get(id);
  const fields = [...cacheControl(query), ...groupField("Cache-Groups", id)];
  if (behavior.etag === false) return jsonText(200, jsonOf(item), fields);
  const entityTag = entityTagOf(item);
  fields.push("ETag", entityTag);
  if (namesEntityTag(request.headers["if-none-match"], entityTag)) return { status: 304, fields };
  return jsonText(200, jsonOf(item), fields);
}

/** `PUT /data?id=`: a new `updated_at`, and a new value if the body names one. */
export async function putData({ query, request, behavior, data }: Exchange): Promise<Answer> {
  const id = askedId(query);
  const result = data.put(id, newValue(await readBody(request)));
  if (result.type === "full")
    throw new Refusal(507, `no room: ${MAX_ITEMS} ids can be changed, and 64 MiB kept`);
  const fields = groupField("Cache-Group-Invalidation", id);
  if (behavior.etag !== false) fields.push("ETag", entityTagOf(result.item));
  return jsonText(200, jsonOf(result.item), fields);
}

function askedId(query: URLSearchParams): string {
  const id = query.get("id");
  if (!id) throw new Refusal(400, "expected a resource's id, as in /data?id=123");
  return id;
}

/**
 * The group of everything about one id, as a structured-field list (RFC 9875): a PUT through a
 * cache makes every URL of it invalid, whatever its query. None for an id that no such string holds.
 */
const groupField = (name: string, id: string): string[] =>
  /^[\x20-\x7e]*$/.test(id) ? [name, `"data-${id.replace(/["\\]/g, "\\$&")}"`] : [];

/** The body's `value` as JSON text; undefined when it has none. */
function newValue(body: Uint8Array): string | undefined {
  const parsed = parseJson(body);
  if (typeof parsed !== "object" || parsed === null || !Object.hasOwn(parsed, "value")) return undefined;
  return JSON.stringify((parsed as { value: unknown }).value);
}
