import type { OriginRequest } from "../cache/ports/origin.ts";
import type { FieldLines } from "../policy/fields.ts";

/** So many interim responses to one request are passed on, with so many bytes of fields; what comes on top is dropped. */
export const MAX_INTERIM = 16;
export const MAX_INTERIM_BYTES = 16_384;
/** More of them than this to one request are no response that is on its way. */
export const FLOOD = 10_000;

/** `dropped`: beyond what is passed on. `flood`: beyond what is read. */
type Relayed = "relayed" | "dropped" | "flood";

/**
 * Hands interim responses on within the bounds, and says whether they still are. A 101 is no
 * interim response of this exchange, and a 100, which counts, answers an expectation that no origin hears of.
 */
export function createInterimRelay({
  onInterim,
}: Pick<OriginRequest, "onInterim">): (status: number, fields: FieldLines) => Relayed {
  let count = 0;
  let bytes = 0;
  return (status, fields) => {
    if (status === 101 || status >= 200) return "relayed";
    count++;
    for (const part of fields) bytes += part.length + 2;
    if (count > FLOOD) return "flood";
    if (count > MAX_INTERIM || bytes > MAX_INTERIM_BYTES) return "dropped";
    if (status !== 100) onInterim?.(status, fields);
    return "relayed";
  };
}
