import type { Arrives, LeaseEnd } from "../cache/leases.ts";
import { parseJson } from "./json.ts";

/** What an end of a lease says, which anybody may have written; undefined where it says nothing that is known. */
export function parseLeaseEnd(text: string): LeaseEnd | undefined {
  return endFrom(parseJson(text));
}

/** What a message says: which lease has ended, and how; or that the body that it is about can be read. */
export function parseLeaseMessage(
  text: string,
): { readonly name: string; readonly news: LeaseEnd | Arrives } | undefined {
  const message = parseJson(text);
  if (!Array.isArray(message) || typeof message[0] !== "string") return undefined;
  const news = arrivesFrom(message[1]) ?? endFrom(message[1]);
  return news === undefined ? undefined : { name: message[0], news };
}

function arrivesFrom(value: unknown): Arrives | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { type, at, sinceHeadMs } = value as Record<string, unknown>;
  if (type !== "arrives" || typeof at !== "string" || typeof sinceHeadMs !== "number") return undefined;
  return { type, at, sinceHeadMs };
}

function endFrom(value: unknown): LeaseEnd | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { type, sinceHeadMs, selecting, validated, lasting, leaders, code } = value as Record<
    string,
    unknown
  >;
  switch (type) {
    case "stored":
      if (typeof sinceHeadMs !== "number" || !areNames(selecting)) return undefined;
      return { type, sinceHeadMs, selecting, validated: validated === true };
    case "uncacheable":
      return { type, lasting: lasting === true };
    case "failed":
      if (typeof leaders !== "number" || !isCode(code)) return undefined;
      return { type, leaders, code };
    case "unkept":
    case "lapsed":
      return { type };
    default:
      return undefined;
  }
}

const areNames = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((name) => typeof name === "string");

type Code = Extract<LeaseEnd, { type: "failed" }>["code"];

const CODES: Readonly<Record<Code, true>> = {
  refused: true,
  connect: true,
  certificate: true,
  timeout: true,
  reset: true,
  malformed: true,
  overloaded: true,
  "no-healthy-origin": true,
  "error-status": true,
};

const isCode = (code: unknown): code is Code => typeof code === "string" && Object.hasOwn(CODES, code);
