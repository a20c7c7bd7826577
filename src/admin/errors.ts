import type { Context } from "hono";
import { RETRY_AFTER } from "../policy/outcome.ts";
import type { AdminEnv } from "./env.ts";

/** Every kind of problem there is, by its code; codes and titles are stable (RFC 9457 §3.1.3). */
export const PROBLEMS = {
  bad_request: { status: 400, title: "The request is not understood" },
  unauthorized: { status: 401, title: "The bearer token is missing or wrong" },
  cross_site: { status: 403, title: "Another site's page asks" },
  not_found: { status: 404, title: "There is no such thing" },
  unknown_origin: { status: 404, title: "There is no such origin" },
  method_not_allowed: { status: 405, title: "This method does nothing here" },
  last_origin: { status: 409, title: "One origin has to stay in turn" },
  one_process: { status: 409, title: "One process serves alone" },
  origin_exists: { status: 409, title: "This origin is there already" },
  too_many_origins: { status: 409, title: "There may be no more origins" },
  payload_too_large: { status: 413, title: "The body is too long" },
  unsupported_media_type: { status: 415, title: "The body is not declared as JSON" },
  host_not_allowed: { status: 421, title: "The API is asked under a foreign name" },
  settings_refused: { status: 422, title: "The settings are wrong" },
  too_many_requests: { status: 429, title: "This address asks too often" },
  internal_error: { status: 500, title: "Freshline has a defect" },
  playground_away: { status: 503, title: "The mock origin does not answer" },
  store_unavailable: { status: 503, title: "The cache's store does not answer" },
  too_many_readers: { status: 503, title: "Too many readers watch already" },
} as const;

export type ApiErrorCode = keyof typeof PROBLEMS;

/** An answer of the admin API that is not the one that was asked for; the message is for people. */
export class ApiError<Code extends ApiErrorCode = ApiErrorCode> extends Error {
  override readonly name = "ApiError";
  readonly status: (typeof PROBLEMS)[Code]["status"];
  readonly code: Code;
  /** What is told beside the members that every problem has. */
  readonly members: Readonly<Record<string, unknown>>;
  constructor(
    status: (typeof PROBLEMS)[Code]["status"],
    code: Code,
    message: string,
    members: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.members = members;
  }
}

/** JSON that ends its line, for those who read it in a terminal. */
export const jsonAnswer = (
  c: Context<AdminEnv>,
  value: object,
  status: 200 | ApiError["status"] = 200,
  type = "application/json",
) =>
  c.body(`${JSON.stringify(value)}\n`, status, {
    "Content-Type": type,
    ...(status === 503 || status === 429 ? { "Retry-After": String(RETRY_AFTER) } : {}),
  });

/** The error as problem details (RFC 9457); `type` leads to GET /problems. */
export function errorResponse(c: Context<AdminEnv>, error: ApiError): Response {
  const { status, code, message, members } = error;
  const problem = {
    type: problemType(code),
    title: PROBLEMS[code].title,
    status,
    detail: message,
    code,
    request_id: c.get("requestId"),
    ...members,
  };
  return jsonAnswer(c, problem, status, "application/problem+json");
}

/** With the whole path: a relative reference that is the same wherever it is read (RFC 9457 §3.1.1). */
export const problemType = (code: ApiErrorCode): string => `/problems#${code}`;
