import type { OriginRequest } from "../cache/ports.ts";
import type { FieldLines } from "../policy/fields.ts";

/** So many interim responses to one request are passed on, with so many bytes of fields; what comes on top is dropped. */
export const MAX_INTERIM = 16;
export const MAX_INTERIM_BYTES = 16_384;

/**
 * Hands interim responses on within the bounds, and says whether they still are. A 101 is no
 * interim response of this exchange, and a 100 answers an expectation that no origin hears of.
 *
 * We deviate from RFC 9110 §15.2 where an origin sends a 100 all the same: undici 8.12.4 ends the
 * connection, so that the request fails. Its parser cannot be told otherwise, and to strip the
 * bytes from the socket before it would be to guess where a message begins.
 */
export function createInterimRelay({
  onInterim,
}: Pick<OriginRequest, "onInterim">): (status: number, fields: FieldLines) => boolean {
  let count = 0;
  let bytes = 0;
  return (status, fields) => {
    if (status <= 101 || status >= 200) return true;
    count++;
    for (const part of fields) bytes += part.length + 2;
    if (count > MAX_INTERIM || bytes > MAX_INTERIM_BYTES) return false;
    onInterim?.(status, fields);
    return true;
  };
}
