import type { Hit, Hits } from "../../cache/hit.ts";
import { SLICE_BYTES } from "../../cache/ports/body-room.ts";
import { type OwnFieldSettings, operatorFields } from "../own-fields.ts";
import type { Aspect } from "./facts.ts";
import { type Prepared, prepare } from "./prepared.ts";

interface PrepareHitDeps {
  readonly hits: Pick<Hits, "answer">;
  readonly settings: OwnFieldSettings;
  readonly keepAliveTimeoutMs: number;
}

/** The answer to this hit for a request of this aspect; undefined where there is more to do than to write it. */
export type PrepareHit = (
  hit: Hit,
  aspect: Aspect,
  key: Pick<Prepared, "aspect" | "age" | "ttl">,
) => Prepared | undefined;

export function createPrepareHit({ hits, settings, keepAliveTimeoutMs }: PrepareHitDeps): PrepareHit {
  const keepAliveSeconds = Math.floor(keepAliveTimeoutMs / 1000);
  return (hit, { facts }, key) => {
    // A longer one goes out in slices, as its client takes them.
    if (hit.found.entry.body.length > SLICE_BYTES) return undefined;
    const response = hits.answer(facts, hit);
    const operator = operatorFields(facts.fields, response.fields, settings);
    return prepare(response, operator, keepAliveSeconds, key);
  };
}
