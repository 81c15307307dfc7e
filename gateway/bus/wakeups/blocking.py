"""One blocking XREAD over all followed channels: the least moving parts, good for few channels; O(keys) on every wake-up."""

from __future__ import annotations

import asyncio
from typing import Any

import redis.asyncio as redis

from gateway.bus.wakeups.base import Stirred
from gateway.model.names import channel_of

BLOCK_MS = 100
"""How long one XREAD waits, and so how long a channel added meanwhile may wait for its first wake-up."""


class Blocking:
    """Waits in XREAD BLOCK for the first entry of any channel."""

    name = "blocking"

    def __init__(self, client: redis.Redis, bus: Stirred, reason: str, limit: int | None = None) -> None:
        self.reason = reason
        self._limit = limit
        self._client = client
        self._bus = bus
        self._added = asyncio.Event()

    async def run(self) -> None:
        """Runs until the connection is lost."""
        while True:
            streams: dict[Any, Any] = {
                followed.key: str(followed.position) if followed.position is not None else "0-0"
                for followed in self._bus.followed.values()
            }
            if not streams:
                self._added.clear()
                await self._added.wait()
                continue
            answer: Any = await self._client.xread(streams, count=1, block=BLOCK_MS)
            changed = [name for key, _ in answer or [] if (name := channel_of(key.decode())) is not None]
            if changed:
                # Read before waiting again, or XREAD would return the same entries at once.
                await self._bus.read_now(changed)

    def added(self, channel: str) -> None:
        """A channel is followed from now on; beyond the limit polling is cheaper."""
        self._added.set()
        if self._limit is not None and len(self._bus.followed) > self._limit:
            self._limit = None
            self._bus.use_instead("poll", "too many channels for one blocking read")

    def removed(self, channel: str) -> None:
        """A channel is followed no more."""

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.aclose()
