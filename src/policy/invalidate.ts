import { type FieldLines, fieldLineValues } from "./fields.ts";

/** Methods that change nothing (RFC 9110 §9.2.1); any other, known or not, may. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** Is the method safe (RFC 9110 §9.2.1)? Method names are case-sensitive (§9.1). */
export const isSafe = (method: string): boolean => SAFE.has(method);

/**
 * The URIs that a request with this answer makes invalid (RFC 9111 §4.4): the target, and
 * what Location and Content-Location name on the same origin. Empty for safe methods and
 * for errors.
 */
export function invalidatedUris(
  request: { readonly method: string; readonly uri: string },
  response: { readonly status: number; readonly fields: FieldLines },
): string[] {
  if (isSafe(request.method) || response.status < 200 || response.status >= 400) return [];
  const uris = new Set([request.uri]);
  for (const name of ["location", "content-location"]) {
    for (const reference of fieldLineValues(response.fields, name)) {
      const uri = sameOriginUri(reference, request.uri);
      if (uri !== undefined) uris.add(uri);
    }
  }
  return [...uris];
}

/** The reference's absolute URI when it is on the base's origin: others' URIs are not ours to invalidate. */
export function sameOriginUri(reference: string, base: string): string | undefined {
  if (!URL.canParse(reference, base)) return undefined;
  const target = new URL(reference, base);
  const origin = new URL(base).origin;
  return target.origin === origin ? `${target.origin}${target.pathname}${target.search}` : undefined;
}
