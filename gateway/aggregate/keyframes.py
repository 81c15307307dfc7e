"""Writes a channel's keyframe now and then, so that owners need not read its whole stream.

The only writer of `snap:` keys; a process that does not know yet that it lost its lease writes the same content.
"""

from __future__ import annotations

import asyncio
import time

from gateway.bus.errors import BusError
from gateway.bus.publisher import Publisher
from gateway.model.channel import Channel, Folded
from gateway.model.entry import Entry
from gateway.model.version import Position
from gateway.observe import metrics
from gateway.observe.log import logger

WRITE_EVERY_S = 0.5
WRITE_AT_ONCE = 20


class Keyframes:
    """Writes keyframes of what has changed.

    Args:
        every_entries: entries of a channel after which its keyframe is due.
        every_s: seconds after which it is due when anything has changed.
    """

    def __init__(self, publisher: Publisher, every_entries: int, every_s: float) -> None:
        self._publisher = publisher
        self._every_entries = every_entries
        self._every_s = every_s
        self._written: dict[str, tuple[Position, float]] = {}
        self._changed: dict[str, Channel] = {}

    def on_change(self, channel: Channel, steps: list[tuple[Entry, Folded]]) -> None:
        """The channel's keyframe is older than its document."""
        if steps:
            self._changed[channel.name] = channel
        elif channel.position is not None:
            self._written[channel.name] = (channel.position, time.monotonic())

    def on_close(self, channel: str) -> None:
        """Its keyframes are another process's duty."""
        self._changed.pop(channel, None)
        self._written.pop(channel, None)

    def due(self, channel: Channel, now_s: float) -> bool:
        """Whether the channel's keyframe is to be written now."""
        assert channel.position is not None
        position, written_s = self._written.get(channel.name, (None, 0.0))
        if position is None or position.epoch != channel.position.epoch:
            return True
        return channel.position.seq - position.seq >= self._every_entries or now_s - written_s >= self._every_s

    async def write_forever(self) -> None:
        """Writes what is due, twice a second, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            now_s = time.monotonic()
            due = [
                channel
                for channel in self._changed.values()
                if channel.position is not None and self.due(channel, now_s)
            ]
            try:
                for start in range(0, len(due), WRITE_AT_ONCE):
                    await self._write(due[start : start + WRITE_AT_ONCE], now_s)
            except BusError as error:
                logger.info("keyframes_not_written", error=type(error).__name__)

    async def _write(self, channels: list[Channel], now_s: float) -> None:
        positions = {channel.name: channel.position for channel in channels}
        refused = await self._publisher.write_keyframes({channel.name: channel.keyframe() for channel in channels})
        for channel in channels:
            if (error := refused.get(channel.name)) is not None:
                logger.info("keyframe_not_written", channel=channel.name, error=type(error).__name__)
                continue
            metrics.KEYFRAMES.inc()
            position = positions[channel.name]
            if position is not None and self._changed.get(channel.name) is channel:
                self._written[channel.name] = (position, now_s)
                if channel.position == position:
                    del self._changed[channel.name]
