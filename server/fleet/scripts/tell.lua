#!lua flags=allow-oom
-- A flight has ended without an entry that is stored: tells those that wait for it how it has ended.
--
-- KEYS  1 flight  2 log  3 all flights
-- ARGV  1 fence  2 kind: 'landed', 'answered', 'failed' or 'ended'  3 the key's name in the log  4 how much of the log is kept
--       5 what is told, sealed; empty: they are to look again  6 fetched, ms  7 fresh until, ms  8 last purge when the fetch began
-- Returns '1' if somebody was told.
local flight = redis.call('HMGET', KEYS[1], 'fence', 'waited')
if flight[1] ~= ARGV[1] then return '0' end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[3], KEYS[1])
if flight[2] ~= '1' then return '0' end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'k', ARGV[2], 'h', ARGV[3], 'f', ARGV[1], 'fetched', ARGV[6],
           'fresh', ARGV[7], 'pos', ARGV[8], 'b', ARGV[5])
return '1'
