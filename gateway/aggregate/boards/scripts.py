"""What the store does in one call and one slot: increments with their watermark, and corrections.

Invariant after every call: a member's score is the merge of its parts in all tallies of the board. Every call looks at the
keys' types first: an error in the midst of one would leave a half.
"""

from __future__ import annotations

from typing import Final

_COMMON: Final = """
local function check(key, wanted)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= wanted then return kind end
end
local function text(number) return string.format('%.0f', number) end
local function parse(value)
  local points, reached = string.match(value, '^(%-?%d+) (%d+)$')
  return tonumber(points), tonumber(reached)
end
local function element(member, reached) return string.format('%015.0f', reached) .. member end
local function wrong()
  for i = 1, #KEYS do
    local bad = check(KEYS[i], i == 1 and 'zset' or 'hash')
    if bad then return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' is a ' .. bad) end
  end
end
-- A board and all its tallies go at one moment, ttl seconds after the last change and up to a day more: scores are made anew
-- from tallies, none may be gone before. That day is what the tallies of other channels are not looked at in.
local DAY = 86400000
local function keep(ttl, prefix)
  if ttl == 0 then return end
  local least, left = ttl * 1000, redis.call('PTTL', KEYS[3])
  if left < least then
    left = least + math.min(DAY, math.floor(least / 10))
    for _, channel in ipairs(redis.call('HKEYS', KEYS[3])) do redis.call('PEXPIRE', prefix .. channel, left) end
  end
  for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], left) end
end
"""

APPLY: Final = (
    _COMMON
    + """
-- KEYS: rank, score, marks, a tally for each group.
-- ARGV: ttl in s or 0, prefix of tallies, then for each group: channel, mark expected, mark after, and {members, points, stamps}
-- in MessagePack.
-- Answers for each group 1, or the mark that was found instead. Members' parts are read and written by a few calls for all of
-- them, and their scores once for all groups: a call costs more than what it does for one member.
local AT_ONCE = 1000
local function add(key, members, by, reached, each)
  for from = 1, #members, AT_ONCE do
    local to = math.min(from + AT_ONCE - 1, #members)
    local found = redis.call('HMGET', key, unpack(members, from, to))
    local fields = {}
    for i = from, to do
      local points, last = 0, 0
      local known = found[i - from + 1]
      if known then points, last = parse(known) end
      points = points + by[i]
      local now = math.max(last, reached[i])
      fields[#fields + 1] = members[i]
      fields[#fields + 1] = text(points) .. ' ' .. text(now)
      if each then each(members[i], points, now, known and last) end
    end
    redis.call('HSET', key, unpack(fields))
  end
end
local bad = wrong()
if bad then return bad end
local answers = {}
local members, by, reached, place = {}, {}, {}, {}
for group = 4, #KEYS do
  local at = (group - 4) * 4 + 3
  local channel = ARGV[at]
  local found = redis.call('HGET', KEYS[3], channel) or ''
  if found ~= ARGV[at + 1] then
    answers[#answers + 1] = found
  else
    local part = cmsgpack.unpack(ARGV[at + 3])
    add(KEYS[group], part[1], part[2], part[3])
    for i, member in ipairs(part[1]) do
      local known = place[member]
      if known then
        by[known] = by[known] + part[2][i]
        reached[known] = math.max(reached[known], part[3][i])
      else
        members[#members + 1] = member
        place[member] = #members
        by[#members], reached[#members] = part[2][i], part[3][i]
      end
    end
    redis.call('HSET', KEYS[3], channel, ARGV[at + 2])
    answers[#answers + 1] = 1
  end
end
local gone, ranked = {}, {}
add(KEYS[2], members, by, reached, function(member, points, now, last)
  if last and last ~= now then gone[#gone + 1] = element(member, last) end
  ranked[#ranked + 1] = text(-points)
  ranked[#ranked + 1] = element(member, now)
end)
for from = 1, #gone, AT_ONCE do redis.call('ZREM', KEYS[1], unpack(gone, from, math.min(from + AT_ONCE - 1, #gone))) end
for from = 1, #ranked, 2 * AT_ONCE do
  redis.call('ZADD', KEYS[1], unpack(ranked, from, math.min(from + 2 * AT_ONCE - 1, #ranked)))
end
keep(tonumber(ARGV[1]), ARGV[2])
return answers
"""
)

REPLACE: Final = (
    _COMMON
    + """
-- KEYS: rank, score, marks, the channel's tally.
-- ARGV: channel, mark expected, mark after, ttl in s or 0, prefix of tallies, then (member, points, reached) of each member whose
-- part changes.
-- Without a channel nothing is marked. Points: `=` leaves the part as it is, `` takes the member out of the tally.
-- Each member's score is made anew from all tallies.
local bad = wrong()
if bad then return bad end
local found = redis.call('HGET', KEYS[3], ARGV[1]) or ''
if found ~= ARGV[2] then return found end
local channels = redis.call('HKEYS', KEYS[3])
for i = 6, #ARGV, 3 do
  local member = ARGV[i]
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[4], member)
  elseif ARGV[i + 1] ~= '=' then redis.call('HSET', KEYS[4], member, ARGV[i + 1] .. ' ' .. ARGV[i + 2]) end
  local old = redis.call('HGET', KEYS[2], member)
  if old then
    local _, reached = parse(old)
    redis.call('ZREM', KEYS[1], element(member, reached))
  end
  local some, points, last = false, 0, 0
  for _, channel in ipairs(channels) do
    local part = redis.call('HGET', ARGV[5] .. channel, member)
    if part then
      local by, reached = parse(part)
      some, points, last = true, points + by, math.max(last, reached)
    end
  end
  if some then
    redis.call('HSET', KEYS[2], member, text(points) .. ' ' .. text(last))
    redis.call('ZADD', KEYS[1], text(-points), element(member, last))
  else
    redis.call('HDEL', KEYS[2], member)
  end
end
if ARGV[1] ~= '' then redis.call('HSET', KEYS[3], ARGV[1], ARGV[3]) end
keep(tonumber(ARGV[4]), ARGV[5])
return 1
"""
)

BEGIN: Final = (
    _COMMON
    + """
-- KEYS: rank, score, marks, the channel's tally, fences. ARGV: channel, token, generation of the lease.
-- From here on only the correction that has this token writes for the channel. Answers 0, or the higher generation that refuses it.
local bad = wrong()
if bad then return bad end
local seen = tonumber(redis.call('HGET', KEYS[5], ARGV[1]) or '0')
if tonumber(ARGV[3]) < seen then return seen end
redis.call('HSET', KEYS[5], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
return 0
"""
)

TOUCH: Final = """
-- KEYS: registry of a partition. ARGV: boards that have changed, by the store's clock.
local now = redis.call('TIME')
now = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
for i = 1, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[i]) end
"""

FORGET: Final = """
-- KEYS: registry of a partition. ARGV: a time, then boards that are gone. Answers which were taken away: one that has changed since
-- is there again.
local gone = {}
for i = 2, #ARGV do
  local changed = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if changed and tonumber(changed) <= tonumber(ARGV[1]) then
    redis.call('ZREM', KEYS[1], ARGV[i])
    gone[#gone + 1] = ARGV[i]
  end
end
return gone
"""
