import { CHECKSUM_BYTES, CHUNKS_PATTERN, LONGEST_RECORD, MAX_CHUNKS } from "./chunks.ts";
import { LONGEST_SET, MAX_SETS } from "./codec.ts";
import { MAX_VARIANTS } from "./memory.ts";
import { luaScript } from "./redis-command.ts";

/*
 * Each script is one step: no crash and no other client comes between its commands, so no key
 * is ever without a time to live. All its keys share one hash tag, and so one Cluster slot.
 */

/** What scripts have in common that keep or free entries. */
const ENTRIES = `
local function is_hash(key) return redis.call('TYPE', key).ok == 'hash' end
-- What the names of a body's chunks begin with, and how many they are; nothing where it has none.
local function chunks_in(key, record)
  local id, count = string.match(record, '${CHUNKS_PATTERN}')
  if id then return key .. ':' .. id .. ':', math.min(tonumber(count), ${MAX_CHUNKS}) end
end
local function chunks_of(key)
  if not is_hash(key) or redis.call('HSTRLEN', key, 'body') > ${LONGEST_RECORD} then return end
  return chunks_in(key, redis.call('HGET', key, 'body') or '')
end
local function keep(prefix, count, ms)
  for i = 0, count - 1 do redis.call('PEXPIRE', prefix .. i, ms) end
end
-- Whoever reads the body may go on for a while.
local function remove(key, grace)
  local prefix, count = chunks_of(key)
  if prefix then keep(prefix, count, grace) end
  return redis.call('UNLINK', key)
end
-- The bytes of all chunks together, their checksums included; -1 where one is of another type.
local function measure(prefix, count)
  local bytes = 0
  for i = 0, count - 1 do
    local length = redis.pcall('STRLEN', prefix .. i)
    if type(length) ~= 'number' then return -1 end
    bytes = bytes + length
  end
  return bytes
end
`;

/**
 * Writes an entry: KEYS base, index, the entry's own hash, which is the base where nothing selects it;
 * ARGV mode, ttl in ms, body length, body id, head and line of the divided record, variant suffix,
 * variant label, uri, ms for which readers may go on with a body that is replaced, record of the chunks
 * or nothing, then field, value, …
 * Changes nothing and answers 0 when chunks of the body are missing, and on `freshen` when the body
 * that is there is not the one meant.
 */
export const WRITE = luaScript(`${ENTRIES}
local base, index, target = KEYS[1], KEYS[2], KEYS[3]
local mode, ttl, length, identity = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local head, line, suffix, label, uri = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local grace, record = tonumber(ARGV[10]), ARGV[11]
local function make_room_for_hash(key)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'none' then redis.call('UNLINK', key) end
end

local old, old_count = chunks_of(target)
local prefix, count = chunks_in(target, record)
if mode == 'freshen' then
  if not is_hash(target) or redis.call('HGET', target, 'body_id') ~= identity then return 0 end
  if not old and redis.call('HSTRLEN', target, 'body') ~= length then return 0 end
  old, prefix, count = nil, old, old_count
end
if prefix and measure(prefix, count) ~= length + ${CHECKSUM_BYTES} * count then return 0 end
make_room_for_hash(target)
-- HSET is the first write: after another one Redis would let it pass its memory limit.
redis.call('HSET', target, unpack(ARGV, 12))
redis.call('PEXPIRE', target, ttl)
if prefix then keep(prefix, count, ttl + grace) end
if old then keep(old, old_count, grace) end

if target == base then
  if is_hash(index) then
    for _, known in ipairs(redis.call('HKEYS', index)) do remove(base .. ':' .. known, grace) end
  end
  redis.call('UNLINK', index)
  return 1
end

local lines, longest = { line }, ttl
local meta = is_hash(base) and redis.call('HGET', base, 'meta')
if meta and string.sub(meta, 1, #head) == head then
  for other in string.gmatch(string.sub(meta, #head + 1), '[^\\n]+') do
    if other ~= line and #other <= ${LONGEST_SET} and #lines < ${MAX_SETS} then lines[#lines + 1] = other end
  end
  longest = math.max(longest, redis.call('PTTL', base))
else
  remove(base, grace)
end
redis.call('HSET', base, 'meta', head .. table.concat(lines, '\\n'), 'uri', uri, 'vary', table.concat(lines, ' | '))
redis.call('PEXPIRE', base, longest)

make_room_for_hash(index)
redis.call('HSET', index, suffix, label)
redis.call('PEXPIRE', index, longest)
while redis.call('HLEN', index) > ${MAX_VARIANTS} do
  local oldest, when
  local all = redis.call('HGETALL', index)
  for i = 1, #all, 2 do
    if all[i] ~= suffix and (not when or all[i + 1] < when) then oldest, when = all[i], all[i + 1] end
  end
  redis.call('HDEL', index, oldest)
  remove(base .. ':' .. oldest, grace)
end
return 1
`);

