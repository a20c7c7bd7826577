import { luaScript } from "./redis-command.ts";

/*
 * A lease is a hash: `leaders`, how many have led so far; `since`, when the last of them began;
 * `leader:<token>` for each who is at it; `waiter:<instance>` for each who waits; `arriving`, when a
 * head has come: 1, or where its body can be read. For a moment after its end it holds nothing but that `end`.
 */

/** Publishes a message to every instance that waits, by a field of the hash, and answers how many do. */
export const TELL = `
local function tell(key, channels, message)
  local told = 0
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if string.sub(field, 1, 7) == 'waiter:' then
      redis.pcall('PUBLISH', channels .. string.sub(field, 8), message)
      told = told + 1
    end
  end
  return told
end
`;

/**
 * Asks for leadership: KEYS lease; ARGV token, instance, ms to live, leaders that failed before, how
 * many may lead, ms after which a leader is overdue (0: never), 1 where an end of just now is known,
 * 1 to wait. Answers the token, and `held` and the leaders, `elsewhere` with the ms until it is worth asking
 * again and what `arriving` says, or `ended` and the end. Nobody leads beside a body that can be read.
 */
export const ACQUIRE = luaScript(`
local key, ttl = KEYS[1], tonumber(ARGV[3])
local leaders, most, patience = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local kind = redis.call('TYPE', key).ok
local is_hash = kind == 'hash'
local left = redis.call('PTTL', key)
-- Nobody gives one a longer life: the clock of Redis went back, perhaps, and its holder may be gone.
if left > ttl then
  redis.call('PEXPIRE', key, ttl)
  left = ttl
end
local ended = is_hash and left >= 0 and redis.call('HGET', key, 'end')
if ended and ARGV[7] ~= '1' then return { ARGV[1], 'ended', ended } end
local led = is_hash and left >= 0 and tonumber(redis.call('HGET', key, 'leaders') or '')
if led then
  local since = tonumber(redis.call('HGET', key, 'since') or '') or now
  local patient = since + patience - now
  local arriving = redis.call('HGET', key, 'arriving') or ''
  local waits = patience == 0 or led >= most or #arriving > 1
  if waits then patient = left end
  if patient > 0 or waits then
    if ARGV[8] == '1' then redis.call('HSET', key, 'waiter:' .. ARGV[2], 1) end
    return { ARGV[1], 'elsewhere', math.min(left, patient), arriving }
  end
  leaders = math.max(leaders, led)
elseif kind ~= 'none' then
  redis.call('UNLINK', key)
end
leaders = leaders + 1
redis.call('HSET', key, 'leader:' .. ARGV[1], 1, 'leaders', leaders, 'since', string.format('%.0f', now))
redis.call('PEXPIRE', key, ttl)
return { ARGV[1], 'held', leaders }
`);

/**
 * Keeps a lease: KEYS lease; ARGV token, ms to live, 1 when a head has come or where its body can be read,
 * and then what channels of instances begin with, and the message for those who wait, once.
 * Answers 0 to who does not hold it.
 */
export const RENEW = luaScript(`${TELL}
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return 0 end
if redis.call('HEXISTS', KEYS[1], 'leader:' .. ARGV[1]) == 0 then return 0 end
if ARGV[3] == '1' then redis.call('HSETNX', KEYS[1], 'arriving', 1) end
if #ARGV[3] > 1 and redis.call('HGET', KEYS[1], 'arriving') ~= ARGV[3] then
  redis.call('HSET', KEYS[1], 'arriving', ARGV[3])
  tell(KEYS[1], ARGV[4], ARGV[5])
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`);

/**
 * Ends a lease: KEYS lease; ARGV token, what the channels of instances begin with, the message for those
 * who wait, the end as the lease itself says it, ms for which it does. Where that is 0, the leaders that
 * are left go on.
 */
export const RELEASE = luaScript(`${TELL}
local key = KEYS[1]
if redis.call('TYPE', key).ok ~= 'hash' then return 0 end
if redis.call('HDEL', key, 'leader:' .. ARGV[1]) == 0 then return 0 end
local linger = tonumber(ARGV[5])
if linger == 0 then
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if string.sub(field, 1, 7) == 'leader:' then
      -- It may have been the body of this one.
      redis.call('HDEL', key, 'arriving')
      return 0
    end
  end
end
tell(key, ARGV[2], ARGV[3])
redis.call('UNLINK', key)
if linger > 0 then
  redis.call('HSET', key, 'end', ARGV[4])
  redis.call('PEXPIRE', key, linger)
end
return 1
`);
