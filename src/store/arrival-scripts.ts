import { TELL } from "./lease-scripts.ts";
import { luaScript } from "./redis-command.ts";

/*
 * A body that arrives is a hash beside its chunks: `head`, `body` and `origin`, of the response;
 * `arrived`, how many chunks are there; `checksum`, of the whole, once it has ended cleanly;
 * `waiter:<instance>` for each that reads it. It lives while its sender says that it is there.
 */

/** What the name of that hash ends with, where those of the chunks have their index. */
export const ARRIVING = "arriving";

const ARRIVALS = `${TELL}
local function is_hash(key) return redis.call('TYPE', key).ok == 'hash' end
local function chunks_of(key) return string.sub(key, 1, -${ARRIVING.length + 1}) end
`;

/**
 * Says that a chunk is there: KEYS arrival, chunk; ARGV ms for which the arrival lives, what the channels
 * of instances begin with, the message, how many chunks there are now, bytes of this one's value, then field,
 * value, … Answers how many instances read it, or -1 where the chunk or the arrival is not there; the first
 * chunk begins it. (A chunk that comes through a script is copied by Lua: that costs Redis a hundred times more.)
 */
export const ARRIVE = luaScript(`${ARRIVALS}
local key = KEYS[1]
if redis.pcall('STRLEN', KEYS[2]) ~= tonumber(ARGV[5]) then return -1 end
if not is_hash(key) then
  if ARGV[4] ~= '1' then return -1 end
  redis.call('UNLINK', key)
end
redis.call('HSET', key, 'arrived', ARGV[4], unpack(ARGV, 6))
redis.call('PEXPIRE', key, ARGV[1])
return tell(key, ARGV[2], ARGV[3])
`);

/**
 * Says that the sender is there: KEYS arrival; ARGV as for ARRIVE up to the message, then how many chunks
 * live on, which may be none of them, and for how many ms. Answers as ARRIVE does.
 */
export const STAY = luaScript(`${ARRIVALS}
local key = KEYS[1]
if not is_hash(key) then return -1 end
redis.call('PEXPIRE', key, ARGV[1])
for i = 0, tonumber(ARGV[4]) - 1 do redis.call('PEXPIRE', chunks_of(key) .. i, ARGV[5]) end
return tell(key, ARGV[2], ARGV[3])
`);

/** Ends what will not be whole: KEYS arrival; ARGV what channels begin with, the message, how many chunks there may be. */
export const BREAK = luaScript(`${ARRIVALS}
local key = KEYS[1]
for i = 0, tonumber(ARGV[3]) - 1 do redis.call('UNLINK', chunks_of(key) .. i) end
if is_hash(key) then tell(key, ARGV[1], ARGV[2]) end
return redis.call('UNLINK', key)
`);

/** Reads an arrival, and wants to hear of it: KEYS arrival; ARGV instance, ms for which one lives. Answers its fields, or nothing where it is gone. */
export const FOLLOW_BODY = luaScript(`${ARRIVALS}
if not is_hash(KEYS[1]) then return false end
local fields = redis.call('HMGET', KEYS[1], 'head', 'body', 'origin', 'arrived', 'checksum')
if not fields[1] then return false end
redis.call('HSET', KEYS[1], 'waiter:' .. ARGV[1], 1)
-- Nobody gives it a longer life, or none: the clock of Redis went back, perhaps, and its sender may be gone.
local left = redis.call('PTTL', KEYS[1])
if left < 0 or left > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return fields
`);
