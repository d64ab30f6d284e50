"""The scripts that run inside Redis, each one atomic step on one key. They trust no value that they find: one of the
wrong kind or form counts as absent.

Those on limits say the same as state.limits, of which each step is the model; a test runs both side by side.
"""

import hashlib
from typing import NamedTuple


class Script(NamedTuple):
    text: str
    sha: str


def _script(*parts: str) -> Script:
    text = "\n".join(part.strip() for part in parts)
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


_OWN_EFFECTS = """
if redis.replicate_commands then redis.replicate_commands() end -- before version 7: replicate what is written
"""

HELLO = _script(
    _OWN_EFFECTS,
    """
-- KEYS: the epoch of these data. ARGV: an epoch for data that have none, seconds. Returns the epoch; proves that
-- scripts run and keys can be written.
if redis.call('TYPE', KEYS[1]).ok ~= 'string' then redis.call('DEL', KEYS[1]) end
local epoch = redis.call('GETRANGE', KEYS[1], 0, 63)
if epoch == '' then epoch = ARGV[1] end
redis.call('SET', KEYS[1], epoch, 'EX', ARGV[2])
return epoch
""",
)

TELL = _script(
    _OWN_EFFECTS,
    """
-- KEYS: a note. ARGV: changed (or nothing), value, milliseconds, channel, name. Told unless a newer one is known; one
-- from more than 10 seconds ahead is of a clock that is wrong.
local time = redis.call('TIME')
local changed = ARGV[1]
if changed == '' then changed = string.format('%.6f', tonumber(time[1]) + tonumber(time[2]) / 1000000) end
if redis.call('TYPE', KEYS[1]).ok == 'string' then
  local known = tonumber(string.match(redis.call('GETRANGE', KEYS[1], 0, 40), '^([%d.]+) '))
  if known and known >= tonumber(changed) and known < tonumber(time[1]) + 10 then return 0 end
end
redis.call('SET', KEYS[1], changed .. ' ' .. ARGV[2], 'PX', ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[5] .. ' ' .. ARGV[2])
return 1
""",
)

