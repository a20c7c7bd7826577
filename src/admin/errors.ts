import type { Context } from "hono";
import { RETRY_AFTER } from "../policy/outcome.ts";
import type { AdminEnv } from "./env.ts";

/** Codes are stable, messages are for people. */
export type ApiErrorCode =
  | "bad_request"
  | "unauthorized"
  | "cross_site"
  | "not_found"
  | "method_not_allowed"
  | "one_process"
  | "payload_too_large"
  | "host_not_allowed"
  | "internal_error"
  | "playground_away"
  | "store_unavailable"
  | "too_many_readers"
  | "too_many_requests"
  | "unsupported_media_type";

/** An answer of the admin API that is not the one that was asked for. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 421 | 429 | 500 | 503;
  readonly code: ApiErrorCode;
  constructor(status: ApiError["status"], code: ApiErrorCode, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** JSON that ends its line, for those who read it in a terminal. */
export const jsonAnswer = (c: Context<AdminEnv>, value: object, status: 200 | ApiError["status"] = 200) =>
  c.body(`${JSON.stringify(value)}\n`, status, {
    "Content-Type": "application/json",
    ...(status === 503 || status === 429 ? { "Retry-After": String(RETRY_AFTER) } : {}),
  });

/** `{code, message, requestId}`, like every error of the admin API. */
export function errorResponse(c: Context<AdminEnv>, error: ApiError): Response {
  return jsonAnswer(
    c,
    { code: error.code, message: error.message, requestId: c.get("requestId") },
    error.status,
  );
}
