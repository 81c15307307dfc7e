"""Adds up who watches each match and publishes the number into the match's document, at most every few seconds.

The entry goes into the epoch that the document is of: a publisher that has opened a new one is never disturbed, as the store
refuses an older one's entries. Its op tells owners that it is no sign of the publisher's life.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from gateway.bus.errors import BusError, Fenced
from gateway.bus.presence import Presence
from gateway.bus.publisher import Publisher
from gateway.model.channel import Channel, Folded
from gateway.model.entry import Entry
from gateway.model.names import kind_of
from gateway.model.rules import VIEWERS_OP
from gateway.observe.log import logger


class Viewers:
    """Publishes viewers.

    Args:
        channels: the documents of this process's channels.
        every_s: seconds between two entries of one match at least.
    """

    def __init__(
        self,
        presence: Presence,
        publisher: Publisher,
        channels: Callable[[str], Channel | None],
        every_s: float,
        now_ms: Callable[[], int],
    ) -> None:
        self._presence = presence
        self._publisher = publisher
        self._channel = channels
        self._every_s = every_s
        self._now_ms = now_ms
        self._shown: set[str] = set()

    def on_change(self, channel: Channel, steps: list[tuple[Entry, Folded]]) -> None:
        """Remembers whose document tells of viewers: it is told when they are gone."""
        if kind_of(channel.name) == "match" and channel.doc.get("viewers"):
            self._shown.add(channel.name)
        else:
            self._shown.discard(channel.name)

    def on_close(self, channel: str) -> None:
        """Another process's duty."""
        self._shown.discard(channel)

    async def run(self) -> None:
        """Publishes until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            try:
                watched = {*await self._presence.watched(self._now_ms()), *self._shown}
                mine = [name for name in watched if self._channel(name) is not None]
                for name, count in (await self._presence.sums(mine, self._now_ms())).items():
                    await self._publish(name, count)
            except BusError as error:
                logger.info("viewers_not_published", error=type(error).__name__)

    async def _publish(self, name: str, count: int) -> None:
        channel = self._channel(name)
        if channel is None or channel.position is None or channel.doc.get("viewers", 0) == count:
            return
        event = {"op": VIEWERS_OP, "patch": {"viewers": count}, "points": {}}
        try:
            await self._publisher.append(name, channel.position.epoch, msgspec.json.encode(event), self._now_ms())
        except Fenced:
            # A new epoch has begun; its document has its own viewers in a moment.
            return
