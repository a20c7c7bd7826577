import { validateHeaderValue } from "node:http";
import { Refusal } from "./answer.ts";

export interface Target {
  /** As it came, not normalised. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Splits a request-target in origin form or absolute form (RFC 9112 §3.2). Percent-decodes the query, `+` being a space. */
export function parseTarget(target: string): Target {
  const origin = target.replace(/^https?:\/\/[^/?]*/i, "");
  const mark = origin.indexOf("?");
  const path = mark === -1 ? origin : origin.slice(0, mark);
  return { path: path || "/", query: new URLSearchParams(mark === -1 ? "" : origin.slice(mark + 1)) };
}

/** The whole number in a query parameter. Throws a 400 when it is none, too small or too large. */
export function integer(
  query: URLSearchParams,
  name: string,
  { min, max, fallback }: { min: number; max: number; fallback?: number },
): number {
  const text = query.get(name);
  if (text === null && fallback !== undefined) return fallback;
  const value = text !== null && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  const got = text === null ? "nothing" : JSON.stringify(text);
  throw new Refusal(400, `expected ${name} to be a whole number from ${min} to ${max}, got ${got}`);
}

/** One Cache-Control line for each `cache-control` parameter; none without it. Throws a 400 on what no field may hold. */
export const cacheControl = (query: URLSearchParams): string[] =>
  query.getAll("cache-control").flatMap((value) => ["Cache-Control", legalValue("cache-control", value)]);

/** The value itself when it may stand in a field line (RFC 9110 §5.5); else throws a 400. */
export function legalValue(name: string, value: string): string {
  try {
    validateHeaderValue(name, value);
  } catch {
    throw new Refusal(400, `the value of ${JSON.stringify(name)} holds a character that no field may hold`);
  }
  return value;
}

export const asksForAllPorts = (query: URLSearchParams): boolean => query.get("all") === "1";

/** Does If-None-Match name the current entity tag? Weak comparison (RFC 9110 §13.1.2). */
export function namesEntityTag(ifNoneMatch: string | undefined, entityTag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  const opaque = (tag: string) => tag.replace(/^W\//, "");
  const named = ifNoneMatch.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return named.some((tag) => opaque(tag) === opaque(entityTag));
}
