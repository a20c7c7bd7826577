import {
  type FieldLines,
  fieldValue,
  HOP_BY_HOP,
  isToken,
  listMembers,
  OWN_RESPONSE_FIELDS,
  withoutFields,
} from "./fields.ts";

/**
 * Response fields that must not come behind a body, where they would be too late to be obeyed or
 * would say to a careless recipient what the head did not (RFC 9110 §6.5.1): framing and routing,
 * controls, authentication and state. Content-* is beside them in `isAllowed`.
 */
const HEAD_ONLY: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  ...OWN_RESPONSE_FIELDS,
  ...["host", "via", "max-forwards", "expect", "range", "accept-ranges"],
  ...["age", "cache-control", "cdn-cache-control", "freshline-cache-control", "pragma", "expires"],
  ...["date", "location", "refresh", "retry-after", "vary", "allow", "alt-svc", "clear-site-data"],
  ...["www-authenticate", "authorization", "cookie", "set-cookie", "strict-transport-security"],
]);

const NONE: readonly string[] = [];

/** Content-Digest is computed while content is sent, and made for trailers (RFC 9530 §2). */
const isAllowed = (name: string): boolean =>
  !HEAD_ONLY.has(name) && (!name.startsWith("content-") || name === "content-digest");

/** The names that Trailer announces, as the origin wrote them (RFC 9110 §6.6.2); only those that are passed on. */
export function announcedTrailers(fields: FieldLines): readonly string[] {
  const value = fieldValue(fields, "trailer");
  if (value === undefined) return NONE;
  return listMembers(value).filter((name) => isToken(name) && isAllowed(name.toLowerCase()));
}

/** The trailer fields that reach the client, announced or not; they are never merged into the head (RFC 9110 §6.5.1). */
export function passedTrailers(trailers: FieldLines): string[] {
  const refused = new Set<string>();
  for (let i = 0; i < trailers.length; i += 2) {
    const name = (trailers[i] as string).toLowerCase();
    if (!isAllowed(name)) refused.add(name);
  }
  return withoutFields(trailers, refused);
}
