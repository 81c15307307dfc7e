"""Puts this worker's viewers by match into the store: what has changed, and what would not be fresh any more. Siblings are no
viewers; who sees the past is one.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterable

from gateway.bus.errors import BusError
from gateway.bus.presence import Presence
from gateway.edge.context import Context
from gateway.edge.hub import Hub
from gateway.edge.live import Live
from gateway.model.deadlines import Deadlines
from gateway.model.names import kind_of
from gateway.observe.log import logger

KIND = "match"
SLICE = 100
"""Channels that are counted before others have their turn."""
STALE_TICK_MS = 1000
UNSURE = -1
"""What the store has of a channel when a put has failed: anything."""


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
        self._told: dict[str, int] = {}
        """What the store has of us."""
        self._changed: set[str] = set()
        self._rewinding: dict[str, int] = {}
        self._stale: Deadlines[str] = Deadlines(STALE_TICK_MS)
        """When what was told is to be told again."""
        hub.viewers_changed = self._on_changed

    def _on_changed(self, name: str) -> None:
        if kind_of(name) == KIND:
            self._changed.add(name)

    async def run(self) -> None:
        """Puts counts; a store that is away gets the next ones."""
        while True:
            await asyncio.sleep(self._every_s)
            counts = await self._due()
            try:
                known = await self._presence.put(self._member, counts, self._context.now_ms())
            except BusError as error:
                logger.info("presence_not_put", error=type(error).__name__)
                self._forget(counts)
                continue
            self._told.update(counts)
            for name, count in counts.items():
                if count:
                    self._stale.no_later(name, self._now_ms() + self._presence.fresh_ms // 2)
                else:
                    del self._told[name]
            if not known:
                # It has lost what it had, or it is our first time.
                self._forget(self._told.keys() - counts.keys())

    def _forget(self, names: Iterable[str]) -> None:
        """The store may have anything of these."""
        self._told.update(dict.fromkeys(names, UNSURE))
        self._changed.update(names)

    def _now_ms(self) -> int:
        return int(self._context.loop.time() * 1000)

    async def _due(self) -> dict[str, int]:
        """The counts that are to be put now."""
        rewinding = {name: count for name, count in self._live.rewinding().items() if kind_of(name) == KIND}
        names = self._changed | rewinding.keys() | self._rewinding.keys()
        self._changed, self._rewinding = set(), rewinding
        stale = set()
        while (name := self._stale.pop(self._now_ms())) is not None:
            stale.add(name)
        found: dict[str, int] = {}
        for number, name in enumerate(names | stale, start=1):
            if number % SLICE == 0:
                await asyncio.sleep(0)
            seat = self._hub.seats.get(name)
            count = (seat.people if seat is not None else 0) + rewinding.get(name, 0)
            if count != self._told.get(name, 0) or (count and name in stale):
                found[name] = count
        return found
