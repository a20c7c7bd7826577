import type { PurgeMode, PurgeNews, PurgeTarget } from "../cache/ports/purge-log.ts";
import type { Epoch } from "../policy/stored-response.ts";
import { parseJson } from "./json.ts";
import { luaScript } from "./redis-command.ts";

/*
 * The purge log in Redis is a stream. Each record names its predecessor, and its epoch is its id,
 * so one number says where a follower is, and a follower that missed anything (a trimmed stream, a
 * log that was lost and made anew) sees it: the next record's predecessor is not where it was.
 */

/** Records that one script returns; and characters of their purges, beyond which it returns no further one. */
const PAGE = { records: 1000, characters: 500_000 };
const EVERYTHING = JSON.stringify({ type: "everything" });

/**
 * Appends, and returns what follows the epoch seen last: KEYS stream, epoch, floor; ARGV epoch seen,
 * time to live in ms, length to keep, then for each record its JSON and who wants to know of those
 * who have heard it, if anybody does.
 *
 * A log that is missing, damaged, or behind what this follower has seen (an older backup, a lagging
 * replica) has lost purges that nobody can know: it begins anew, with a purge of everything.
 * Epochs come from the clock of Redis, so that they grow even then.
 */
export const FOLLOW = luaScript(`
local stream, epoch_key, floor_key = KEYS[1], KEYS[2], KEYS[3]
local seen, ttl, keep = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local micros = tonumber(time[1]) * 1000000 + tonumber(time[2])
local function text(number) return string.format('%.0f', number) end
local function is(key, kind) return redis.call('TYPE', key).ok == kind end

local epoch, floor
if is(stream, 'stream') and is(epoch_key, 'string') and is(floor_key, 'string') then
  epoch, floor = tonumber(redis.call('GET', epoch_key)), tonumber(redis.call('GET', floor_key))
end
-- In 70 years' time no clock is, and an epoch that nothing can follow would end the log for good.
local latest = math.min(math.max(seen, micros) + 2^51, 2^53)
local function sound(number) return number and number >= 0 and number < latest end
local whole = sound(epoch) and sound(floor) and epoch >= seen and epoch >= floor
if whole then
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  whole = last and last[1] == text(epoch) .. '-0'
end

local function append(target, previous, asker)
  epoch = math.max(epoch + 1, micros)
  local fields = { 'previous', text(previous), 'target', target }
  if asker ~= '' then fields[5], fields[6] = 'asker', asker end
  redis.call('XADD', stream, 'MAXLEN', '~', keep, text(epoch) .. '-0', unpack(fields))
  if target == '${EVERYTHING}' then floor = epoch end
end
local function save()
  redis.call('SET', epoch_key, text(epoch), 'PX', ttl)
  redis.call('SET', floor_key, text(floor), 'PX', ttl)
  redis.call('PEXPIRE', stream, ttl)
end

if not whole then
  redis.call('UNLINK', stream, epoch_key, floor_key)
  epoch = sound(epoch) and math.max(epoch, seen) or seen
  append('${EVERYTHING}', 0, '')
end
local epochs = {}
-- After a write that frees, Redis lets the next ones pass its memory limit: a purge must not fail for being full.
if #ARGV > 3 then redis.call('PEXPIRE', stream, ttl) end
for i = 4, #ARGV, 2 do
  append(ARGV[i], epoch, ARGV[i + 1])
  epochs[#epochs + 1] = text(epoch)
end
local left = ttl
for _, key in ipairs(KEYS) do left = math.min(left, redis.call('PTTL', key)) end
if not whole or #epochs > 0 or left < ttl / 2 then save() end

local records, length = {}, 0
for _, record in ipairs(redis.call('XRANGE', stream, text(seen) .. '-1', '+', 'COUNT', ${PAGE.records})) do
  if length > ${PAGE.characters} then break end
  local purge = record[2][4] or ''
  length = length + #purge
  records[#records + 1] = { record[1], record[2][2] or '', purge, record[2][6] or '' }
end
return { text(epoch), text(floor), epochs, records, text(micros) }
`);

/** What the script returned. */
export interface PurgePage {
  /** The end of the log. */
  readonly epoch: Epoch;
  readonly floor: Epoch;
  /** The epochs of what was appended, in order. */
  readonly appended: readonly Epoch[];
  readonly records: readonly PageRecord[];
  /** The clock of Redis when the script ran, in microseconds, as that of epochs. */
  readonly micros: number;
}

