import type { Admission, AdmissionRequest, AdmissionSettings } from "../policy/admit.ts";
import { admitCompleted } from "../policy/combine.ts";
import type { ExchangeTimes } from "../policy/freshness.ts";
import { completionFields } from "../policy/partial.ts";
import type { Epoch, EpochMs, Part, StoredResponse } from "../policy/stored-response.ts";
import { type ByteStream, type Entry, OriginError, type OriginResponse } from "./ports.ts";

/** What is asked of an origin where a part is stored: the rest. */
export interface Rest {
  readonly entry: Entry & { readonly stored: StoredResponse & { readonly part: Part } };
  /** The lines that ask for it. */
  readonly fields: readonly string[];
}

/** How to ask for what a part lacks; undefined where that cannot be asked for, or the whole not be stored. */
export function restOf(entry: Entry | undefined, maxObjectBytes: number, now: EpochMs): Rest | undefined {
  if (entry === undefined) return undefined;
  const { stored, body } = entry;
  const { part } = stored;
  if (part === undefined || part.length > maxObjectBytes) return undefined;
  const fields = completionFields(stored, now);
  return fields === undefined ? undefined : { entry: { stored: { ...stored, part }, body }, fields };
}

/** The complete response that the origin's answer makes of the part (RFC 9111 §3.4), or undefined when it makes none. */
export function completedBy(
  { entry }: Rest,
  request: AdmissionRequest,
  response: OriginResponse,
  times: ExchangeTimes,
  epoch: Epoch,
  settings: AdmissionSettings,
): { readonly admission: Admission; readonly response: OriginResponse } | undefined {
  const { stored, body: bytes } = entry;
  const completed = admitCompleted(stored, request, response, times, epoch, settings);
  if (completed === undefined) return undefined;
  const { admission, fields } = completed;
  const body = followedBy(bytes, response.body, stored.part.length, response.origin);
  return { admission, response: { ...response, status: 200, statusMessage: "OK", fields, body } };
}

/** So many stored bytes are handed on at once. */
const SLICE_BYTES = 65_536;

/**
 * Stored bytes and those that follow them, `total` in all. Rejects where the origin sends fewer
 * or more: nobody may take that for the whole.
 */
export function followedBy(stored: Uint8Array, rest: ByteStream, total: number, origin: string): ByteStream {
  return {
    [Symbol.asyncIterator]() {
      const arriving = rest[Symbol.asyncIterator]();
      let given = 0;
      const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
        if (given < stored.length) {
          const value = stored.subarray(given, given + SLICE_BYTES);
          given += value.length;
          return { done: false, value };
        }
        const { done, value } = await arriving.next();
        if (done !== true) given += value.length;
        if (given > total || (done === true && given < total)) {
          if (done !== true) void stop();
          throw new OriginError("malformed", "a part of another length than its head says", origin);
        }
        return done === true ? { done, value: undefined } : { done: false, value };
      };
      // Not a generator: its return() would wait for bytes that nobody wants any more.
      const stop = async (): Promise<void> => {
        await arriving.return?.();
      };
      return {
        next,
        return: async () => {
          await stop();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
