"""Puts this worker's viewers by match into the store now and then. Siblings are no viewers; who sees the past is one."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter

from gateway.bus.errors import BusError
from gateway.bus.presence import Presence
from gateway.edge.context import Context
from gateway.edge.hub import Hub
from gateway.edge.live import SIBLING, Live
from gateway.model.names import kind_of
from gateway.observe.log import logger

KIND = "match"
SLICE = 100
"""Channels that are counted before others have their turn."""


class PresenceReporter:
    """Reports until cancelled.

    Args:
        every_s: seconds between two reports.
    """

    def __init__(self, context: Context, hub: Hub, live: Live, presence: Presence, every_s: float) -> None:
        self._context = context
        self._hub = hub
        self._live = live
        self._presence = presence
        self._every_s = every_s
        self._member = f"{socket.gethostname()}.{os.getpid()}.{os.urandom(3).hex()}"
        self._told: set[str] = set()

    async def run(self) -> None:
        """Puts counts; a store that is away gets the next ones."""
        while True:
            await asyncio.sleep(self._every_s)
            counts = await self.counts()
            gone = {name: 0 for name in self._told if name not in counts}
            try:
                await self._presence.put(self._member, {**counts, **gone}, self._context.now_ms())
                self._told = set(counts)
            except BusError as error:
                logger.info("presence_not_put", error=type(error).__name__)

    async def counts(self) -> dict[str, int]:
        """Viewers by match."""
        table = self._context.plane.table
        siblings: Counter[int] = Counter()
        for conn in table.connections():
            if table.tag(conn) == SIBLING:
                siblings.update(table.subscriptions(conn))
        found: Counter[str] = Counter(self._live.rewinding())
        for number, (name, seat) in enumerate(list(self._hub.seats.items()), start=1):
            if number % SLICE == 0:
                await asyncio.sleep(0)
            for outlet in seat.outlets.values():
                found[name] += outlet.viewers - sum(siblings[group] for group in outlet.groups)
        return {name: count for name, count in found.items() if count > 0 and kind_of(name) == KIND}