interface PageRecord {
  readonly epoch: Epoch;
  readonly previous: Epoch;
  /** Undefined when it cannot be read, or is of a later version; then it may cover anything. */
  readonly purge: Purge | undefined;
  /** Who wants to know that it was heard; empty for nobody. */
  readonly asker: string;
}

interface Purge {
  readonly target: PurgeTarget;
  readonly mode: PurgeMode;
}

/** Throws when the answer is not the script's. */
export function parsePage(reply: unknown): PurgePage {
  const [epoch, floor, appended, records, micros] = reply as [
    unknown,
    unknown,
    unknown[],
    unknown[][],
    unknown,
  ];
  return {
    epoch: epochOf(epoch),
    floor: epochOf(floor),
    appended: appended.map(epochOf),
    records: records.map(([id, previous, purge, asker]) => ({
      epoch: epochOf(String(id).split("-", 1)[0]),
      // Without a readable predecessor it follows nothing that anybody has seen.
      previous: /^\d+$/.test(String(previous)) ? Number(previous) : 0,
      purge: purgeOf(String(purge)),
      asker: String(asker),
    })),
    micros: epochOf(micros),
  };
}

function epochOf(value: unknown): Epoch {
  const epoch = Number(value);
  if (!Number.isSafeInteger(epoch) || epoch < 0) throw new Error(`not an epoch: ${String(value)}`);
  return epoch;
}

/** A purge as a record holds it. Who does not know of modes takes it for a deletion, which covers as much. */
export function encodePurge(target: PurgeTarget, mode: PurgeMode): string {
  if (mode !== "delete") return JSON.stringify({ ...target, mode });
  return target.type === "everything" ? EVERYTHING : JSON.stringify(target);
}

function purgeOf(json: string): Purge | undefined {
  const record = parseJson(json);
  if (typeof record !== "object" || record === null) return undefined;
  const { mode = "delete", ...fields } = record as Record<string, unknown>;
  const target = targetOf(fields);
  return target !== undefined && (mode === "delete" || mode === "invalidate") ? { target, mode } : undefined;
}

function targetOf({ type, key, path, site, tag, group }: Record<string, unknown>): PurgeTarget | undefined {
  if (site !== undefined && typeof site !== "string") return undefined;
  const where = site === undefined ? {} : { site };
  switch (type) {
    case "everything":
      return { type };
    case "url":
      return typeof key === "string" ? { type, key } : undefined;
    case "path":
      return typeof path === "string" ? { type, path } : undefined;
    case "prefix":
      return typeof path === "string" ? { type, ...where, path } : undefined;
    case "site":
      return site === undefined ? undefined : { type, site };
    case "tag":
      return typeof tag === "string" ? { type, ...where, tag } : undefined;
    case "group":
      return typeof group === "string" && site !== undefined ? { type, site, group } : undefined;
    default:
      return undefined;
  }
}

/** News that move a follower's position. */
type Told = Exclude<PurgeNews, { type: "attached" }>;

/**
 * What a page tells a follower that has seen the log up to `seen` (0: nothing), in log order.
 * A gap becomes a floor under everything that was lost, followed by the records that were not.
 */
export function newsFrom(seen: Epoch, page: PurgePage): Told[] {
  const news: Told[] = [];
  let position = seen;
  const first = page.records[0];
  if (seen === 0 || (first !== undefined && first.previous !== seen)) {
    position = Math.max(page.floor, first?.previous ?? page.epoch);
    news.push({ type: "floor", floor: position, epoch: position });
  }
  for (const { epoch, purge } of page.records) {
    if (epoch <= position) continue;
    position = epoch;
    news.push(
      purge === undefined
        ? { type: "floor", floor: epoch, epoch }
        : // Epochs are microseconds of the clock of Redis, or later than that.
          { type: "record", record: { epoch, ...purge, at: epoch / 1000 } },
    );
  }
  return news;
}

/** How far these news lead. */
export const positionAfter = (seen: Epoch, news: readonly Told[]): Epoch => {
  const last = news[news.length - 1];
  if (last === undefined) return seen;
  return last.type === "floor" ? last.epoch : last.record.epoch;
};