RELEASE = _script(
    """
-- KEYS: a turn. ARGV: whose.
if redis.call('TYPE', KEYS[1]).ok == 'string' and redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""
)

PROLONG = _script(
    """
-- KEYS: a turn. ARGV: whose, milliseconds.
if redis.call('TYPE', KEYS[1]).ok == 'string' and redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
"""
)

_COUNTS = """
-- KEYS: the counts of one client key, a hash of "rule:bucket" to an amount. ARGV: now (or nothing: the server's clock),
-- the number of rules, then name, step and keep of each. `at` is the argument that comes next.
local key, now, at = KEYS[1], tonumber(ARGV[1]), 3
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local rules, counts, dead = {}, {}, {}
for _ = 1, tonumber(ARGV[2]) do
  local rule = {name = ARGV[at], step = tonumber(ARGV[at + 1]), keep = tonumber(ARGV[at + 2])}
  rule.bucket = math.floor(now / rule.step)
  rules[rule.name], counts[rule.name], at = rule, {}, at + 3
end
if redis.call('TYPE', key).ok ~= 'hash' or redis.call('HLEN', key) > 1000 then redis.call('DEL', key) end
local fields = redis.call('HGETALL', key)
for i = 1, #fields, 2 do
  local name, bucket = string.match(fields[i], '^([a-z_]+):(%d+)$')
  local rule, amount = rules[name or ''], tonumber(fields[i + 1])
  bucket = tonumber(bucket)
  if rule and amount and amount >= 0 and amount < 2 ^ 53 and amount == math.floor(amount)
      and math.abs(bucket - rule.bucket) < rule.keep then
    counts[name][bucket] = amount
  else
    dead[#dead + 1] = fields[i]
  end
end
if #dead > 0 then redis.call('HDEL', key, unpack(dead)) end

local function whole(number) return string.format('%.0f', number) end

local function add(name, bucket, amount)
  local value = math.max(0, (counts[name][bucket] or 0) + amount)
  counts[name][bucket] = value
  redis.call('HSET', key, name .. ':' .. whole(bucket), whole(value))
  redis.call('EXPIRE', key, 172800)
end

local function sum(name)
  local out = 0
  for _, amount in pairs(counts[name]) do out = out + amount end
  return out
end

local function level(out, name, limit)
  local rule, newest = rules[name], nil
  for bucket, amount in pairs(counts[name]) do
    if amount > 0 and (not newest or bucket > newest) then newest = bucket end
  end
  local reset = newest and (newest + rule.keep) * rule.step - now or 0
  out[#out + 1], out[#out + 2] = whole(math.max(0, limit - sum(name))), string.format('%.6f', reset)
end
"""

RESERVE = _script(
    _OWN_EFFECTS,
    _COUNTS,
    """
-- ARGV: tokens at least, tokens perhaps, then name, unit and limit of each rule in force. Returns 1 and for each of
-- these bucket, amount, remaining, reset; or 0, which of these refuses, what is needed, seconds to wait (-1: for ever).
local sure, likely, first = math.max(1, tonumber(ARGV[at])), math.max(0, tonumber(ARGV[at + 1])), at + 2
local function wait(name, excess)
  local rule, order = rules[name], {}
  for bucket in pairs(counts[name]) do order[#order + 1] = bucket end
  table.sort(order)
  for _, bucket in ipairs(order) do
    excess = excess - counts[name][bucket]
    if excess <= 0 then return math.max(0, (bucket + rule.keep) * rule.step - now) end
  end
  return rule.step * rule.keep
end

local rooms, worst = {}, nil
for i = first, #ARGV, 3 do
  local name, limit = ARGV[i], tonumber(ARGV[i + 2])
  local needed = ARGV[i + 1] == 'tokens' and sure or 1
  local room = limit - sum(name) - needed
  if room < 0 then
    local seconds = needed <= limit and wait(name, -room) or -1
    if not worst or (worst[2] >= 0 and (seconds < 0 or seconds > worst[2])) then
      worst = {needed, seconds, (i - first) / 3}
    end
  end
  rooms[name] = {needed, room}
end
if worst then return {'0', whole(worst[3]), whole(worst[1]), string.format('%.6f', worst[2])} end

local out = {'1'}
for i = first, #ARGV, 3 do
  local name = ARGV[i]
  local needed, room = unpack(rooms[name])
  local amount = needed + (ARGV[i + 1] == 'tokens' and math.min(likely, room) or 0)
  add(name, rules[name].bucket, amount)
  out[#out + 1], out[#out + 2] = whole(rules[name].bucket), whole(amount)
  level(out, name, tonumber(ARGV[i + 2]))
end
return out
""",
)

CORRECT = _script(
    _OWN_EFFECTS,
    _COUNTS,
    """
-- ARGV: then rule, bucket and amount of each correction. What is given back goes to the bucket it came from; what is
-- taken goes there too if it still counts, else to now.
for i = at, #ARGV, 3 do
  local name, bucket, amount = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  if rules[name] and counts[name][bucket] then
    add(name, bucket, amount)
  elseif rules[name] and amount > 0 then
    add(name, rules[name].bucket, amount)
  end
end
return 1
""",
)

RESTORE = _script(
    _OWN_EFFECTS,
    _COUNTS,
    """
-- ARGV: then 'add' or 'seed', and rule, bucket and amount of each. What no longer counts is left out; a seed is for a
-- bucket that is not there.
for i = at + 1, #ARGV, 3 do
  local name, bucket, amount = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local rule = rules[name]
  if rule and math.abs(bucket - rule.bucket) < rule.keep and (ARGV[at] == 'add' or not counts[name][bucket]) then
    add(name, bucket, amount)
  end
end
return 1
""",
)

LEVELS = _script(
    _OWN_EFFECTS,
    _COUNTS,
    """
-- ARGV: then name and limit of each rule in force. Returns remaining and reset of each.
local out = {}
for i = at, #ARGV, 2 do level(out, ARGV[i], tonumber(ARGV[i + 1])) end
return out
""",
)

SCRIPTS = (HELLO, TELL, RELEASE, PROLONG, RESERVE, CORRECT, RESTORE, LEVELS)
