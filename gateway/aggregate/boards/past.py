"""A channel's past beyond its stream, from the history: looked over, and read together with the stream. Never writes.

The history may be away, or there may be none: then nothing can be said of what a stream has trimmed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from gateway.aggregate.boards.surviving import Missing, Part, Survey, entries_before, joined, surveyed
from gateway.bus.base import Bus, StreamInfo
from gateway.history.database import Database
from gateway.history.errors import HistoryError
from gateway.history.reader import EPOCHS_AT_ONCE, Reader
from gateway.model.channel import ChannelLimits
from gateway.model.entry import INT64_MAX, Entry, entry_digest_of
from gateway.model.version import Position
from gateway.observe.log import logger

PAGE = 500
AWAY_S = 2.0
"""How long a database that could not be asked is not asked again: opening channels must not wait for it one by one."""
NO_HISTORY, HISTORY_AWAY = "no history is kept", "the history cannot be read now"


class Past:
    """Looks into the history.

    Args:
        bus: reads the streams.
        database: None where no history is kept.
    """

    def __init__(self, bus: Bus, database: Database | None, limits: ChannelLimits) -> None:
        self._bus = bus
        self._reader = Reader(database, limits) if database is not None else None
        self._away_until_s = 0.0

    @property
    def kept(self) -> bool:
        """Whether a history is kept."""
        return self._reader is not None

    # -- whether it is there -----------------------------------------------------------------------------------

    async def survey(self, channel: str, info: StreamInfo) -> Survey:
        """Whether the channel can be counted from its beginning.

        Raises:
            BusError
        """
        first = first_of(info)
        if info.whole:
            return Survey(first)
        if info.added is None:
            return Survey(None, f"the store does not say how many entries were before {first}")
        trimmed = info.added - info.length
        reader, why = self._asked(first)
        if reader is None:
            return Survey(None, f"{why}: {entries_before(trimmed, first)}")
        try:
            found = surveyed(await self._parts(reader, channel, first, trimmed), first, trimmed)
            if found.first is not None and not await self._confirms(reader, channel, first):
                return Survey(None, f"before {first} the history is another than the stream's")
        except HistoryError as error:
            self._away(channel, error)
            return Survey(None, f"{HISTORY_AWAY}: {entries_before(trimmed, first)}")
        return found

    async def holds(self, channel: str, start: Position, end: Position) -> bool:
        """Whether the history has every entry of an epoch from `start` up to `end` (exclusive).

        Raises:
            BusError
        """
        reader, _ = self._asked(end)
        if reader is None:
            return False
        try:
            row = await reader.epoch(channel, start.epoch)
            if row is None or row.last_seq < end.seq - 1:
                return False
            there = await reader.count(row, start.seq, end.seq) == end.seq - start.seq
            return there and await self._confirms(reader, channel, end)
        except HistoryError as error:
            self._away(channel, error)
            return False

    async def has_all(self, channel: str, info: StreamInfo) -> bool:
        """Whether the history has every entry that the stream has.

        Raises:
            BusError
        """
        first, last = info.first, info.last_generated
        if first is None or last is None:
            return False
        reader, _ = self._asked(last)
        if reader is None:
            return False
        try:
            rows = [row for row in await reader.epochs_below(channel, last.epoch + 1) if row.epoch >= first.epoch]
            if not rows or Position(rows[0].epoch, rows[0].last_seq) != last:
                return False
            found = 0
            for row in rows:
                start = first.seq if row.epoch == first.epoch else 0
                found += await reader.count(row, start, row.last_seq + 1)
            return found == info.length and await self._confirms(reader, channel, last)
        except HistoryError as error:
            self._away(channel, error)
            return False

    async def _parts(self, reader: Reader, channel: str, first: Position, trimmed: int) -> list[Part]:
        """The epochs up to that of `first`, the newest first, as many as it takes."""
        parts: list[Part] = []
        found, below = 0, first.epoch + 1
        while True:
            rows = await reader.epochs_below(channel, below)
            for row in rows:
                end = first.seq if row.epoch == first.epoch else row.last_seq + 1
                parts.append(Part(row.epoch, row.last_seq, await reader.count(row, 0, end)))
                found += end
                if found >= trimmed:
                    return parts
            if len(rows) < EPOCHS_AT_ONCE:
                return parts
            below = rows[-1].epoch

    async def _confirms(self, reader: Reader, channel: str, first: Position) -> bool:
        """Whether the history, where it has the stream's first entry, has the same one."""
        row = await reader.epoch(channel, first.epoch)
        kept = await reader.entries_after(row, first.seq - 1, 1) if row is not None else []
        if not kept or kept[0].entry.position != first:
            return True
        found = await self._bus.read(channel, first, first, 1)
        return not found or entry_digest_of(found[0]) == entry_digest_of(kept[0].entry)

    def _asked(self, position: Position) -> tuple[Reader | None, str]:
        if self._reader is None or max(position.epoch, position.seq) >= INT64_MAX:
            return None, NO_HISTORY
        if asyncio.get_running_loop().time() < self._away_until_s:
            return None, HISTORY_AWAY
        return self._reader, ""

    def _away(self, channel: str, error: HistoryError) -> None:
        self._away_until_s = asyncio.get_running_loop().time() + AWAY_S
        logger.info("history_not_read", channel=channel, error=type(error).__name__)

    # -- reading it --------------------------------------------------------------------------------------------

    async def entries(self, channel: str, first: Position, newest: Position, whole: bool) -> AsyncIterator[list[Entry]]:
        """The channel's entries from `first` on, up to the stream's newest.

        Args:
            whole: `first` is the channel's first.

        Raises:
            Missing: in neither, by now.
            HistoryError, BusError: it cannot be read now.
        """

        async def read(start: Position, count: int) -> list[Entry]:
            return await self._bus.read(channel, start, None, count)

        def kept(start: Position, end: Position) -> AsyncIterator[list[Entry]]:
            return _kept(self._reader, channel, start, end)

        async def trimmed() -> tuple[Position, int]:
            info = await self._bus.tail(channel)
            if info is None or info.last_generated is None or info.added is None:
                raise Missing("the stream is gone")
            return first_of(info), info.added - info.length

        async for page in joined(first, newest, read, kept, trimmed if whole else None, PAGE):
            yield page


def first_of(info: StreamInfo) -> Position:
    """A stream's first entry; of one that was trimmed to nothing, the next one."""
    assert info.last_generated is not None
    return info.first if info.first is not None else info.last_generated.next


async def _kept(reader: Reader | None, channel: str, start: Position, end: Position) -> AsyncIterator[list[Entry]]:
    """What the history has from `start` up to `end` (exclusive), page by page."""
    if reader is None or start >= end:
        return
    row, seq = await reader.epoch(channel, start.epoch), start.seq - 1
    number = start.epoch
    while True:
        while row is not None:
            arrived = await reader.entries_after(row, seq, PAGE)
            entries = [one.entry for one in arrived if one.entry.position < end]
            if entries:
                yield entries
            if len(entries) < PAGE:
                break
            seq = entries[-1].position.seq
        row = await reader.epoch_after(channel, number)
        if row is None or row.epoch > end.epoch:
            return
        number, seq = row.epoch, -1
