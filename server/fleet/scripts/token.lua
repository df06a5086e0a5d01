#!lua flags=allow-oom
-- One mint for each lifetime. A token is minted anew if the caller says that the one in force is dead or due, by one caller at a time.
--
-- KEYS  1 token  2 lease  3 fences
-- ARGV  1 the caller  2 serial of the token that the caller has, '0': none  3 length of the lease, ms
-- Returns {'token', serial, sealed, rest of its life in ms}, {'minting', rest of the lease in ms} or {'mint', serial}.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- Neither has an expiry in the engine: a full engine would evict it first.
local function left(till)
  return math.floor((tonumber(till or '0') - now) / 1000)
end
local token = redis.call('HMGET', KEYS[1], 'serial', 'sealed', 'until')
if token[1] and token[1] ~= ARGV[2] and left(token[3]) > 0 then return {'token', token[1], token[2], left(token[3])} end
local lease = redis.call('HMGET', KEYS[2], 'owner', 'until')
local rest = left(lease[2])
if lease[1] and lease[1] ~= ARGV[1] and rest > 0 and rest <= tonumber(ARGV[3]) then return {'minting', rest} end
local serial = string.format('%.0f', math.max(tonumber(redis.call('GET', KEYS[3]) or '0') + 1, now))
redis.call('SET', KEYS[3], serial)
redis.call('HSET', KEYS[2], 'owner', ARGV[1], 'serial', serial, 'until', string.format('%.0f', now + ARGV[3] * 1000))
return {'mint', serial}
