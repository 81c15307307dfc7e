"""The writing side of the store: epochs, entries, idempotent appends, keyframes, and which channels there are.

The store fences: it numbers the entries of an epoch and refuses those of a lower one. Never reads a document.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from redis import exceptions

from gateway.bus.errors import BusError, Fenced
from gateway.bus.redis_streams import guarded, make_client
from gateway.model.names import channel_of, epoch_key, idempotency_key, keyframe_key, stream_key
from gateway.model.version import Position

IDEMPOTENCY_TTL_S = 86_400
KEYFRAMES_KEPT = 2
STREAM_MAXLEN = 200_000
"""Entries of one stream that are kept, about: 2 h at 28 a second."""

_SMALLER = "equal or smaller"
_FENCED = "GRANDSTAND-FENCED"

APPEND_ONCE = """
-- KEYS: stream, epoch counter, idempotency key. ARGV: epoch or '', opens, t, e, maxlen, ttl or ''
if ARGV[6] ~= '' then
  local seen = redis.call('GET', KEYS[3])
  if seen then return {seen, 1} end
end
local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local newest = nil
if #top > 0 then newest = tonumber(string.match(top[1][1], '^(%d+)')) end
local epoch = ARGV[1]
if ARGV[2] == '1' then
  epoch = redis.call('INCR', KEYS[2])
  if newest and epoch <= newest then
    epoch = newest + 1
    redis.call('SET', KEYS[2], epoch)
  end
elseif epoch == '' then
  if not newest then return redis.error_reply('GRANDSTAND-FENCED none') end
  epoch = newest
elseif newest and tonumber(epoch) < newest then
  return redis.error_reply('GRANDSTAND-FENCED ' .. string.format('%d', newest))
end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], string.format('%d', epoch) .. '-*', 't', ARGV[3], 'e', ARGV[4])
if ARGV[6] ~= '' then redis.call('SET', KEYS[3], id, 'EX', ARGV[6]) end
return {id, 0}
"""


class Publisher:
    """Writes to the store at `url`."""

    def __init__(self, url: str, maxlen: int = STREAM_MAXLEN) -> None:
        self._client = make_client(url)
        self._maxlen = maxlen
        self._append_once = self._client.register_script(APPEND_ONCE)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def new_epoch(self, channel: str) -> int:
        """An epoch that is higher than every one before."""
        return int(await guarded(self._client.incr(epoch_key(channel))))

    async def append(self, channel: str, epoch: int, events: bytes, t_ms: int) -> Position:
        """Appends one entry.

        Args:
            events: an event or a list of events, JSON.
            t_ms: the publisher's clock, unix ms.

        Raises:
            Fenced: the stream has a higher epoch.
            Unavailable: nothing is known of whether the entry was taken.
        """
        return (await self.append_many(channel, epoch, [(events, t_ms)]))[0]

    async def append_many(self, channel: str, epoch: int, entries: Sequence[tuple[bytes, int]]) -> list[Position]:
        """Appends entries in order by one round trip.

        Raises:
            Fenced, Unavailable: as for append; earlier entries of the call may have been taken.
        """
        pipeline = self._client.pipeline(transaction=False)
        for events, t_ms in entries:
            pipeline.xadd(
                stream_key(channel), {"t": t_ms, "e": events}, id=f"{epoch}-*", maxlen=self._maxlen, approximate=True
            )
        answers = await guarded(pipeline.execute(raise_on_error=False))
        for answer in answers:
            if isinstance(answer, exceptions.ResponseError) and _SMALLER in str(answer):
                raise Fenced(await self._newest_epoch(channel))
            if isinstance(answer, Exception):
                await guarded(_raise(answer))
        return [Position.parse(answer.decode()) for answer in answers]

    async def append_idempotent(
        self, channel: str, epoch: int | None, key: str | None, events: bytes, t_ms: int, opens_epoch: bool
    ) -> tuple[Position, bool]:
        """Appends one entry unless `key` was used before; checked and appended by one call in one slot.

        Args:
            epoch: None for the stream's newest.
            key: the idempotency key; None appends always.
            opens_epoch: the entry begins a new epoch.

        Returns:
            The entry's position, and whether it had been appended before.

        Raises:
            Fenced: a higher epoch exists, or there is no stream yet and nothing opens one.
        """
        try:
            position, seen = await guarded(
                self._append_once(
                    keys=[stream_key(channel), epoch_key(channel), idempotency_key(channel, key or "")],
                    args=[
                        "" if epoch is None else epoch,
                        int(opens_epoch),
                        t_ms,
                        events,
                        self._maxlen,
                        IDEMPOTENCY_TTL_S if key is not None else "",
                    ],
                )
            )
        except BusError as error:
            if _FENCED in str(error):
                newest = str(error).rpartition(" ")[2]
                raise Fenced(int(newest) if newest.isdigit() else None) from error
            raise
        return Position.parse(position.decode()), bool(seen)

    async def _newest_epoch(self, channel: str) -> int | None:
        rows: Any = await guarded(self._client.xrevrange(stream_key(channel), count=1))
        return int(rows[0][0].partition(b"-")[0]) if rows else None

    async def write_keyframe(self, channel: str, frame: bytes) -> None:
        """Keeps a keyframe, and the one before it."""
        pipeline = self._client.pipeline(transaction=True)
        pipeline.lpush(keyframe_key(channel), frame)
        pipeline.ltrim(keyframe_key(channel), 0, KEYFRAMES_KEPT - 1)
        await guarded(pipeline.execute())

    async def channels(self, kind: str = "*") -> AsyncIterator[str]:
        """Every channel of that kind that has a stream (SCAN: in no order, some perhaps twice)."""
        cursor = 0
        while True:
            answer: Any = await guarded(self._client.scan(cursor, f"live:{{{kind}:*}}", 1000))
            cursor, keys = answer
            for key in keys:
                channel = channel_of(key.decode(errors="replace"))
                if channel is not None:
                    yield channel
            if cursor == 0:
                return


async def _raise(error: Exception) -> None:
    raise error
