import type { Context } from "hono";
import type { AdminEnv } from "./env.ts";

/** Codes are stable, messages are for people. */
export type ApiErrorCode =
  | "bad_request"
  | "unauthorized"
  | "cross_site"
  | "not_found"
  | "method_not_allowed"
  | "payload_too_large"
  | "host_not_allowed"
  | "internal_error"
  | "store_unavailable";

/** An answer of the admin API that is not the one that was asked for. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: 400 | 401 | 403 | 404 | 405 | 413 | 421 | 500 | 503;
  readonly code: ApiErrorCode;
  constructor(status: ApiError["status"], code: ApiErrorCode, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** JSON that ends its line, for those who read it in a terminal. */
export const jsonAnswer = (c: Context<AdminEnv>, value: object, status: 200 | ApiError["status"] = 200) =>
  c.body(`${JSON.stringify(value)}\n`, status, { "Content-Type": "application/json" });

/** `{code, message, requestId}`, like every error of the admin API. */
export function errorResponse(c: Context<AdminEnv>, error: ApiError): Response {
  return jsonAnswer(
    c,
    { code: error.code, message: error.message, requestId: c.get("requestId") },
    error.status,
  );
}
