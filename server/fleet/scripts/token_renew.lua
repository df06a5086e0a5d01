#!lua flags=allow-oom
-- Goes on with a mint. KEYS  1 lease.  ARGV  1 serial  2 length of the lease, ms
-- Returns '1' or '0': the mint is still the caller's.
if redis.call('HGET', KEYS[1], 'serial') ~= ARGV[1] then return '0' end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[2] * 1000))
return '1'
