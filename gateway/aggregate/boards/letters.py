"""Dead letters: entries that could not be counted or folded, with their id, in a bounded stream of their own.

A letter is kept once, however often its entry is read.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from gateway.bus.client import guarded, make_client
from gateway.bus.errors import BusError
from gateway.bus.scripts import Call, Script, call_many
from gateway.model.boards import LETTERS_KEY, LETTERS_SEEN_KEY
from gateway.model.entry import Entry, entry_digest_of
from gateway.observe import metrics
from gateway.observe.log import logger

RAW_MAX_BYTES: Final = 16_384
"""Bytes of an entry that are kept with its letter; the whole one is in its stream."""
WAITING_MAX: Final = 2000

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

_PUT = Script(PUT)


class Letters:
    """Writes letters.

    Args:
        kept: letters that the store keeps; the oldest go first.
    """

    def __init__(self, url: str, kept: int) -> None:
        self._client = make_client(url, connections=1)
        self._kept = kept
        self._waiting: deque[tuple[str, Entry, str]] = deque()

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.aclose()

    @property
    def full(self) -> bool:
        """Whether so many letters wait to be written that no more entries should be read."""
        return len(self._waiting) >= WAITING_MAX

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

        Raises:
            BusError
        """
        rows: Any = await guarded(self._client.xrange(LETTERS_KEY))
        for letter_id, fields in rows:
            if fields[b"channel"] == channel.encode():
                seen = b"%b %b.%b" % (fields[b"channel"], fields[b"id"], fields[b"digest"])
                await guarded(self._client.hdel(LETTERS_SEEN_KEY, seen))
                await guarded(self._client.xdel(LETTERS_KEY, letter_id))

    async def write(self) -> None:
        """Writes what waits.

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
                logger.error("letters_not_written", error=str(answer))
                return
            for _ in some:
                self._waiting.popleft()
