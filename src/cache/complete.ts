import type { Admission, AdmissionRequest, AdmissionSettings } from "../policy/admit.ts";
import { admitCompleted } from "../policy/combine.ts";
import type { ExchangeTimes } from "../policy/freshness.ts";
import { completionFields } from "../policy/partial.ts";
import type { Epoch, EpochMs, Part, StoredResponse } from "../policy/stored-response.ts";
import { type ByteStream, readBytes } from "./ports/body.ts";
import { SLICE_BYTES } from "./ports/body-room.ts";
import { OriginError, type OriginResponse } from "./ports/origin.ts";
import type { Entry } from "./ports/store.ts";

/** What is asked of an origin where a part is stored: the rest. */
interface Rest {
  readonly stored: StoredResponse & { readonly part: Part };
  readonly bytes: Uint8Array;
  /** The lines that ask for it. */
  readonly fields: readonly string[];
}

/**
 * How to ask for what a part lacks; undefined where that cannot be asked for, the whole not be stored,
 * or the part not be read any more.
 */
export async function restOf(
  { stored, body }: Entry,
  maxObjectBytes: number,
  now: EpochMs,
): Promise<Rest | undefined> {
  const { part } = stored;
  if (part === undefined || part.length > maxObjectBytes) return undefined;
  const fields = completionFields(stored, now);
  if (fields === undefined) return undefined;
  // Before anybody is asked for the rest, which without them would be of no use.
  const bytes = await readBytes(body).catch(() => undefined);
  return bytes === undefined ? undefined : { stored: { ...stored, part }, bytes, fields };
}

/** The complete response that the origin's answer makes of the part (RFC 9111 §3.4), or undefined when it makes none. */
export function completedBy(
  { stored, bytes }: Rest,
  request: AdmissionRequest,
  response: OriginResponse,
  times: ExchangeTimes,
  epoch: Epoch,
  settings: AdmissionSettings,
): { readonly admission: Admission; readonly response: OriginResponse } | undefined {
  const completed = admitCompleted(stored, request, response, times, epoch, settings);
  if (completed === undefined) return undefined;
  const { admission, fields } = completed;
  const body = followedBy(bytes, response.body, stored.part.length, response.origin);
  return { admission, response: { ...response, status: 200, statusMessage: "OK", fields, body } };
}

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
