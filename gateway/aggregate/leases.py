"""Leases of partitions in the store: owner, generation and expiry of each, and who is alive. One key, one call to renew all.

The store's clock decides what has expired. A lease saves double work; that nothing is counted twice is not its duty: every
sink moves its own watermark together with what it writes, so a process that does not know yet that it lost its lease harms nothing.

All that share write one history: of a partition, only its owner's history has the channels. Who writes another one than those who
live gets no part, and is no member, until they are gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.bus.client import guarded, make_client

LEASE_KEY: Final = "lease:{aggregate}"

SHARE: Final = """
-- KEYS: leases. ARGV: member, its history, time to live in ms, partitions wanted.
-- Fields: m:MEMBER = expiry; h:MEMBER = its history; p:N = owner, expiry; g:N.
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local me, history, expiry = ARGV[1], ARGV[2], now + tonumber(ARGV[3])
local fields = redis.call('HGETALL', KEYS[1])
local owners, members, wanted, histories = {}, {me}, {}, {}
for i = 4, #ARGV do wanted[ARGV[i]] = true end
for i = 1, #fields, 2 do
  local name = string.match(fields[i], '^h:(.*)$')
  if name then histories[name] = fields[i + 1] end
end
for i = 1, #fields, 2 do
  local name = string.match(fields[i], '^m:(.*)$')
  local other = name and name ~= me and tonumber(fields[i + 1]) > now and histories[name]
  if other and other ~= history then return {{me}, {}, other} end
end
for i = 1, #fields, 2 do
  local kind, name = string.match(fields[i], '^(%a):(.*)$')
  if kind == 'm' and name ~= me then
    if tonumber(fields[i + 1]) > now then members[#members + 1] = name
    else redis.call('HDEL', KEYS[1], fields[i], 'h:' .. name) end
  elseif kind == 'p' then
    local owner, until_ms = string.match(fields[i + 1], '^(%S+) (%d+)$')
    if owner == me and not wanted[name] then redis.call('HDEL', KEYS[1], fields[i])
    else owners[name] = {owner, tonumber(until_ms)} end
  end
end
redis.call('HSET', KEYS[1], 'm:' .. me, string.format('%.0f', expiry), 'h:' .. me, history)
local granted = {}
for i = 4, #ARGV do
  local name = ARGV[i]
  local lease = owners[name]
  if not lease or lease[1] == me or lease[2] <= now then
    local generation
    if lease and lease[1] == me then generation = redis.call('HGET', KEYS[1], 'g:' .. name)
    else generation = redis.call('HINCRBY', KEYS[1], 'g:' .. name, 1) end
    redis.call('HSET', KEYS[1], 'p:' .. name, me .. ' ' .. string.format('%.0f', expiry))
    granted[#granted + 1] = name
    granted[#granted + 1] = tonumber(generation)
  end
end
return {members, granted, ''}
"""

OUTRANK: Final = """
-- KEYS: leases. ARGV: member, partition, generation. While the lease is the member's, its generation becomes higher than that one.
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local owner, until_ms = string.match(redis.call('HGET', KEYS[1], 'p:' .. ARGV[2]) or '', '^(%S+) (%d+)$')
if owner ~= ARGV[1] or tonumber(until_ms) <= now then return 0 end
local mine = tonumber(redis.call('HGET', KEYS[1], 'g:' .. ARGV[2]) or '0')
if mine <= tonumber(ARGV[3]) then
  mine = tonumber(ARGV[3]) + 1
  redis.call('HSET', KEYS[1], 'g:' .. ARGV[2], string.format('%.0f', mine))
end
return mine
"""

LEAVE: Final = """
-- KEYS: leases. ARGV: member. Gives back all that it holds.
local fields = redis.call('HGETALL', KEYS[1])
redis.call('HDEL', KEYS[1], 'm:' .. ARGV[1], 'h:' .. ARGV[1])
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 2) == 'p:' and string.match(fields[i + 1], '^(%S+)') == ARGV[1] then
    redis.call('HDEL', KEYS[1], fields[i])
  end
end
"""


@dataclass(frozen=True, slots=True)
class Share:
    """What the store said at the last renewal.

    Args:
        members: processes that live, this one among them.
        granted: generation by partition held.
        split: another history than this process's, which those who share write: nothing is granted. Empty: there is none.
    """

    members: frozenset[str] = frozenset()
    granted: dict[int, int] = field(default_factory=dict)
    split: str = ""


class Leases:
    """The leases of one process.

    Args:
        member: the process's name, unique and without spaces.
        ttl_s: seconds after which a process that is silent has lost what it held.
        history: which one it writes (see gateway/history/identity.py).
    """

    def __init__(self, url: str, member: str, ttl_s: float, history: str) -> None:
        self.member = member
        self.ttl_s = ttl_s
        self.history = history
        self._client = make_client(url, connections=1)
        self._share = self._client.register_script(SHARE)
        self._leave = self._client.register_script(LEAVE)
        self._outrank = self._client.register_script(OUTRANK)

    async def renew(self, wanted: frozenset[int]) -> Share:
        """Renews what is held and wanted, gives back what is held and not wanted, takes what is wanted and free.

        Raises:
            BusError: nothing is known of what was renewed.
        """
        args: list[str | int] = [self.member, self.history, int(self.ttl_s * 1000), *sorted(wanted)]
        members, granted, split = await guarded(self._share(keys=[LEASE_KEY], args=args))
        generations = {int(granted[i]): int(granted[i + 1]) for i in range(0, len(granted), 2)}
        return Share(frozenset(name.decode() for name in members), generations, split.decode())

    async def outrank(self, partition: int, generation: int) -> int:
        """Makes a lease's generation higher than that one: the store may have forgotten that it had given it out.

        Returns:
            The lease's generation; 0 where the lease is not this process's any more.

        Raises:
            BusError
        """
        return int(await guarded(self._outrank(keys=[LEASE_KEY], args=[self.member, partition, generation])))

    async def leave(self) -> None:
        """Gives everything back, so that the others need not wait for the expiry.

        Raises:
            BusError
        """
        await guarded(self._leave(keys=[LEASE_KEY], args=[self.member]))

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.aclose()
