#!lua flags=allow-oom
-- The budget that all instances of a fleet spend together: GCRA with a learned rate.
--
-- KEYS  1 budget  2 members  3 log  4 who waits  5 when each of them has last asked
-- ARGV  1 'reserve' or 'limited'
--       2 ceiling, requests per second; 0: none, but a Retry-After is obeyed   3 burst, requests
--       4 rate that the caller last knew, requests per second; 0: none
--       5 members that the caller last knew   6 for how long a member counts as present, ms
--   reserve:  7 for how long the caller may wait, ms   8 '1': a refresh, which takes only what is free now and leaves half
--             9 how many answers have been accepted since the caller last said so   10 the caller
--   limited:  7 when the request that got the 429 was due, µs of the engine's clock   8 Retry-After, ms; 0: none
--             9 as above   10 how much of the log is kept
-- Returns {granted, wait in µs, due in µs of the engine's clock, rate, free now, limited, cuts}; rates and counts as text.
--
-- The curve of the rate is that of an instance alone (server/upstream/limit/rate_limit): a 429 cuts, accepted answers let it grow
-- again, rate = target + span * (progress / length - 1)^3.
local longest_wait = 1000000     -- the furthest that a reservation lies ahead, µs
local longest_silence = 2500000  -- one that waits and does not ask for this long is forgotten, µs
local longest_hold = 300000000   -- µs
local lowest_rate = 1 / 60
local deepest_cut, shallowest_cut = 0.5, 0.03
local price_of_429 = 220

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local ceiling, most = tonumber(ARGV[2]), math.max(1, tonumber(ARGV[3]))
local unlimited = ceiling <= 0
if unlimited then ceiling = 1000000 end
local names = {'rate', 'tat', 'hold', 'cut', 'target', 'span', 'progress', 'debt', 'depth', 'learned', 'accepted', 'limited_at',
               'burst', 'burst_at', 'saturated', 'expected', 'expected_until', 'limited', 'cuts'}
local read = redis.call('HMGET', KEYS[1], unpack(names))
local b = {}
for i, name in ipairs(names) do b[name] = tonumber(read[i]) or 0 end
local lost = not read[2]

-- Members that are no longer present may go on alone, so their part of the rate is left to them.
local known_to_caller = tonumber(ARGV[5])
if lost and known_to_caller > 1 then
  b.expected, b.expected_until = known_to_caller, now + longest_hold
end
local present = math.max(1, redis.call('ZCOUNT', KEYS[2], math.floor(now / 1000) - ARGV[6], '+inf'))
local all = math.max(present, redis.call('ZCARD', KEYS[2]))
if now < b.expected_until and b.expected_until <= now + longest_hold then all = math.max(all, b.expected) end
local share = present / all

if lost then
  local hint = tonumber(ARGV[4])
  b.rate = hint > 0 and math.min(hint, ceiling) or ceiling
  b.learned = (hint > 0 and hint < ceiling) and 1 or 0
  b.target, b.depth, b.burst = b.rate, deepest_cut, most
end
if b.learned == 0 or unlimited then b.rate, b.learned = ceiling, 0 end
b.rate = math.max(math.min(b.rate, ceiling), math.min(lowest_rate, ceiling))
b.burst = math.max(1, math.min(b.burst, most))
local function interval() return 1000000 / (b.rate * share) end
local function burst() return math.floor(b.burst) end
local function empty() b.tat = now + burst() * interval() end
-- A bucket that the engine has lost counts as empty, never as full.
if lost then empty() end
-- If the clock was set back, stored times may be impossible. The bucket then counts as empty as reservations can have made it. It
-- also does if members have come back: what was promised at a lower rate stays promised.
if b.hold > now + longest_hold then b.hold = 0 end
b.tat = math.min(b.tat, math.max(now + longest_wait, b.hold) + burst() * interval())
if b.cut > now then b.cut = 0 end
b.limited_at, b.burst_at = math.min(b.limited_at, now), math.min(b.burst_at, now)

local function curve_length(depth) return 2.5 / depth end

local function grow()
  local credit = math.min(1, 25 / b.rate) + 1 / (3 * b.rate)
  b.burst = math.min(b.burst + credit / 200, most)
  if b.saturated == 0 or b.learned == 0 then return end
  b.progress = b.progress + credit
  b.debt = math.max(b.debt - credit, 0)
  local length = curve_length(b.depth)
  if b.debt > 0 then b.progress = math.min(b.progress, length) end
  local x = b.progress / length - 1
  b.rate = math.max(b.rate, math.min(b.target + b.span * x * x * x, ceiling))
end

local accepted = tonumber(ARGV[9])
if b.limited_at > 0 then
  b.accepted = b.accepted + accepted
  for _ = 1, math.min(accepted, 1000) do grow() end
end

local function cut(due)
  if b.learned == 1 then
    if b.accepted < curve_length(b.depth) / 4 then
      b.depth = math.min(b.depth * 2, deepest_cut)
    elseif b.progress >= curve_length(b.depth) / 2 then
      b.depth = math.max(b.depth / 3, shallowest_cut)
    end
  end
  b.target = b.rate * (1 - b.depth / 2)
  if b.limited_at > 0 and b.accepted >= 20 and due > b.limited_at then
    local throughput = b.accepted * 1000000 / (due - b.limited_at)
    b.target = math.max(b.rate * (1 - 1.15 * b.depth), math.min(throughput, b.target))
  end
  b.span = b.target * b.depth
  b.rate = math.min(math.max(b.target - b.span, lowest_rate), ceiling)
  b.progress = 0
  b.debt = b.depth <= 2 * shallowest_cut and math.min(b.debt + price_of_429, 1.5 * price_of_429) or 0
  b.learned = 1
  b.cuts = b.cuts + 1
end

local granted, wait, due = 0, 0, 0
if ARGV[1] == 'limited' then
  local sent, hold = math.min(tonumber(ARGV[7]), now), math.min(tonumber(ARGV[8]) * 1000, longest_hold)
  b.limited = b.limited + 1
  local dropped = false
  if sent >= b.cut and not unlimited then
    local burst_is_to_blame = b.burst_at > 0 and burst() > 1 and sent - b.burst_at < burst() * interval()
    if not burst_is_to_blame then cut(sent) end
    b.cut, b.burst = now, 1
    empty()
    dropped = true
  end
  b.limited_at, b.accepted = math.max(b.limited_at, sent), 0
  if hold > 0 and now + hold > b.hold then
    b.hold = now + hold
    b.tat = b.hold + (burst() - 1) * interval()
    dropped = true
  end
  if dropped then
    local left = string.format('%.0f', math.max(0, b.hold - now))
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[10], '*', 'k', 'hold', 'u', left)
  end
