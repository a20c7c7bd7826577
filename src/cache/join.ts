import { decide } from "../policy/decide.ts";
import { selectFrom, variantMatches } from "../policy/key.ts";
import type { Epoch, EpochMs, StoredResponse } from "../policy/stored-response.ts";
import type { Coalescer, Follower, Leader, Place } from "./coalesce.ts";
import type { CacheRequest } from "./exchange.ts";
import type { Purges } from "./purges.ts";
import { answersUri } from "./search-variances.ts";
import { askedUri, type Shared, storedOf } from "./share.ts";

interface JoinDeps {
  readonly coalescer: Coalescer<Shared>;
  readonly purges: Purges;
  readonly now: () => EpochMs;
}

/** What somebody who joins has learned of the key before. */
interface Learned {
  /** Names of fields that select among its responses. */
  readonly selecting: Iterable<string>;
  /** Leaders that have failed. */
  readonly failed: number;
  /** When the first of them began; now where none has. Milliseconds of a clock that never jumps. */
  readonly since: number;
}

export interface Joined {
  readonly ticket: Leader<Shared> | Follower<Shared>;
  /** Where in the purge log. */
  readonly epoch: Epoch;
  readonly at: EpochMs;
  /** When the first who led for it began, those who have failed included. Milliseconds of the same clock. */
  readonly since: number;
  /** Names of fields that are known to select among the key's responses. */
  readonly selecting: readonly string[];
}

/** Whose fetch may answer this request? */
export function createJoin({ coalescer, purges, now }: JoinDeps) {
  /**
   * Who comes before the head is there may have what it brings. Who comes later is answered
   * as from the store: by what is not purged and still fresh (RFC 9111 §4). Where it is known
   * which fields select, nobody waits for another variant (§4.1).
   */
  function join(request: CacheRequest, { selecting, failed, since }: Learned): Joined {
    const { uri, fields } = request;
    const { epoch } = purges;
    const underWay = coalescer.underWay(uri).filter((place) => {
      if (!isPurged(uri, place)) return true;
      coalescer.close(uri, place);
      return false;
    });
    const names = [...new Set([...selecting, ...underWay.flatMap(selectingOf)])];
    const mine = selectFrom(names, fields);
    const place = underWay.findLast(({ start, shared }) =>
      shared === undefined
        ? variantMatches(mine, start.fields)
        : answers(request, storedOf(shared)) && decide(request, storedOf(shared), now()).type === "serve",
    );
    const ticket = place?.follow() ?? coalescer.lead(uri, { epoch, fields, selecting: names, failed, since });
    return { ticket, epoch, at: now(), since: place?.start.since ?? since, selecting: names };
  }

  function isPurged(uri: string, { start, shared }: Place<Shared>): boolean {
    const { epoch, tags } = shared === undefined ? { epoch: start.epoch, tags: [] } : storedOf(shared);
    return purges.covers(uri, epoch, tags);
  }

  /**
   * May it answer somebody who has joined then? Not what a purge before that had covered, which
   * its groups tell only now. Who came after the head that another instance got is answered as from the store.
   */
  function mayHave(request: CacheRequest, { epoch, at }: Omit<Joined, "ticket">, shared: Shared): boolean {
    const stored = storedOf(shared);
    if (!answers(request, stored)) return false;
    if (stored.epoch < epoch && purges.covers(request.uri, stored.epoch, stored.tags)) return false;
    const headAt = shared.type === "validated" ? undefined : shared.headAt;
    const late = headAt !== undefined && at > headAt;
    return !late || decide(request, stored, now()).type === "serve";
  }

  return { join, mayHave };
}

/** Is it for this URI and this variant? What was known of either before it came may no longer hold. */
const answers = (request: CacheRequest, stored: StoredResponse): boolean =>
  answersUri(stored, askedUri(request)) && variantMatches(stored.selectingFields, request.fields);

/** What a fetch under way tells of how the key's responses are selected. */
const selectingOf = ({ start, shared }: Place<Shared>): readonly string[] =>
  shared === undefined ? start.selecting : Object.keys(storedOf(shared).selectingFields);
