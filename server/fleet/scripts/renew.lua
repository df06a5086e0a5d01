#!lua flags=allow-oom
-- Goes on with a flight. KEYS  1 flight  2 all flights.  ARGV  1 fence  2 length of a lease, ms
-- Returns {'1' or '0': it is still the caller's, '1': somebody waits for it now}.
local flight = redis.call('HMGET', KEYS[1], 'fence', 'urgent')
if flight[1] ~= ARGV[1] then return {'0', '0'} end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[2] * 1000))
redis.call('ZADD', KEYS[2], now + ARGV[2] * 1000, KEYS[1])
return {'1', flight[2]}
