import type { CacheResponse } from "../cache/exchange.ts";
import { NO_BODY } from "../cache/exchange.ts";
import { refusal } from "../cache/respond.ts";
import type { Outcome } from "../policy/outcome.ts";

/** What may be asked here; what each resource allows, its origin knows. */
const ALLOW = ["Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"];

const ANSWERED: Outcome = { word: "BYPASS", body: "none", fwd: "method", reason: "method" };
const REFUSED: Outcome = { word: "BYPASS", body: "none", fwd: "method", reason: "bad_request" };

/** The answer to an OPTIONS or TRACE that goes no further (RFC 9110 §7.6.2). */
export function answerOurselves(id: string, method: string): CacheResponse {
  if (method === "OPTIONS") {
    return { status: 204, statusMessage: "", fields: ALLOW, body: NO_BODY, outcome: ANSWERED };
  }
  const detail = `${method} is not answered, as it would show what others have added to a request`;
  const refused = refusal({ id, method }, 405, "bad_request", detail, REFUSED);
  return { ...refused, fields: [...refused.fields, ...ALLOW] };
}
