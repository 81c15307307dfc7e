"""A sink that keeps all that it is told, and lets a test wait for it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

from gateway.model.entry import Entry
from gateway.model.version import Position
from tests.patience import PATIENCE_S


class Seen:
    """Implements bus.Sink."""

    def __init__(self) -> None:
        self.entries: dict[str, list[Entry]] = defaultdict(list)
        self.arrived_s: dict[str, list[float]] = defaultdict(list)
        self.failed: list[str] = []
        self.broken: list[tuple[str, str]] = []
        self.connected: list[bool] = []
        self._told = asyncio.Event()

    def on_entries(self, channel: str, entries: list[Entry]) -> None:
        now_s = asyncio.get_running_loop().time()
        self.entries[channel] += entries
        self.arrived_s[channel] += [now_s] * len(entries)
        self._told.set()

    def on_confirm_failed(self, channel: str) -> None:
        self.failed.append(channel)
        self._told.set()

    def on_store(self, connected: bool) -> None:
        self.connected.append(connected)
        self._told.set()

    def on_broken(self, channel: str, reason: str) -> None:
        self.broken.append((channel, reason))
        self._told.set()

    def raw(self, channel: str) -> list[bytes]:
        """What the channel's entries carry, in the order of arrival."""
        return [entry.raw for entry in self.entries[channel]]

    def positions(self, channel: str) -> list[Position]:
        """Where they were, in the order of arrival."""
        return [entry.position for entry in self.entries[channel]]

    async def until(self, condition: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
        """Waits until `condition()` is true; it is looked at whenever the sink was told something."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._told.clear()
                await self._told.wait()
