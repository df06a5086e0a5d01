#!lua flags=allow-oom
-- Tells all members of a purge. KEYS  1 purges.  ARGV  1 the purge, sealed  2 how many are kept
-- Returns its position.
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'b', ARGV[1])
