"""A channel's past, wherever it is kept: the stream as far back as it reaches, before that the history.

Every read confirms that the stream still tells the history that was read before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from gateway.bus.errors import BusError
from gateway.edge.context import Context
from gateway.edge.failures import NotFound, RewindUnavailable, Unavailable, UnknownChannel
from gateway.edge.moments import Moment
from gateway.history.errors import HistoryError
from gateway.history.reader import Arrived, Reader
from gateway.model.channel import Channel
from gateway.model.entry import INT64_MAX, Entry, entry_digest_of
from gateway.model.errors import BadKeyframe
from gateway.model.version import Position
from gateway.observe.log import logger

T = TypeVar("T")

READ_COUNT = 200
FOLD_AT_ONCE = 100
"""Entries folded before the loop's other tasks have their turn."""


class Past:
    """Reads the past of any channel.

    Args:
        reader: the history; None where there is none.
    """

    def __init__(self, context: Context, reader: Reader | None) -> None:
        self._context = context
        self._reader = reader

    async def remembers(self, name: str) -> bool:
        """Whether the history has something of a channel that the store has no longer.

        Raises:
            Unavailable
        """
        if self._reader is None:
            return False
        try:
            return await self._reader.newest_epoch(name) is not None
        except HistoryError:
            raise Unavailable("the past cannot be read now") from None

    async def begin(self, name: str, moment: Moment, delay_ms: int) -> tuple[Channel, int]:
        """The channel as it was at a moment, and the time of that.

        Args:
            delay_ms: how much later than others the viewer may see.

        Raises:
            UnknownChannel: there is nothing of that name.
            NotFound: that moment is not kept any more.
            Unavailable
        """
        try:
            return await self._begin(name, moment, self._context.now_ms() - delay_ms, delay_ms > 0)
        except BusError:
            raise Unavailable("the past cannot be read now") from None

    async def _begin(self, name: str, moment: Moment, until_ms: int, delayed: bool) -> tuple[Channel, int]:
        at_ms = until_ms
        if moment.ago_ms is not None:
            at_ms = until_ms - moment.ago_ms
        elif moment.at_ms is not None:
            at_ms = min(moment.at_ms, until_ms)
        position = await self._position_at(name, at_ms)
        if moment.position is not None and moment.position < position:
            position = moment.position
        channel = await self._channel_at(name, position)
        if delayed and channel.arrived_ms > until_ms:
            # The oldest that is kept is too new for who sees later than others.
            raise NotFound("nothing may be seen of that moment yet", "at")
        return channel, at_ms if moment.position is None else channel.arrived_ms

    # -- from a time to a position -----------------------------------------------------------------------------

    async def _position_at(self, name: str, at_ms: int) -> Position:
        """The last entry that had arrived at a time, or the first that is kept."""
        bus = self._context.bus
        info = await bus.tail(name)
        last = info.last_generated if info is not None else None
        first: Entry | None = None
        if last is not None:
            found = await bus.read(name, Position(last.epoch, 0), None, 1)
            first = found[0] if found else None
            if first is not None and self._arrived_ms(first) <= at_ms:
                return await self._search(name, first.position, last, at_ms)
        if self._reader is not None:
            kept = await _if_there(self._reader.epoch_at(name, at_ms))
            if kept is not None:
                return Position(kept[0].epoch, kept[1])
            oldest = await _if_there(self._reader.oldest_kept(name))
            if oldest is not None and (first is None or oldest < first.position):
                return oldest
        if first is None:
            raise UnknownChannel(f"there is no channel {name}")
        return first.position

    async def _search(self, name: str, low: Position, high: Position, at_ms: int) -> Position:
        """The last entry of an epoch of the stream that had arrived, by halves; `low` had."""
        best, start, end = low, low.seq + 1, high.seq
        while start <= end:
            middle = (start + end) // 2
            found = await self._context.bus.read(name, Position(low.epoch, middle), high, 1)
            if not found or self._arrived_ms(found[0]) > at_ms:
                end = middle - 1
            else:
                best = found[0].position
                start = best.seq + 1
        return best

    def _arrived_ms(self, entry: Entry) -> int:
        now_ms = self._context.now_ms()
        return now_ms if entry.t_ms is None else min(now_ms, entry.t_ms)

    # -- the document there ------------------------------------------------------------------------------------

    async def _channel_at(self, name: str, position: Position) -> Channel:
        """The channel folded up to a position, from the nearest document before it."""
        channel = await self._nearest(name, position) or Channel(name, self._context.channel_limits, ring=False)
        while channel.position is None or channel.position < position:
            after = channel.position or Position(position.epoch, -1)
            arrived = await self.entries(name, after, None)
            if not arrived:
                raise NotFound("that moment is not kept any more", "at")
            for number, one in enumerate(arrived, start=1):
                if one.entry.position > position:
                    break
                if channel.fold(one.entry, one.at_ms).gap:
                    raise NotFound("that moment is not kept any more", "at")
                if number % FOLD_AT_ONCE == 0:
                    await asyncio.sleep(0)
            else:
                continue
            break
        if channel.position != position:
            raise NotFound("that moment is not kept any more", "at")
        return channel

    async def _nearest(self, name: str, position: Position) -> Channel | None:
        limits = self._context.channel_limits
        candidates: list[Channel] = []
        for frame in await self._context.bus.keyframes(name):
            try:
                candidates.append(Channel.from_keyframe(frame, name, limits, ring=False))
            except BadKeyframe:
                continue
        if self._reader is not None and position.epoch <= INT64_MAX:
            epoch = await _if_there(self._reader.epoch(name, position.epoch))
            kept = await _if_there(self._reader.keyframe_at(name, epoch, position.seq)) if epoch is not None else None
            if kept is not None:
                candidates.append(kept)
        fitting = [
            channel
            for channel in candidates
            if channel.position is not None
            and channel.position.epoch == position.epoch
            and channel.position <= position
            and await self._confirmed(name, channel)
        ]
        return max(fitting, key=lambda channel: channel.position or Position(0, 0), default=None)

    async def _confirmed(self, name: str, channel: Channel) -> bool:
        """Whether the stream has the entry that a document ends with, or does not reach back to it."""
        position = channel.position
        assert position is not None
        found = await self._context.bus.read(name, position, None, 1)
        if found and found[0].position == position:
            return entry_digest_of(found[0]) == channel.keyframe_entry_digest
        return True

    # -- what came next ----------------------------------------------------------------------------------------

    async def entries(self, name: str, after: Position, digest: int | None) -> list[Arrived]:
        """The next entries after a position; none when it is the newest.

        Args:
            digest: of the entry at `after`, to confirm it; None when it is not known.

        Raises:
            RewindUnavailable: the stream has come to tell another history.
            BusError
        """
        bus = self._context.bus
        low = after if after.seq >= 0 else Position(after.epoch, 0)
        found = await bus.read(name, low, None, READ_COUNT)
        if found and found[0].position == after:
            if digest is not None and entry_digest_of(found[0]) != digest:
                raise RewindUnavailable("the store has come to tell another history")
            return [Arrived(entry, self._arrived_ms(entry)) for entry in found[1:]]
        if found and after.seq < 0 and found[0].position == low:
            return [Arrived(entry, self._arrived_ms(entry)) for entry in found]
        if self._reader is not None and after.epoch <= INT64_MAX:
            epoch = await _if_there(self._reader.epoch(name, after.epoch))
            while epoch is not None and (not found or found[0].position.epoch >= epoch.epoch):
                kept = await _if_there(self._reader.entries_after(epoch, after.seq, READ_COUNT))
                if kept:
                    return kept
                after = Position(epoch.epoch, -1)
                epoch = await _if_there(self._reader.epoch_after(name, epoch.epoch))
        return [Arrived(entry, self._arrived_ms(entry)) for entry in found]


async def _if_there(asked: Awaitable[T]) -> T | None:
    """What the history answers; None while it cannot be asked: the stream may have it all the same."""
    try:
        return await asked
    except HistoryError as error:
        logger.info("past_not_readable", error=type(error).__name__, why=str(error))
        return None
