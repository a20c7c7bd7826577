import { MAX_SETS } from "./codec.ts";
import { MAX_VARIANTS } from "./memory.ts";
import { luaScript } from "./redis-command.ts";

/*
 * Each script is one step: no crash and no other client comes between its commands, so no key
 * is ever without a time to live. All its keys share one hash tag, and so one Cluster slot.
 */

/**
 * Writes an entry: KEYS base, index[, variant]; ARGV mode, ttl in ms, body length, body id, head
 * and line of the divided record, variant suffix, variant label, uri, then field, value, …
 * `freshen` changes nothing and answers 0 when the body that is there is not the one meant.
 */
export const WRITE = luaScript(`
local base, index, target = KEYS[1], KEYS[2], KEYS[3] or KEYS[1]
local mode, ttl, length, identity = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local head, line, suffix, label, uri = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local function is_hash(key) return redis.call('TYPE', key).ok == 'hash' end
local function make_room_for_hash(key)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'none' then redis.call('UNLINK', key) end
end

if mode == 'freshen' and (not is_hash(target) or redis.call('HGET', target, 'body_id') ~= identity
  or redis.call('HSTRLEN', target, 'body') ~= length) then return 0 end
make_room_for_hash(target)
-- HSET is the first write: after another one Redis would let it pass its memory limit.
redis.call('HSET', target, unpack(ARGV, 10))
redis.call('PEXPIRE', target, ttl)

if target == base then
  if is_hash(index) then
    for _, known in ipairs(redis.call('HKEYS', index)) do redis.call('UNLINK', base .. ':' .. known) end
  end
  redis.call('UNLINK', index)
  return 1
end

local lines, longest = { line }, ttl
local meta = is_hash(base) and redis.call('HGET', base, 'meta')
if meta and string.sub(meta, 1, #head) == head then
  for other in string.gmatch(string.sub(meta, #head + 1), '[^\\n]+') do
    if other ~= line and #lines < ${MAX_SETS} then lines[#lines + 1] = other end
  end
  longest = math.max(longest, redis.call('PTTL', base))
else
  redis.call('UNLINK', base)
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
  redis.call('UNLINK', base .. ':' .. oldest)
end
return 1
`);

/** Frees a resource: KEYS base, index. */
export const DROP = luaScript(`
if redis.call('TYPE', KEYS[2]).ok == 'hash' then
  for _, suffix in ipairs(redis.call('HKEYS', KEYS[2])) do redis.call('UNLINK', KEYS[1] .. ':' .. suffix) end
end
return redis.call('UNLINK', KEYS[1], KEYS[2])
`);