/** Frees a resource: KEYS base, index; ARGV ms for which readers of its bodies may go on. */
export const DROP = luaScript(`${ENTRIES}
if is_hash(KEYS[2]) then
  for _, suffix in ipairs(redis.call('HKEYS', KEYS[2])) do remove(KEYS[1] .. ':' .. suffix, ARGV[1]) end
end
redis.call('UNLINK', KEYS[2])
return remove(KEYS[1], ARGV[1])
`);

/** Frees one entry: KEYS its hash; ARGV as for DROP, record of the chunks that its body has to have, or nothing. */
export const FREE = luaScript(`${ENTRIES}
if ARGV[2] ~= '' and (not is_hash(KEYS[1]) or redis.call('HGET', KEYS[1], 'body') ~= ARGV[2]) then return 0 end
return remove(KEYS[1], ARGV[1])
`);

/**
 * The bytes of a body's chunks, their checksums included: KEYS the entry's hash; ARGV what their names
 * begin with, their number. Counts as a use of each of them, so that none is evicted before the others.
 */
export const MEASURE = luaScript(`${ENTRIES}
return measure(ARGV[1], tonumber(ARGV[2]))
`);

/** Who counts as alive: not who has said nothing for so many ms, nor who spoke before the clock of Redis went back. */
const INSTANCES = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function is_alive(when, alive) return when and math.abs(now - tonumber(when)) < alive end
`;

/**
 * Says that an instance is here and how far it has heard the purge log: KEYS instances; ARGV its
 * name, its position, ms for which one counts as alive that says nothing more, 1 for a list of those
 * alive, then the channels of those who wait for this. Answers name, position, … or nothing.
 */
export const PRESENT = luaScript(`${INSTANCES}
local key, name, position, alive = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local kind = redis.call('TYPE', key).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('UNLINK', key) end
-- After a write that frees, Redis lets the next ones pass its memory limit.
redis.call('PEXPIRE', key, alive)
redis.call('HSET', key, name, position .. ' ' .. string.format('%.0f', now))
redis.call('PEXPIRE', key, alive)
for i = 5, #ARGV do redis.pcall('PUBLISH', ARGV[i], name .. ' ' .. position) end
local instances = {}
if ARGV[4] ~= '1' then return instances end
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
  local at, when = string.match(all[i + 1], '^(%d+) (%d+)$')
  if is_alive(when, alive) then
    instances[#instances + 1] = all[i]
    instances[#instances + 1] = at
  else
    redis.call('HDEL', key, all[i])
  end
end
return instances
`);

/**
 * Sends a message to the other instances that are alive: KEYS instances; ARGV the asker's name, ms for
 * which one counts as alive that says nothing more, how many are told at most, what their channels begin
 * with, the message. Answers their names; changes nothing.
 */
export const ASK = luaScript(`${INSTANCES}
local key, asker, alive, most = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local asked = {}
if redis.call('TYPE', key).ok ~= 'hash' then return asked end
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
  local when = string.match(all[i + 1], '^%d+ (%d+)$')
  if all[i] ~= asker and #asked < most and is_alive(when, alive) then
    redis.pcall('PUBLISH', ARGV[4] .. all[i], ARGV[5])
    asked[#asked + 1] = all[i]
  end
end
return asked
`);
