#!lua flags=allow-oom
-- The end of a mint. KEYS  1 token  2 lease  3 log
-- ARGV  1 serial  2 the sealed token, empty: there is none  3 for how long it is used, ms  4 how much of the log is kept
--       5 why there is none, sealed
-- Returns '1' if the token is in force now, '0' if there is none or a later one is in force.
local mine = redis.call('HGET', KEYS[2], 'serial') == ARGV[1]
if mine then redis.call('DEL', KEYS[2]) end
if ARGV[2] == '' then
  -- If another caller mints by now, those that wait do so for that mint.
  if mine then redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'k', 'no-token', 'f', ARGV[1], 'b', ARGV[5]) end
  return '0'
end
local before = redis.call('HGET', KEYS[1], 'serial')
-- The holder of the lease has the last serial that was given: the engine has not given a higher one.
if not mine and before and tonumber(before) >= tonumber(ARGV[1]) then return '0' end
local time = redis.call('TIME')
local till = time[1] * 1000000 + time[2] + ARGV[3] * 1000
redis.call('HSET', KEYS[1], 'serial', ARGV[1], 'sealed', ARGV[2], 'until', string.format('%.0f', till))
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'k', 'token', 'f', ARGV[1])
return '1'
