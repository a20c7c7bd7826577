import { type FieldLines, fieldLineValues } from "./fields.ts";
import { siteOf, withoutParameters } from "./key.ts";

/** Methods that change nothing (RFC 9110 §9.2.1); any other, known or not, may. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** Is the method safe (RFC 9110 §9.2.1)? Method names are case-sensitive (§9.1). */
export const isSafe = (method: string): boolean => SAFE.has(method);

/** Does it make anything invalid (RFC 9111 §4.4, RFC 9875 §3)? Not where the method is safe, and not by an error. */
export const invalidates = (
  request: { readonly method: string },
  response: { readonly status: number },
): boolean => !isSafe(request.method) && response.status >= 200 && response.status < 400;

/**
 * The keys that a request with this answer makes invalid (RFC 9111 §4.4): the target, and
 * what Location and Content-Location name on the same origin, as they spell it and as a browser
 * would, without the parameters that keys ignore. Empty where it makes nothing invalid.
 */
export function invalidatedUris(
  request: { readonly method: string; readonly uri: string },
  response: { readonly status: number; readonly fields: FieldLines },
  ignoredParameters: readonly string[],
): string[] {
  if (!invalidates(request, response)) return [];
  const uris = new Set([request.uri]);
  for (const name of ["location", "content-location"]) {
    for (const reference of fieldLineValues(response.fields, name)) {
      const uri = sameOriginUri(reference, request.uri);
      if (uri === undefined) continue;
      for (const spelling of [uri, asSpelled(reference, request.uri)])
        uris.add(withoutParameters(spelling, ignoredParameters));
    }
  }
  return [...uris];
}

/** The reference's absolute URI when it is on the base's origin (RFC 9111 §4.4): others' URIs are not ours to invalidate. */
export function sameOriginUri(reference: string, base: string): string | undefined {
  if (!URL.canParse(reference, base)) return undefined;
  const target = new URL(reference, base);
  const { origin } = new URL(base);
  return target.origin === origin ? `${siteOf(base)}${target.pathname}${target.search}` : undefined;
}

/** The same, byte for byte as it was written: keys are not normalised. It may be one that nobody asks for. */
function asSpelled(reference: string, base: string): string {
  const [bare = ""] = reference.trim().split("#", 1);
  const site = siteOf(base);
  const rooted = bare.replace(/^(?:https?:)?\/\/[^/?]*/i, "");
  if (rooted.startsWith("/")) return `${site}${rooted}`;
  if (rooted !== bare) return `${site}/${rooted}`;
  const [path = ""] = bare.split("?", 1);
  const resolved = path === "" ? (base.split("?", 1)[0] ?? "") : site + new URL(path, base).pathname;
  return resolved + bare.slice(path.length);
}