else
  local tolerance = (burst() - 1) * interval()
  local tat = math.max(b.tat, now - interval())
  local at = math.max(now, b.hold, tat - tolerance)
  wait = at - now
  local free = math.min((now - tat + tolerance) / interval() + 1, burst())
  if ARGV[8] == '1' and (wait > 0 or free - 1 < math.floor(burst() / 2)) then
    wait = math.max(wait, interval())
  elseif ARGV[8] ~= '1' then
    -- The caller that has waited longest comes first. One that no longer asks is forgotten. So is one that has asked in the future:
    -- the clock was set back, and all later callers would seem to have waited longer.
    local caller = ARGV[10]
    local function forget(from, to)
      for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], from, to)) do
        redis.call('ZREM', KEYS[4], gone)
        redis.call('ZREM', KEYS[5], gone)
      end
    end
    forget('-inf', now - longest_silence)
    forget(now + 1, '+inf')
    local before_it = redis.call('ZRANK', KEYS[4], caller) or redis.call('ZCARD', KEYS[4])
    local in_line = math.max(wait, tat - tolerance + before_it * interval() - now)
    if in_line <= longest_wait and in_line <= tonumber(ARGV[7]) * 1000 then
      granted = 1
      redis.call('ZREM', KEYS[4], caller)
      redis.call('ZREM', KEYS[5], caller)
    else
      wait = in_line
      redis.call('ZADD', KEYS[4], 'NX', now, caller)
      redis.call('ZADD', KEYS[5], now, caller)
    end
  else
    granted = 1
  end
  if granted == 1 then
    due = at
    if free > 1.1 and wait == 0 then b.burst_at = now end
    b.saturated = b.tat > now - interval() / 2 and 1 or 0
    b.tat = math.max(tat, at) + interval()
    if b.tat < now then b.tat = now end
  end
end

local written = {}
for _, name in ipairs(names) do
  written[#written + 1] = name
  written[#written + 1] = string.format('%.17g', b[name])
end
redis.call('HSET', KEYS[1], unpack(written))
local free = math.max(0, math.min((now - b.tat) / interval() + burst(), burst()))
if b.hold > now then free = 0 end
return {granted, string.format('%.0f', wait), string.format('%.0f', due), string.format('%.6f', b.rate),
        string.format('%.3f', free), string.format('%.0f', b.limited), string.format('%.0f', b.cuts)}
