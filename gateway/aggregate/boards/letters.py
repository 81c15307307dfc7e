"""Dead letters: entries that could not be counted or folded, with their id, in a bounded stream of their own.

A letter is kept once, however often its entry is read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

from gateway.bus.client import make_client
from gateway.bus.errors import BusError
from gateway.bus.scripts import Call, Script, call_many
from gateway.model.boards import LETTERS_KEY, LETTERS_SEEN_KEY
from gateway.model.entry import Entry, entry_digest_of
from gateway.observe import metrics
from gateway.observe.log import logger

RAW_MAX_BYTES: Final = 16_384
"""Bytes of an entry that are kept with its letter; the whole one is in its stream."""
LOOK_LETTERS: Final = 500
"""Letters looked at by one call: a few milliseconds of the store's time."""
REFUSED_KEPT: Final = 500
"""Letters that wait while the store refuses them, as under another type's key: more would hold up all that is counted."""

PUT: Final = """
-- KEYS: letters, hash of entries that have one. ARGV: letters kept, then channel, id, digest, reason, t, bytes of each.
for i = 2, #ARGV, 6 do
  local name = ARGV[i] .. ' ' .. ARGV[i + 1] .. '.' .. ARGV[i + 2]
  if redis.call('HSETNX', KEYS[2], name, 1) == 1 then
    redis.call('XADD', KEYS[1], '*', 'channel', ARGV[i], 'id', ARGV[i + 1], 'digest', ARGV[i + 2],
      'reason', ARGV[i + 3], 't', ARGV[i + 4], 'e', ARGV[i + 5])
  end
end
while redis.call('XLEN', KEYS[1]) > tonumber(ARGV[1]) do
  local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  redis.call('XDEL', KEYS[1], first[1])
  redis.call('HDEL', KEYS[2], first[2][2] .. ' ' .. first[2][4] .. '.' .. first[2][6])
end
"""

TAKE: Final = """
-- KEYS: letters, hash of entries that have one. ARGV: first id, letters looked at, then the channels whose letters go.
local wanted, last = {}, false
for i = 3, #ARGV do wanted[ARGV[i]] = true end
local rows = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
for _, row in ipairs(rows) do
  last = row[1]
  if wanted[row[2][2]] then
    redis.call('XDEL', KEYS[1], row[1])
    redis.call('HDEL', KEYS[2], row[2][2] .. ' ' .. row[2][4] .. '.' .. row[2][6])
  end
end
return #rows == tonumber(ARGV[2]) and last
"""

_PUT, _TAKE = Script(PUT), Script(TAKE)


class Letters:
    """Writes letters.

    Args:
        kept: letters that the store keeps; the oldest go first.
    """

    def __init__(self, url: str, kept: int) -> None:
        self._client = make_client(url, connections=1)
        self._kept = kept
        self._waiting: deque[tuple[str, Entry, str]] = deque()
        self._refused = ""
        self._dropped = 0
        self._taking = asyncio.Lock()
        self._unwanted: set[str] = set()

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.aclose()

    @property
    def waiting(self) -> int:
        """Letters not yet written."""
        return len(self._waiting)

    def put(self, channel: str, entry: Entry, reason: str) -> None:
        """This entry cannot be counted."""
        metrics.DEAD_LETTERS.labels(reason).inc()
        self._waiting.append((channel, entry, reason))

    async def take(self, channel: str) -> None:
        """Takes a channel's letters away, before it is counted anew; an entry that is still poison comes back.

        Channels that ask while the letters are looked through share the next look.

        Raises:
            BusError
        """
        self._unwanted.add(channel)
        async with self._taking:
            if channel not in self._unwanted:
                return
            channels, self._unwanted = self._unwanted, set()
            try:
                await self._take(channels)
            except BaseException:
                self._unwanted |= channels - {channel}
                raise

    async def _take(self, channels: set[str]) -> None:
        first = "-"
        while first:
            call = Call(_TAKE, [LETTERS_KEY, LETTERS_SEEN_KEY], [first, LOOK_LETTERS, *channels])
            last: bytes | BusError | None = (await call_many(self._client, [call]))[0]
            if isinstance(last, BusError):
                raise last
            first = f"({last.decode()}" if last is not None else ""

    async def write(self) -> None:
        """Writes what waits; of what the store refuses the newest wait on.

        Raises:
            Unavailable
        """
        while self._waiting:
            some = [self._waiting[index] for index in range(min(50, len(self._waiting)))]
            args: list[Any] = [self._kept]
            for channel, entry, reason in some:
                stamp = "" if entry.t_ms is None else entry.t_ms
                digest = f"{entry_digest_of(entry):08x}"
                args += [channel, str(entry.position), digest, reason, stamp, entry.raw[:RAW_MAX_BYTES]]
            answer = (await call_many(self._client, [Call(_PUT, [LETTERS_KEY, LETTERS_SEEN_KEY], args)]))[0]
            if isinstance(answer, BusError):
                if self._refused != str(answer):
                    self._refused = str(answer)
                    logger.error("letters_not_written", error=self._refused)
                self._drop()
                return
            if self._dropped:
                logger.warning("letters_dropped", letters=self._dropped, why=self._refused)
            self._refused, self._dropped = "", 0
            for _ in some:
                self._waiting.popleft()

    def _drop(self) -> None:
        """The entries are in their streams still: these letters come back when their channels are counted anew."""
        while len(self._waiting) > REFUSED_KEPT:
            channel, entry, reason = self._waiting.popleft()
            if not self._dropped:
                logger.error("letters_full", channel=channel, id=str(entry.position), reason=reason, kept=REFUSED_KEPT)
            self._dropped += 1
            metrics.LETTERS_DROPPED.inc()
