"""How long streams of what is over are kept: trimmed to their last entry, later gone, so that a store does not grow for ever.

A match that has ended is trimmed when the history has every entry of it and the store has its keyframe; a board's own stream
when the board has been quiet. What is left is enough to serve the document, and to count boards anew with the history.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice

from gateway.aggregate.boards.past import Past
from gateway.bus.base import Bus, StreamInfo
from gateway.bus.errors import BusError
from gateway.bus.loading import newest_confirmed
from gateway.bus.publisher import Publisher
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.names import kind_of
from gateway.model.rules import ENDED
from gateway.model.version import Position
from gateway.observe import metrics
from gateway.observe.log import logger

LOOK_EVERY_S = 5.0
AT_ONCE = 50
"""Channels of one look: each costs some reads of the store and of the history."""
AGAIN_MS = 60_000
"""When a channel is looked at again that could not be trimmed."""
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """How long.

    Args:
        trim_after_s: seconds after the last entry; 0: never.
        kept_days: days after which the stream of a match that has ended is deleted.
    """

    trim_after_s: float
    kept_days: int


class Retention:
    """Trims and deletes the streams of this process's channels.

    Args:
        channels: their documents.
        let_go: has readers forget a channel whose stream is about to be deleted.
        now_ms: the wall clock.
    """

    def __init__(
        self,
        bus: Bus,
        publisher: Publisher,
        past: Past,
        limits: ChannelLimits,
        plan: RetentionPlan,
        channels: Mapping[str, Channel],
        let_go: Callable[[str], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._bus = bus
        self._publisher = publisher
        self._past = past
        self._limits = limits
        self._plan = plan
        self._channels = channels
        self._let_go = let_go
        self._now_ms = now_ms
        self._trimmed: dict[str, Position] = {}
        self._again_ms: dict[str, int] = {}

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except BusError as error:
                logger.info("streams_not_trimmed", error=type(error).__name__)

    async def look(self) -> None:
        """Does what is due, a part of it at a time.

        Raises:
            BusError
        """
        self._trimmed = {name: position for name, position in self._trimmed.items() if name in self._channels}
        self._again_ms = {name: ms for name, ms in self._again_ms.items() if name in self._channels}
        now_ms = self._now_ms()
        due = (channel for channel in self._channels.values() if self._is_due(channel, now_ms))
        for channel in list(islice(due, AT_ONCE)):
            name, position = channel.name, channel.position
            assert position is not None
            self._again_ms[name] = now_ms + AGAIN_MS
            if self._trimmed.get(name) == position:
                await self._delete(name, position)
            elif await self._trim(name, position):
                self._trimmed[name] = position
                del self._again_ms[name]

    def _is_due(self, channel: Channel, now_ms: int) -> bool:
        kind = kind_of(channel.name)
        if kind not in ("match", "board") or channel.position is None or now_ms < self._again_ms.get(channel.name, 0):
            return False
        if now_ms - channel.arrived_ms < self._plan.trim_after_s * 1000:
            return False
        if kind == "match" and channel.status_word != ENDED:
            return False
        return self._trimmed.get(channel.name) != channel.position or self._is_old(channel, now_ms)

    def _is_old(self, channel: Channel, now_ms: int) -> bool:
        """Whether it may be deleted, when it is trimmed: then the history has it."""
        if kind_of(channel.name) != "match" or not self._past.kept:
            return False
        return now_ms - channel.arrived_ms > self._plan.kept_days * DAY_MS

    async def _trim(self, name: str, position: Position) -> bool:
        """Whether nothing but the last entry is left."""
        info = await self._bus.tail(name)
        if info is None or info.last_generated != position:
            return False
        if info.length <= 1:
            return True
        if not await self._is_kept(name, info, position):
            return False
        trimmed = await self._publisher.trim(name, position)
        metrics.ENTRIES_TRIMMED.inc(trimmed)
        logger.debug("stream_trimmed", channel=name, entries=trimmed)
        return True

    async def _is_kept(self, name: str, info: StreamInfo, position: Position) -> bool:
        """Whether the last entry, the keyframe there and the history are all that the channel needs."""
        keyframe = await newest_confirmed(self._bus, name, info, self._restore)
        if keyframe is None or keyframe.position != position:
            return False
        return kind_of(name) != "match" or await self._past.has_all(name, info)

    def _restore(self, frame: bytes, name: str) -> Channel:
        return Channel.from_keyframe(frame, name, self._limits, ring=False)

    async def _delete(self, name: str, position: Position) -> None:
        self._let_go(name)
        if await self._publisher.delete(name, position):
            metrics.STREAMS_DELETED.inc()
            logger.info("stream_deleted", channel=name, why="it has ended long ago")
