#!lua flags=allow-oom
-- How many members have done a purge. KEYS  1 members  2 confirmed  3 purges.  ARGV  1 position of the purge  2 for how long a member counts as present, ms
-- Returns {present, how many of them have done it, members that are not present}.
local function parts(id)
  local ms, seq = string.match(id or '', '^(%d+)%-(%d+)$')
  return tonumber(ms) or 0, tonumber(seq) or 0
end
-- A member that has heard of later purges than there are was lied to, so it counts as having done none.
local last = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)
local last_ms, last_seq = parts(last[1] and last[1][1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ms, seq = parts(ARGV[1])
local present = redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[2], '+inf')
local done = 0
for _, member in ipairs(present) do
  local its_ms, its_seq = parts(redis.call('HGET', KEYS[2], member))
  local beyond = its_ms > last_ms or (its_ms == last_ms and its_seq > last_seq)
  if not beyond and (its_ms > ms or (its_ms == ms and its_seq >= seq)) then done = done + 1 end
end
return {#present, done, redis.call('ZCARD', KEYS[1]) - #present}
