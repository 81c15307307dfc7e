"""Folds every channel of the store, for the roles that derive something from documents. Discovers channels by itself.

Owns the followed channels' documents; who is interested is told of every change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.bus.base import Bus
from gateway.bus.errors import BusError
from gateway.bus.loading import load
from gateway.bus.publisher import Publisher
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.entry import Entry
from gateway.observe.log import logger

DISCOVER_EVERY_S = 2.0
LOADING_AT_ONCE = 16


class Interested(Protocol):
    """Who derives something from the documents."""

    def on_change(self, channel: Channel) -> None:
        """The document has moved."""
        ...


class Folder:
    """Follows and folds all channels that `wanted` names.

    Args:
        now_ms: the wall clock.
    """

    def __init__(
        self,
        bus: Bus,
        publisher: Publisher,
        limits: ChannelLimits,
        interested: list[Interested],
        wanted: Callable[[str], bool],
        now_ms: Callable[[], int],
    ) -> None:
        self.channels: dict[str, Channel] = {}
        self._bus = bus
        self._publisher = publisher
        self._limits = limits
        self._interested = interested
        self._wanted = wanted
        self._now_ms = now_ms
        self._busy: set[str] = set()

    async def discover_forever(self) -> None:
        """Finds new channels until cancelled."""
        while True:
            try:
                found = {name async for name in self._publisher.channels() if self._wanted(name)}
                fresh = [name for name in found if name not in self.channels and name not in self._busy]
                gate = asyncio.Semaphore(LOADING_AT_ONCE)
                await asyncio.gather(*(self._open(name, gate) for name in fresh))
            except BusError as error:
                logger.info("channels_not_found", error=type(error).__name__)
            await asyncio.sleep(DISCOVER_EVERY_S)

    async def _open(self, name: str, gate: asyncio.Semaphore) -> None:
        self._busy.add(name)
        try:
            async with gate:
                channel = await load(
                    self._bus,
                    name,
                    lambda: Channel(name, self._limits, ring=False),
                    lambda frame: Channel.from_keyframe(frame, name, self._limits, ring=False),
                    self._fold,
                    lambda _channel: None,
                )
        except BusError as error:
            logger.info("channel_not_loaded", channel=name, error=type(error).__name__)
            return
        finally:
            self._busy.discard(name)
        self.channels[name] = channel
        self._bus.follow(name, channel.position, self)
        self._tell(channel)

    def _fold(self, channel: Channel, entries: list[Entry]) -> None:
        now_ms = self._now_ms()
        for entry in entries:
            channel.fold(entry, now_ms if entry.t_ms is None else min(now_ms, entry.t_ms))

    def _tell(self, channel: Channel) -> None:
        for one in self._interested:
            one.on_change(channel)

    # -- bus.Sink ----------------------------------------------------------------------------------------------

    def on_entries(self, channel: str, entries: list[Entry]) -> None:
        """Folds; a gap makes the channel be read anew."""
        known = self.channels.get(channel)
        if known is None:
            return
        now_ms = self._now_ms()
        gap = False
        for entry in entries:
            gap = known.fold(entry, now_ms).gap or gap
        if gap:
            self.on_confirm_failed(channel)
        else:
            self._tell(known)

    def on_confirm_failed(self, channel: str) -> None:
        """Another history: the next discovery reads it."""
        self._bus.unfollow(channel)
        self.channels.pop(channel, None)

    def on_store(self, connected: bool) -> None:
        """Nothing is derived while the store is away."""

    def on_broken(self, channel: str, reason: str) -> None:
        """Left alone; the owner reports it."""
        self._bus.unfollow(channel)
