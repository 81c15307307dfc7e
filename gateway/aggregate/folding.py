"""The sink that folds: channels' documents, for all that derive something from them. Begins from a keyframe where one fits.

Owns the documents of this process's channels; who is interested is told of every change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.aggregate.sink import Start
from gateway.bus.base import Bus
from gateway.bus.errors import BusError, NoSuchStream
from gateway.bus.loading import newest_confirmed
from gateway.model.channel import Channel, ChannelLimits, Folded
from gateway.model.entry import Entry
from gateway.model.version import Position
from gateway.observe.log import logger

OPENING_AT_ONCE = 16


class Interested(Protocol):
    """Who derives something from the documents."""

    def on_change(self, channel: Channel, steps: list[tuple[Entry, Folded]]) -> None:
        """The document has moved by these entries; none when it was only begun."""
        ...

    def on_close(self, channel: str) -> None:
        """The channel is another process's now, or is read anew."""
        ...


class Folding:
    """Folds what it is given, at once: it has no backlog of its own.

    Args:
        now_ms: the wall clock.
    """

    name = "folding"
    backlog_max = 1
    backlog = 0

    def __init__(
        self, bus: Bus, limits: ChannelLimits, interested: list[Interested], now_ms: Callable[[], int]
    ) -> None:
        self.channels: dict[str, Channel] = {}
        self._bus = bus
        self._limits = limits
        self._interested = interested
        self._now_ms = now_ms
        self._old: dict[str, Position] = {}

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
                channel, last = await newest_confirmed(
                    self._bus, name, lambda frame: Channel.from_keyframe(frame, name, self._limits, ring=False)
                )
        except NoSuchStream:
            return None
        except BusError as error:
            logger.info("channel_not_opened", channel=name, error=type(error).__name__)
            return None
        self._old[name] = last
        if channel is None:
            self.channels[name] = Channel(name, self._limits, ring=False)
            return Start()
        self.channels[name] = channel
        self._tell(channel, [])
        return Start(channel.position, channel.keyframe_entry_digest)

    def _tell(self, channel: Channel, steps: list[tuple[Entry, Folded]]) -> None:
        for one in self._interested:
            one.on_change(channel, steps)

    def take(self, channel: str, entries: list[Entry]) -> None:
        """Folds; an entry from before the opening counts as arrived at its stamp."""
        known = self.channels[channel]
        now_ms = self._now_ms()
        old = self._old.get(channel)
        steps = []
        for entry in entries:
            stamped = old is not None and entry.t_ms is not None and entry.position <= old
            arrived_ms = min(now_ms, entry.t_ms) if stamped and entry.t_ms is not None else now_ms
            steps.append((entry, known.fold(entry, arrived_ms)))
        self._tell(known, steps)

    def history_lost(self, channel: str) -> None:
        """The document is begun anew."""
        self.close(channel)

    def close(self, channel: str) -> None:
        """The document is let go."""
        self.channels.pop(channel, None)
        self._old.pop(channel, None)
        for one in self._interested:
            one.on_close(channel)

    async def run(self) -> None:
        """Nothing is left to be done later."""
        await asyncio.Event().wait()

    async def flush(self) -> None:
        """Nothing is left to be done later."""
