import type { Row } from "./exchanges.ts";
import { CONDITIONAL } from "./rows-of-conditions.ts";
import { INTERIM } from "./rows-of-interim-responses.ts";
import { AGE, PARSING, STORING } from "./rows-of-lifetimes.ts";
import { PARTIAL } from "./rows-of-parts.ts";
import { INVALIDATION, VARY } from "./rows-of-several.ts";
import { STALE } from "./rows-of-stale-responses.ts";
import { TARGETED } from "./rows-of-targeted-fields.ts";

/** Behaviours that the survey's current suite asks for, or that its newer sections are about, and the package lacks. */
export const ROWS: Readonly<Record<string, readonly Row[]>> = {
  "targeted fields": TARGETED,
  "parsing Cache-Control and Expires": PARSING,
  "parsing Age": AGE,
  storing: STORING,
  invalidation: INVALIDATION,
  vary: VARY,
  "partial responses": PARTIAL,
  "conditional requests": CONDITIONAL,
  "interim responses": INTERIM,
  "stale responses": STALE,
};
