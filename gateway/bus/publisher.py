"""The writing side of the store: epochs, entries, idempotent appends, keyframes, and which channels there are.

The store fences: it numbers the entries of an epoch and refuses those of a lower one. Never reads a document.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from redis import exceptions

from gateway.bus.client import guarded, is_cluster, make_client, mapped
from gateway.bus.errors import BusError, Fenced, Unavailable
from gateway.bus.scripts import Call, Script, call_many
from gateway.bus.tails import stream_info
from gateway.model.boards import stream_marks_key
from gateway.model.names import channel_of, epoch_key, idempotency_key, keyframe_key, rows_key, stream_key
from gateway.model.version import Position

IDEMPOTENCY_TTL_S = 86_400
KEYFRAMES_KEPT = 2
STREAM_MAXLEN = 200_000
"""Entries of one stream that are kept, about: 2 h at 28 a second."""

ROWS_PUT = "!"
"""The field of a list's rows that counts how often rows were put: no id has this character."""

NEWEST_AT_ONCE = 500
"""Streams that are asked for their newest entry by one round trip."""

SCAN_COUNT = 1000
"""Keys that the store looks at in one step of a SCAN."""

_SMALLER = "equal or smaller"
_FENCED = "GRANDSTAND-FENCED"

APPEND_ONCE = """
-- KEYS: stream, epoch counter, idempotency key. ARGV: epoch or '', opens, t, e, maxlen, ttl or ''
if ARGV[6] ~= '' then
  local seen = redis.call('GET', KEYS[3])
  if seen then return {seen, 1} end
end
local newest = nil
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if not info.err then
  for i = 1, #info, 2 do
    -- the last id given out, not the last entry kept: the stream may be trimmed to nothing
    if info[i] == 'last-generated-id' then newest = tonumber(string.match(info[i + 1], '^(%d+)')) end
  end
elseif not string.find(info.err, 'no such key', 1, true) then
  return info
end
if newest == 0 then newest = nil end
local epoch = tonumber(ARGV[1])
if ARGV[2] == '1' then
  epoch = redis.call('INCR', KEYS[2])
  if newest and epoch <= newest then
    epoch = newest + 1
    redis.call('SET', KEYS[2], string.format('%d', epoch))
  end
elseif not epoch then
  if not newest then return redis.error_reply('GRANDSTAND-FENCED none') end
  epoch = newest
elseif newest and epoch < newest then
  return redis.error_reply('GRANDSTAND-FENCED ' .. string.format('%d', newest))
end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], string.format('%d', epoch) .. '-*', 't', ARGV[3], 'e', ARGV[4])
if ARGV[6] ~= '' then redis.call('SET', KEYS[3], id, 'EX', ARGV[6]) end
return {id, 0}
"""


APPEND_MANY = """
-- KEYS: stream. ARGV: epoch, maxlen, then t and e of each entry. All or none: what refuses one refuses the first.
local ids = {}
for i = 3, #ARGV, 2 do
  ids[#ids + 1] = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], ARGV[1] .. '-*', 't', ARGV[i], 'e', ARGV[i + 1])
end
return ids
"""

_UNLESS_NEWER = """
-- ARGV: id of the newest entry that is known.
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not newest or newest[1] ~= ARGV[1] then return 0 end
"""

TRIM = (
    _UNLESS_NEWER
    + """
-- KEYS: stream, keyframes. Leaves the newest of each.
redis.call('LTRIM', KEYS[2], 0, 0)
return redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
"""
)

DELETE = (
    _UNLESS_NEWER
    + """
-- KEYS: stream, keyframes, marks.
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return 1
"""
)

WRITE_KEYFRAME = """
-- KEYS: keyframes. ARGV: frame, index of the last one that is kept.
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], 0, ARGV[2])
"""

_WRITE_KEYFRAME = Script(WRITE_KEYFRAME)


