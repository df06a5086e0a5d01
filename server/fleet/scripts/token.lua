#!lua flags=allow-oom
-- One mint a lifetime. A token is minted anew where the caller says that the one in force is dead or due, and by one at a time.
--
-- KEYS  1 token  2 lease  3 fences
-- ARGV  1 the caller  2 serial of the token that the caller has, '0': none  3 length of the lease, ms
-- Returns {'token', serial, sealed, rest of its life in ms}, {'minting', rest of the lease in ms} or {'mint', serial}.
local token = redis.call('HMGET', KEYS[1], 'serial', 'sealed')
if token[1] and token[1] ~= ARGV[2] then
  return {'token', token[1], token[2], redis.call('PTTL', KEYS[1])}
end
local lease = redis.call('HMGET', KEYS[2], 'owner')
local left = redis.call('PTTL', KEYS[2])
if lease[1] and lease[1] ~= ARGV[1] and left > 0 and left <= tonumber(ARGV[3]) then return {'minting', left} end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local serial = string.format('%.0f', math.max(tonumber(redis.call('GET', KEYS[3]) or '0') + 1, now))
redis.call('SET', KEYS[3], serial)
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'owner', ARGV[1], 'serial', serial)
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {'mint', serial}
