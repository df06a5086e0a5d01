-- What wrk asks for, and one line of JSON with what came of it. Started by load.py.
--
--   wrk … -s wrk.lua URL -- same                             the URL, again and again
--   wrk … -s wrk.lua URL -- pipelined DEPTH                  the same, so many requests at once
--   wrk … -s wrk.lua URL -- each PATTERN COUNT START         every key once, from START on, round and round
--   wrk … -s wrk.lua URL -- uniform PATTERN COUNT            any key
--   wrk … -s wrk.lua URL -- zipf PATTERN COUNT               any key, the n-th 1/n as often as the first
--
-- A key's number makes an account and a campaign, for the two %d of PATTERN.
local draws = 100000  -- of a Zipf distribution, made before the first request and then repeated

-- Other keys in each run: those of an earlier one may have got into memory.
local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("seed", os.time() * 64 + threads)
end

local function target(pattern, key)
  return string.format(pattern, 1 + math.floor(key / 1000), 1 + key % 1000)
end

local function zipf(count)
  local cumulated, sum = {}, 0
  for rank = 1, count do
    sum = sum + 1 / rank
    cumulated[rank] = sum
  end
  local keys = {}
  for i = 1, draws do
    local wanted, low, high = math.random() * sum, 1, count
    while low < high do
      local middle = math.floor((low + high) / 2)
      if cumulated[middle] < wanted then low = middle + 1 else high = middle end
    end
    keys[i] = low - 1
  end
  return keys
end

local modes = {}

function modes.same() end

function modes.pipelined(depth)
  local requests = string.rep(wrk.format(), tonumber(depth))
  request = function() return requests end
end

function modes.each(pattern, count, start)
  local key = tonumber(start)
  request = function()
    local text = wrk.format(nil, target(pattern, key % count))
    key = key + 1
    return text
  end
end

function modes.uniform(pattern, count)
  -- wrk.format() for each request would cost more than the answer does.
  local before, after = wrk.format(nil, "@"):match("^(.-)@(.*)$")
  request = function() return before .. target(pattern, math.random(0, count - 1)) .. after end
end

function modes.zipf(pattern, count)
  local requests, at = {}, 0
  for i, key in ipairs(zipf(tonumber(count))) do requests[i] = wrk.format(nil, target(pattern, key)) end
  request = function()
    at = at % draws + 1
    return requests[at]
  end
end

function init(arguments)
  math.randomseed(seed)
  modes[arguments[1]](unpack(arguments, 2))
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "bytes": %d, "errors": %d, "p50_us": %d, "p99_us": %d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
