import { withoutFields } from "../policy/fields.ts";
import { passedInterimFields, passedResponseFields } from "../policy/forwarding.ts";
import { withOneAge } from "../policy/freshness.ts";
import { withOneDate } from "../policy/http-date.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { announcedTrailers, passedTrailers } from "../policy/trailers.ts";
import type { CacheRequest, Trailers } from "./exchange.ts";
import type { OriginRequest, OriginResponse } from "./ports/origin.ts";

/** An origin's head as the one who asked gets it, with the trailers to come. */
export type PassedHead = Pick<OriginResponse, "status" | "statusMessage" | "fields"> & {
  readonly trailers?: Trailers;
};

const LENGTH: ReadonlySet<string> = new Set(["content-length"]);

/** What of an origin's answer goes on to the client whose request brought it. */
export function passedOn(answer: OriginResponse, now: EpochMs): PassedHead {
  const { status, statusMessage, fields, trailers } = answer;
  const lines = withOneAge(withOneDate(passedResponseFields(fields), now));
  // Where there can be no content a length must not be sent on (RFC 9110 §8.6).
  const passed = { status, statusMessage, fields: status === 204 ? withoutFields(lines, LENGTH) : lines };
  if (trailers === undefined) return passed;
  const announced = announcedTrailers(fields);
  return { ...passed, trailers: { announced, fields: () => passedTrailers(trailers()) } };
}

/** Interim responses go to the one whose request is sent, and to nobody who waits for the same answer. */
export function interimFor({ onInterim }: CacheRequest): Pick<OriginRequest, "onInterim"> {
  if (onInterim === undefined) return {};
  return { onInterim: (status, fields) => onInterim(status, passedInterimFields(fields)) };
}
