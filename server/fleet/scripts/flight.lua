#!lua flags=allow-oom
-- Decides how the caller gets the answer of a key: it takes the stored one, waits for the one that fetches it, or fetches it.
--
-- KEYS  1 entry  2 flight  3 fences  4 purges  5 all flights
-- ARGV  1 the caller  2 the caller's time, ms  3 '1': a stored entry will do, if it is fresh
--       4 and fetched later than this, ms  5 length of a lease, ms  6 '1': somebody waits for it
-- Returns {'stored', fence, last purge}, {'flying', fence, last purge, the lease's rest in ms}
--      or {'lead', fence, last purge, '1' if an entry is there that will not do}.
local purges = redis.call('XREVRANGE', KEYS[4], '+', '-', 'COUNT', 1)
local purge = purges[1] and purges[1][1] or '0-0'
local entry = redis.call('HMGET', KEYS[1], 'fence', 'fetched', 'fresh')
if entry[1] and ARGV[3] == '1' and tonumber(entry[3]) > tonumber(ARGV[2]) and tonumber(entry[2]) > tonumber(ARGV[4]) then
  return {'stored', entry[1], purge}
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local flight = redis.call('HMGET', KEYS[2], 'owner', 'fence', 'until', 'waited', 'urgent')
if flight[1] and flight[1] ~= ARGV[1] then
  local left = tonumber(flight[3]) - now
  if left > 0 and left <= ARGV[5] * 1000 then
    redis.call('HSET', KEYS[2], 'waited', '1')
    if ARGV[6] == '1' then redis.call('HSET', KEYS[2], 'urgent', '1') end
    return {'flying', flight[2], purge, math.ceil(left / 1000)}
  end
end
-- A fence also grows if the counter was lost: then it is the time. Those that wait for an earlier flight are told by this one.
local fence = string.format('%.0f', math.max(tonumber(redis.call('GET', KEYS[3]) or '0') + 1, now))
redis.call('SET', KEYS[3], fence)
redis.call('HSET', KEYS[2], 'owner', ARGV[1], 'fence', fence, 'until', string.format('%.0f', now + ARGV[5] * 1000),
           'waited', flight[4] or '0', 'urgent', flight[5] == '1' and '1' or ARGV[6])
-- A lease has no expiry in the engine: a full engine would evict it first. Leases that were left behind are removed here.
redis.call('ZADD', KEYS[5], now + ARGV[5] * 1000, KEYS[2])
for _, left_behind in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now - 60000000, 'LIMIT', 0, 8)) do
  redis.call('DEL', left_behind)
  redis.call('ZREM', KEYS[5], left_behind)
end
return {'lead', fence, purge, entry[1] and '1' or '0'}
