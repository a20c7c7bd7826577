import { type FieldLines, fieldLineValues, hasField } from "../policy/fields.ts";

export interface OwnFieldSettings {
  /** Web origins that may read answers; `*` for all; empty adds nothing. */
  readonly corsOrigins: "*" | readonly string[];
  readonly securityHeaders: boolean;
}

/** Sensible for any site; an origin's own always wins. */
const SECURITY_FIELDS: readonly (readonly [string, string])[] = [
  ["X-Content-Type-Options", "nosniff"],
  ["X-Frame-Options", "SAMEORIGIN"],
  ["Referrer-Policy", "strict-origin-when-cross-origin"],
];

/** The lines that the operator's settings add to a proxied answer, where the origin has not said otherwise: of the response its names count, not its values (lane/composed.ts). */
export function operatorFields(
  request: FieldLines,
  response: FieldLines,
  settings: OwnFieldSettings,
): string[] {
  const added: string[] = [];
  if (settings.securityHeaders) {
    for (const [name, value] of SECURITY_FIELDS)
      if (!hasField(response, name.toLowerCase())) added.push(name, value);
  }
  if (settings.corsOrigins.length > 0 && !hasField(response, "access-control-allow-origin")) {
    added.push(...corsFields(request, settings.corsOrigins));
  }
  return added;
}

/** What of a request those lines depend on: one of a few, whatever a client says. */
export const operatorAspect = (request: FieldLines, { corsOrigins }: OwnFieldSettings): string =>
  corsOrigins === "*" ? "" : (allowedOrigin(request, corsOrigins) ?? "");

function allowedOrigin(request: FieldLines, allowed: readonly string[]): string | undefined {
  const [origin] = allowed.length === 0 ? [] : fieldLineValues(request, "origin");
  return origin !== undefined && allowed.includes(origin) ? origin : undefined;
}

function corsFields(request: FieldLines, allowed: "*" | readonly string[]): string[] {
  if (allowed === "*") return ["Access-Control-Allow-Origin", "*"];
  const origin = allowedOrigin(request, allowed);
  // Said even where it does not apply: a cache downstream must tell the two apart.
  const vary = ["Vary", "Origin"];
  return origin === undefined ? vary : ["Access-Control-Allow-Origin", origin, ...vary];
}

/** The lines that answer a CORS preflight, or undefined when the request is none that settings cover. */
export function preflightFields(
  method: string,
  request: FieldLines,
  { corsOrigins }: OwnFieldSettings,
): string[] | undefined {
  if (method !== "OPTIONS" || corsOrigins.length === 0) return undefined;
  const [wanted] = fieldLineValues(request, "access-control-request-method");
  if (wanted === undefined || !hasField(request, "origin")) return undefined;
  const [headers] = fieldLineValues(request, "access-control-request-headers");
  return [
    ...corsFields(request, corsOrigins),
    "Access-Control-Allow-Methods",
    wanted,
    ...(headers === undefined ? [] : ["Access-Control-Allow-Headers", headers]),
    "Access-Control-Max-Age",
    "600",
  ];
}
