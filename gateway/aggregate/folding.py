"""The sink that folds: channels' documents, for all that derive something from them. Begins from a keyframe where one fits.

Owns the documents of this process's channels; who is interested is told of every change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.aggregate.boards.boards import Begin, Boards
from gateway.aggregate.sink import Start
from gateway.bus.base import Bus, StreamInfo
from gateway.bus.errors import BusError
from gateway.bus.loading import newest_confirmed
from gateway.model.channel import Channel, ChannelLimits, Folded
from gateway.model.entry import Entry
from gateway.model.version import Position
from gateway.observe import metrics
from gateway.observe.log import logger

OPENING_AT_ONCE = 16
BACKLOG_MAX = 20_000


class Interested(Protocol):
    """Who derives something from the documents."""

    def on_change(self, channel: Channel, steps: list[tuple[Entry, Folded]]) -> None:
        """The document has moved by these entries; none when it was only begun."""
        ...

    def on_close(self, channel: str) -> None:
        """The channel is another process's now, or is read anew."""
        ...


class Folding:
    """Folds what it is given, at once; its backlog is the boards'.

    Args:
        boards: counts every entry, also those from before a channel was opened here.
        interested: told of documents when they are as new as the stream was at the opening.
        now_ms: the wall clock.
        again: asks for a channel to be opened anew.
    """

    name = "folding"
    backlog_max = BACKLOG_MAX

    def __init__(
        self,
        bus: Bus,
        limits: ChannelLimits,
        boards: Boards,
        interested: list[Interested],
        now_ms: Callable[[], int],
        again: Callable[[str], None],
    ) -> None:
        self._again = again
        self._boards = boards
        self.channels: dict[str, Channel] = {}
        self._bus = bus
        self._limits = limits
        self._interested = interested
        self._now_ms = now_ms
        # Until it is folded: what the stream had last when the channel was opened.
        self._old: dict[str, Position] = {}
        self._ahead: dict[str, Channel] = {}

    def wants(self, channel: str) -> bool:
        """Every channel has keyframes."""
        return True

    async def open(self, channels: Sequence[str]) -> dict[str, Start]:
        """Begins from the newest keyframe that the stream confirms, or from the beginning."""
        gate = asyncio.Semaphore(OPENING_AT_ONCE)
        starts = await asyncio.gather(*(self._open(name, gate) for name in channels))
        return {name: start for name, start in zip(channels, starts, strict=True) if start is not None}

    async def _open(self, name: str, gate: asyncio.Semaphore) -> Start | None:
        try:
            async with gate:
                info = await self._bus.tail(name)
                if info is None or info.last_generated is None:
                    return None
                counts = self._boards.counts(name)
                begin = await self._boards.begin(name, info) if counts else Begin(None)
                channel, first = None, begin.first
                if first is None and (begin.after is not None or not counts):
                    channel = await newest_confirmed(self._bus, name, info, self._restore, begin.after)
                known = Channel(name, self._limits, ring=False) if channel is None else channel
                if first is None and info.first is not None and known.misses(info.first):
                    # Entries are gone between what the boards have and what the stream has.
                    first = await self._bridge(name, known, begin, info)
                if first is None and info.first is not None and known.misses(info.first):
                    # What is left before the newest keyframe is counted; the document is the keyframe's.
                    ahead = await newest_confirmed(self._bus, name, info, self._restore)
                    if ahead is not None:
                        self._ahead[name] = ahead
        except BusError as error:
            logger.info("channel_not_opened", channel=name, error=type(error).__name__)
            return None
        if known.position is None or known.position < info.last_generated:
            self._old[name] = info.last_generated
        self.channels[name] = known
        past = None
        if first is not None:
            past = self._boards.past.entries(name, first, info.last_generated, begin.first is not None)
        if channel is None:
            return Start(past=past)
        self._tell(channel, [])
        return Start(channel.position, channel.keyframe_entry_digest, past)

    async def _bridge(self, name: str, known: Channel, begin: Begin, info: StreamInfo) -> Position | None:
        """From where on the history has what the stream has no longer, in the epoch in which the boards are."""
        first, after = info.first, begin.after
        if first is None or after is None or after.epoch != first.epoch:
            return None
        start = known.position.next if known.position is not None else Position(first.epoch, 0)
        return start if start.epoch == first.epoch and await self._boards.past.holds(name, start, first) else None

    def _restore(self, frame: bytes, name: str) -> Channel:
        return Channel.from_keyframe(frame, name, self._limits, ring=False)

    def _tell(self, channel: Channel, steps: list[tuple[Entry, Folded]]) -> None:
        old = self._old.get(channel.name)
        if old is not None and (channel.position is None or channel.position < old):
            return
        for one in self._interested:
            one.on_change(channel, steps)

    def take(self, channel: str, entries: list[Entry]) -> None:
        """Folds; an entry from before the opening counts as arrived at its stamp.

        Behind entries that are missing (trimmed before they were read) the document would be wrong: the channel is opened
        anew, from a keyframe behind them if there is one.
        """
        known = self.channels[channel]
        now_ms = self._now_ms()
        old = self._old.get(channel)
        ahead = self._ahead.get(channel)
        steps: list[tuple[Entry, Folded]] = []
        for entry in entries:
            is_old = old is not None and entry.position <= old
            arrived_ms = min(now_ms, entry.t_ms) if is_old and entry.t_ms is not None else now_ms
            if not is_old and known.misses(entry.position):
                metrics.GAPS.inc()
                logger.warning("entries_missing", channel=channel, before=str(entry.position))
                self._pass_on(known, steps)
                self.close(channel)
                self._again(channel)
                return
            steps.append((entry, known.fold(entry, arrived_ms)))
            if ahead is not None and ahead.position is not None and entry.position >= ahead.position:
                ahead.fold(entry, arrived_ms)
                known = self.channels[channel] = ahead
                del self._ahead[channel]
                ahead = None
        if old is not None and known.position is not None and known.position >= old:
            del self._old[channel]
        self._pass_on(known, steps)

    def _pass_on(self, channel: Channel, steps: list[tuple[Entry, Folded]]) -> None:
        if self._boards.counts(channel.name):
            self._boards.take(channel, steps)
        self._tell(channel, steps)

    def history_lost(self, channel: str) -> None:
        """The document is begun anew, and so is the counting."""
        self.close(channel)
        self._boards.lost(channel)

    def close(self, channel: str) -> None:
        """The document is let go."""
        self._boards.close(channel)
        self.channels.pop(channel, None)
        self._old.pop(channel, None)
        self._ahead.pop(channel, None)
        for one in self._interested:
            one.on_close(channel)

    @property
    def backlog(self) -> int:
        """Entries whose points are not written yet."""
        return self._boards.backlog

    def caught_up(self, channel: str) -> bool:
        """Whether all is folded that the stream had when the channel was opened."""
        return channel in self.channels and channel not in self._old

    async def run(self) -> None:
        """Writes the boards."""
        await self._boards.run()

    async def flush(self) -> None:
        """Writes what is left."""
        await self._boards.flush()
