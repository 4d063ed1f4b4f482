-- What wrk sends, and what it prints in the end, for bench/load.py.
-- Arguments: token|bearer|introspection, the Authorization header of a client, the first person's number, how
-- many people there are, a file of access tokens, and the requests a second to keep to (0: as fast as it goes).
local ffi = require("ffi")
ffi.cdef([[
  typedef struct { long seconds; long nanoseconds; } bench_moment;
  int clock_gettime(int clock, bench_moment *moment);
]])
local moment = ffi.new("bench_moment")
local number, people, tokens, pace, next_at = 0, 1, {}, 0, nil
local make

local function now()
  ffi.C.clock_gettime(1, moment)
  return tonumber(moment.seconds) * 1000 + tonumber(moment.nanoseconds) / 1000000
end

function init(args)
  local kind, authorization = args[1], args[2]
  number, people, pace = tonumber(args[3]), tonumber(args[4]), tonumber(args[6])
  for line in io.lines(args[5]) do
    tokens[#tokens + 1] = line
  end
  local form = { ["Authorization"] = authorization, ["Content-Type"] = "application/x-www-form-urlencoded" }
  local requests = {}
  for index, token in ipairs(tokens) do
    if kind == "bearer" then
      requests[index] = wrk.format("GET", "/api/me", { ["Authorization"] = "Bearer " .. token })
    else
      requests[index] = wrk.format("POST", "/oauth/introspect", form, "token=" .. token)
    end
  end
  make = function()
    return requests[number % #requests + 1]
  end
  if kind == "token" then
    make = function()
      local person = number % people
      local body = "grant_type=password&username=u" .. person .. "&password=password-" .. person
      return wrk.format("POST", "/oauth/token", form, body)
    end
  elseif kind == "health" then
    local health = wrk.format("GET", "/healthz")
    make = function()
      return health
    end
  end
end

function request()
  number = number + 1
  return make()
end

local function keep_pace()
  -- Arrivals of independent people: the gaps are exponential. wrk starts the next
  -- request of a connection this many milliseconds after an answer, and does not wait for late requests.
  local at = now()
  next_at = math.max(next_at or at, at - 50) - math.log(1 - math.random()) * 1000 / pace
  return math.max(0, next_at - at)
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("\nMEASURED %d %d %d %d %d %d\n", summary.requests, summary.duration, failed,
    latency:percentile(50), latency:percentile(99), latency.max))
end

-- A function of this name is asked after each answer: only where there is a pace.
function setup(thread)
  math.randomseed(os.time())
end
if os.getenv("BENCH_PACED") then
  delay = keep_pace
end
