"""Adds up who watches each match and publishes the number into the match's document, at most every few seconds.

The entry goes into the epoch that the document is of: a publisher that has opened a new one is never disturbed, as the store
refuses an older one's entries. Its op tells owners that it is no sign of the publisher's life.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from gateway.bus.errors import BusError, Fenced
from gateway.bus.presence import AT_ONCE, Presence
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
                for start in range(0, len(mine), AT_ONCE):
                    some = mine[start : start + AT_ONCE]
                    await self._publish(await self._presence.sums(some, self._now_ms()))
            except BusError as error:
                logger.info("viewers_not_published", error=type(error).__name__)

    async def _publish(self, counts: Mapping[str, int]) -> None:
        entries = []
        for name, count in counts.items():
            channel = self._channel(name)
            if channel is None or channel.position is None or not differs(channel.doc.get("viewers", 0), count):
                continue
            event = {"op": VIEWERS_OP, "patch": {"viewers": count}, "points": {}}
            entries.append((name, channel.position.epoch, msgspec.json.encode(event)))
        if not entries:
            return
        for (name, _, _), refused in zip(
            entries, await self._publisher.append_each(entries, self._now_ms()), strict=True
        ):
            # Fenced: a new epoch has begun; its document has its own viewers in a moment.
            if refused is not None and not isinstance(refused, Fenced):
                logger.info("viewers_not_published", channel=name, error=type(refused).__name__)


def differs(shown: object, count: int) -> bool:
    """Whether a count is worth an entry: it differs from the one shown by more than a fiftieth, or at all if that is small."""
    if type(shown) is not int or not count or not shown:
        return shown != count
    return abs(count - shown) * 50 > shown
