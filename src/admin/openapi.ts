import type { Hono } from "hono";
import type { AdminEnv } from "./env.ts";
import { type ApiErrorCode, jsonAnswer, PROBLEMS, problemType } from "./errors.ts";
import { ref } from "./json-schema.ts";
import { OPERATIONS } from "./openapi-paths.ts";
import { SCHEMAS } from "./openapi-schemas.ts";

/** GET /openapi.json and GET /problems: what this API takes and answers. */
export function addDescription(app: Hono<AdminEnv>): void {
  const description = describe();
  const problems = Object.entries(PROBLEMS).map(([code, { status, title }]) => ({
    code,
    type: problemType(code as ApiErrorCode),
    status,
    title,
  }));
  app.get("/openapi.json", (c) => jsonAnswer(c, description));
  app.get("/problems", (c) => jsonAnswer(c, problems));
}

type Operation = NonNullable<(typeof OPERATIONS)[string]["get"]>;

/** The whole of it in OpenAPI 3.1. */
const describe = () => ({
  openapi: "3.1.0",
  info: {
    title: "Freshline admin API",
    version: "1",
    description:
      "See and steer a running Freshline. Errors are problem details (RFC 9457); every answer has an X-Request-Id. " +
      "GET routes take HEAD, too.",
  },
  servers: [{ url: "/" }],
  // Without a token the API listens on loopback alone.
  security: [{ token: [] }, {}],
  paths: Object.fromEntries(
    Object.entries(OPERATIONS).map(([path, operations]) => [
      path,
      Object.fromEntries(
        Object.entries(operations).map(([method, operation]) => [method, shown(path, method, operation)]),
      ),
    ]),
  ),
  components: {
    schemas: SCHEMAS,
    securitySchemes: { token: { type: "http", scheme: "bearer", description: "ADMIN_TOKEN" } },
  },
});

function shown(path: string, method: string, { summary, parameters, takes, answers, also, open }: Operation) {
  const content = Object.fromEntries(Object.entries(answers).map(([type, schema]) => [type, { schema }]));
  const named = path.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase()).replace(/\W/g, "");
  return {
    operationId: method + (named === "" ? "Root" : named),
    summary,
    ...(parameters === undefined ? {} : { parameters }),
    ...(takes === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: ref(takes) } } } }),
    ...(open === undefined ? {} : { security: [] }),
    responses: {
      200: { description: "As asked", content },
      ...Object.fromEntries((also ?? []).map((status) => [status, { description: "If not", content }])),
      default: {
        description: "A problem",
        content: { "application/problem+json": { schema: ref("Problem") } },
      },
    },
  };
}
