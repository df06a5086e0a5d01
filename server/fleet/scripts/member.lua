#!lua flags=allow-oom
-- A member shows that it is there, and how far it has done the purges. Begins an epoch if there is none.
--
-- KEYS  1 members  2 confirmed  3 epoch  4 purges  5 log
-- ARGV  1 member  2 an id for the data set, if it has none  3 for how long a member counts as present, ms
--       4 after how long a member is forgotten, ms  5 position up to which its purges are done
--       6 '1': it leaves
-- Returns {epoch, time in ms, present, known, last purge, last of the log, last purge that is forgotten}.
local function last(stream)
  local found = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
  return found[1] and found[1][1] or '0-0'
end
local function before(id)
  local ms, seq = string.match(id, '^(%d+)%-(%d+)$')
  if seq ~= '0' then return string.format('%s-%.0f', ms, seq - 1) end
  return string.format('%.0f-18446744073709551615', ms - 1)
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function forget(member)
  redis.call('ZREM', KEYS[1], member)
  redis.call('HDEL', KEYS[2], member)
end
-- If the caller is among those that seem to be gone, the clock was set, or the caller was away itself. Then all the others may be
-- there, and show themselves before the next call.
local function forget_all(from, to)
  local gone = redis.call('ZRANGEBYSCORE', KEYS[1], from, to)
  for _, member in ipairs(gone) do
    if member == ARGV[1] then return end
  end
  for _, member in ipairs(gone) do forget(member) end
end
forget_all('-inf', now - ARGV[4])
forget_all(now + 5000, '+inf')  -- the clock was set back
if ARGV[6] == '1' then
  forget(ARGV[1])
else
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[5])
end
-- If the engine has lost what it knew, earlier purges are not told any more. The first event of the new epoch comes after all of them.
if redis.call('SET', KEYS[3], ARGV[2], 'NX') then redis.call('XADD', KEYS[4], '*', 'b', '') end
local forgotten = '0-0'
if redis.call('EXISTS', KEYS[4]) == 1 then
  local info, added = redis.call('XINFO', 'STREAM', KEYS[4]), 0
  for i = 1, #info, 2 do
    if info[i] == 'entries-added' then added = info[i + 1] end
  end
  -- No field tells which events the cap has cut off: all that came before the first one that is left.
  local first = redis.call('XRANGE', KEYS[4], '-', '+', 'COUNT', 1)
  if first[1] and added > redis.call('XLEN', KEYS[4]) then forgotten = before(first[1][1]) end
end
return {redis.call('GET', KEYS[3]), now, redis.call('ZCOUNT', KEYS[1], now - ARGV[3], '+inf'), redis.call('ZCARD', KEYS[1]),
        last(KEYS[4]), last(KEYS[5]), forgotten}