class Publisher:
    """Writes to the store at `url`."""

    def __init__(self, url: str, maxlen: int = STREAM_MAXLEN) -> None:
        self._client = make_client(url)
        self._maxlen = maxlen
        self._append_once = self._client.register_script(APPEND_ONCE)
        self._append_many = self._client.register_script(APPEND_MANY)
        self._trim = self._client.register_script(TRIM)
        self._delete = self._client.register_script(DELETE)
        # The client library's transactions do not work in a cluster under asyncio: scripts do the same.
        self._by_scripts = is_cluster(url)

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

    async def append_behind(self, channel: str, last: Position, events: bytes, t_ms: int) -> tuple[Position, bool]:
        """Appends one entry to an epoch in which nobody else writes.

        Args:
            last: the newest entry that was written.

        Returns:
            The entry's position, and whether it follows that one: if not, the store has lost what was written.

        Raises:
            Fenced, Unavailable: as for append.
        """
        position = await self.append(channel, last.epoch, events, t_ms)
        return position, position == last.next

    async def append_many(self, channel: str, epoch: int, entries: Sequence[tuple[bytes, int]]) -> list[Position]:
        """Appends entries in order by one round trip: all of them or none.

        Raises:
            Fenced, Unavailable: as for append.
        """
        if self._by_scripts and len(entries) > 1:
            return await self._append_by_script(channel, epoch, entries)
        # A transaction even for the refusals that come between two commands: an entry left out would be a quiet loss.
        pipeline = self._client.pipeline(transaction=len(entries) > 1)
        for events, t_ms in entries:
            pipeline.xadd(
                stream_key(channel), {"t": t_ms, "e": events}, id=f"{epoch}-*", maxlen=self._maxlen, approximate=True
            )
        answers = await guarded(pipeline.execute(raise_on_error=False))
        for answer in answers:
            if isinstance(answer, exceptions.ResponseError) and _SMALLER in str(answer):
                raise Fenced(await self._newest_epoch(channel))
            if isinstance(answer, Exception):
                raise mapped(answer)
        return [Position.parse(answer.decode()) for answer in answers]

    async def append_each(self, entries: Sequence[tuple[str, int, bytes]], t_ms: int) -> list[BusError | None]:
        """Appends one entry to each of several channels by one round trip.

        Args:
            entries: channel, epoch, and an event or a list of events, JSON.

        Returns:
            Why each was not taken; Fenced where the stream has a higher epoch.

        Raises:
            Unavailable: nothing is known of which were taken.
        """
        pipeline = self._client.pipeline(transaction=False)
        for channel, epoch, events in entries:
            pipeline.xadd(
                stream_key(channel), {"t": t_ms, "e": events}, id=f"{epoch}-*", maxlen=self._maxlen, approximate=True
            )
        answers = await guarded(pipeline.execute(raise_on_error=False))
        return [_refusal(answer) for answer in answers]

    async def _append_by_script(self, channel: str, epoch: int, entries: Sequence[tuple[bytes, int]]) -> list[Position]:
        args: list[Any] = [epoch, self._maxlen]
        for events, t_ms in entries:
            args += [t_ms, events]
        try:
            ids = await guarded(self._append_many(keys=[stream_key(channel)], args=args))
        except BusError as error:
            if _SMALLER in str(error):
                raise Fenced(await self._newest_epoch(channel)) from error
            raise
        return [Position.parse(answer.decode()) for answer in ids]

    async def newest(self, channels: Iterable[str]) -> dict[str, Position | None]:
        """The newest entry of each channel's stream, None where there is none; left out are those that cannot be read.

        Raises:
            Unavailable
        """
        names, found = list(channels), {}
        for start in range(0, len(names), NEWEST_AT_ONCE):
            some = names[start : start + NEWEST_AT_ONCE]
            pipeline = self._client.pipeline(transaction=False)
            for name in some:
                pipeline.xrevrange(stream_key(name), count=1)
            for name, rows in zip(some, await guarded(pipeline.execute(raise_on_error=False)), strict=True):
                if not isinstance(rows, Exception):
                    found[name] = Position.parse(rows[0][0].decode()) if rows else None
                elif isinstance(error := mapped(rows), Unavailable):
                    raise error
        return found

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
        info = await stream_info(self._client, stream_key(channel))
        return info.last_generated.epoch if info is not None and info.last_generated is not None else None

    async def write_keyframe(self, channel: str, frame: bytes) -> None:
        """Keeps a keyframe, and the one before it.

        Raises:
            BusError
        """
        for refused in (await self.write_keyframes({channel: frame})).values():
            raise refused

    async def write_keyframes(self, frames: Mapping[str, bytes]) -> dict[str, BusError]:
        """Keeps a keyframe of each channel, and the one before it, by one round trip.

        Returns:
            Why those that could not be written could not.

        Raises:
            Unavailable
        """
        calls = [
            Call(_WRITE_KEYFRAME, [keyframe_key(name)], [frame, KEYFRAMES_KEPT - 1]) for name, frame in frames.items()
        ]
        answers = await call_many(self._client, calls)
        return {name: answer for name, answer in zip(frames, answers, strict=True) if isinstance(answer, BusError)}

    async def expire(self, channel: str, after_s: int) -> None:
        """The channel's stream and keyframes are gone after this time."""
        pipeline = self._client.pipeline(transaction=False)
        for key in (stream_key(channel), keyframe_key(channel)):
            pipeline.expire(key, after_s)
        await guarded(pipeline.execute())

    async def trim(self, channel: str, newest: Position) -> int:
        """Leaves the newest entry of the channel's stream, and its newest keyframe; what has come meanwhile stays, with all.

        Args:
            newest: the newest entry that is known.

        Returns:
            How many entries were taken away.
        """
        keys = [stream_key(channel), keyframe_key(channel)]
        return int(await guarded(self._trim(keys=keys, args=[str(newest)])))

    async def delete(self, channel: str, newest: Position) -> bool:
        """Deletes the channel's stream and what is only of use with it, unless entries have come meanwhile.

        Returns:
            Whether it did.
        """
        keys = [stream_key(channel), keyframe_key(channel), stream_marks_key(channel)]
        return bool(await guarded(self._delete(keys=keys, args=[str(newest)])))

    async def put_rows(self, channel: str, rows: Mapping[str, bytes]) -> int:
        """Puts rows of a list, of which another process makes the channel's document.

        Returns:
            How often rows were put into the list, by all processes.
        """
        values: Any = dict(rows)
        pipeline = self._client.pipeline(transaction=True)
        pipeline.hset(rows_key(channel), mapping=values)
        pipeline.hincrby(rows_key(channel), ROWS_PUT, 1)
        answers = await guarded(pipeline.execute())
        return int(answers[1])

    async def rows_put(self, channel: str) -> int:
        """How often rows were put into a list."""
        return int(await guarded(self._client.hget(rows_key(channel), ROWS_PUT)) or 0)

    async def rows(self, channel: str) -> tuple[dict[str, bytes], int]:
        """All rows of a list, and how often rows had been put into it then."""
        found: Any = await guarded(self._client.hgetall(rows_key(channel)))
        count = int(found.pop(ROWS_PUT.encode(), 0))
        return {key.decode(errors="replace"): value for key, value in found.items()}, count

    async def drop_rows(self, channel: str, names: Sequence[str]) -> None:
        """Takes rows away."""
        await guarded(self._client.hdel(rows_key(channel), *names))

    async def channels(self, kind: str = "*") -> AsyncIterator[str]:
        """Every channel of that kind that has a stream (SCAN: in no order, some perhaps twice).

        Raises:
            Unavailable, NotPermitted
        """
        try:
            async for key in self._client.scan_iter(f"live:{{{kind}:*}}", SCAN_COUNT, "stream"):
                channel = channel_of(key.decode(errors="replace"))
                if channel is not None:
                    yield channel
        except (exceptions.RedisError, OSError, TimeoutError) as error:
            raise mapped(error) from error


def _refusal(answer: Any) -> BusError | None:
    if not isinstance(answer, Exception):
        return None
    return Fenced(None) if _SMALLER in str(answer) else mapped(answer)
