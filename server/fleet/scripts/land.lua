#!lua
-- A flight has brought an entry. Written only by the flight's owner, or above the entry's fence: a late owner changes nothing.
--
-- KEYS  1 entry  2 flight  3 log  4 all flights
-- ARGV  1 fence  2 fetched, ms  3 fresh until, ms  4 last purge when the fetch began  5 for how long it is usable, ms
--       6 the sealed entry  7 the key's name in the log  8 how much of the log is kept  9 up to which size an entry goes into the log
-- Returns 'landed' or 'superseded'.
-- Without allow-oom: a full engine refuses this, and the caller tells without storing (tell.lua).
local flight = redis.call('HMGET', KEYS[2], 'fence', 'waited')
local mine = flight[1] == ARGV[1]
if mine then
  redis.call('DEL', KEYS[2])
  redis.call('ZREM', KEYS[4], KEYS[2])
end
local before = redis.call('HGET', KEYS[1], 'fence')
local result = 'superseded'
-- The owner has the last fence that was given: the engine has not given a higher one.
if mine or not before or tonumber(before) < tonumber(ARGV[1]) then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'fetched', ARGV[2], 'fresh', ARGV[3], 'pos', ARGV[4], 'sealed', ARGV[6])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
  result = 'landed'
end
if mine and flight[2] == '1' then
  if #ARGV[6] <= tonumber(ARGV[9]) then
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[8], '*', 'k', 'landed', 'h', ARGV[7], 'f', ARGV[1], 'fetched', ARGV[2],
               'fresh', ARGV[3], 'pos', ARGV[4], 'b', ARGV[6])
  else
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[8], '*', 'k', 'landed', 'h', ARGV[7], 'f', ARGV[1])
  end
end
return result
