import fc from "fast-check";
import type { AdmissionRequest, AdmissionResponse, AdmissionSettings } from "../../src/policy/admit.ts";
import { requestDirectives } from "../../src/policy/cache-control.ts";
import type { RequestFacts } from "../../src/policy/decide.ts";
import type { FieldLines } from "../../src/policy/fields.ts";
import { formatHttpDate } from "../../src/policy/http-date.ts";
import type { EpochMs, Seconds, StoredResponse } from "../../src/policy/stored-response.ts";
import { unkeyedFields } from "../../src/policy/unkeyed-fields.ts";

/** Every test's clock starts here: Thu, 15 Jan 2026 12:00:00 GMT. */
export const NOW: EpochMs = Date.UTC(2026, 0, 15, 12);

export const later = (seconds: Seconds): EpochMs => NOW + seconds * 1000;
export const dateAt = (seconds: Seconds): string => formatHttpDate(later(seconds));

/** Fields by name; a list makes one line each, undefined takes a default away. */
export type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

export const lines = (fields: Fields): FieldLines =>
  Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().flatMap((one) => [name, one]),
  );

export const URI = "http://shop.example/data?id=1";

/** A GET for URI with no fields; its directives are those of its fields. */
export function aRequest({
  fields = {},
  ...overrides
}: Partial<Omit<RequestFacts & AdmissionRequest, "fields">> & {
  readonly fields?: Fields;
} = {}): RequestFacts & AdmissionRequest {
  const all = lines(fields);
  return {
    method: "GET",
    uri: URI,
    fields: all,
    directives: requestDirectives(all),
    hasBody: false,
    ...overrides,
  };
}

/** A 200 that was sent and received at NOW. */
export function aResponse(
  cacheControl?: string | undefined,
  { fields = {}, ...overrides }: Partial<Omit<AdmissionResponse, "fields">> & { fields?: Fields } = {},
): AdmissionResponse {
  const all = { Date: dateAt(0), "Content-Type": "text/plain", "Cache-Control": cacheControl, ...fields };
  return { status: 200, statusMessage: "OK", fields: lines(all), ...overrides };
}

/** Received at NOW, fresh for 60 seconds, without windows and validators. */
export function aStored({
  fields = {},
  ...overrides
}: Partial<Omit<StoredResponse, "fields">> & { readonly fields?: Fields } = {}): StoredResponse {
  return {
    uri: URI,
    selectingFields: {},
    status: 200,
    statusMessage: "OK",
    fields: lines({ Date: dateAt(0), "Content-Type": "text/plain", ...fields }),
    bodyLength: 10,
    responseTime: NOW,
    initialAge: 0,
    freshnessLifetime: 60,
    staleWhileRevalidate: 0,
    staleIfError: 0,
    keep: 0,
    mustRevalidate: false,
    noCache: false,
    tags: [],
    epoch: 1,
    ...overrides,
  };
}

/** An operator who has set nothing. */
export const someSettings = (overrides: Partial<AdmissionSettings> = {}): AdmissionSettings => ({
  defaultTtl: 0,
  defaultStaleWhileRevalidate: 0,
  defaultStaleIfError: 0,
  keepForValidation: 600,
  maxTtl: 30 * 86_400,
  maxObjectBytes: 1000,
  allowSetCookie: false,
  profile: "safe",
  tagFields: ["cache-groups", "surrogate-key", "cache-tag", "xkey"],
  unkeyed: unkeyedFields({ stripped: [], keyed: [], passed: [] }),
  ...overrides,
});

const PIECES = '" , \\ = ; * - W/ max-age s-maxage private no-cache no-store bytes GMT Jan 0 1 99 "a"'.split(
  " ",
);

/** Any bytes, and often those that mean something to a parser. */
export const fieldValues = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) }),
  fc.array(fc.constantFrom(...PIECES, " ", "\t", "\xff"), { maxLength: 12 }).map((pieces) => pieces.join("")),
);

/** The same text with some ASCII letters in the other case. */
export const recased = (text: string, flips: readonly boolean[]): string =>
  [...text]
    .map((char, i) => {
      if (flips[i % Math.max(1, flips.length)] !== true || !/[a-z]/i.test(char)) return char;
      return char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase();
    })
    .join("");
