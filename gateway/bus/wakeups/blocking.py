"""One blocking XREAD over all followed channels: the least moving parts, good for few channels; O(keys) on every wake-up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import redis.asyncio as redis
from redis import exceptions

from gateway.bus.tails import Tails
from gateway.bus.wakeups.base import Unsuitable
from gateway.bus.wakeups.keys import after, changed, sort_out

BLOCK_MS = 100
"""How long one XREAD waits, and so how long a channel added meanwhile may wait for its first wake-up."""


class Blocking:
    """Waits in XREAD BLOCK for the first entry of any channel.

    Args:
        limit: channels beyond which polling is cheaper.
    """

    name = "blocking"

    def __init__(self, client: redis.Redis, tails: Tails, reason: str, limit: int | None = None) -> None:
        self.reason = reason
        self._limit = limit
        self._client = client
        self._tails = tails
        self._added = asyncio.Event()

    async def run(self) -> None:
        """Runs until the connection is lost."""
        while True:
            if self._limit is not None and len(self._tails.followed) > self._limit:
                raise Unsuitable("poll", f"more than {self._limit} channels are too many for one blocking read")
            self._added.clear()
            streams = after(self._tails.followed.values())
            if not streams:
                # Broken channels are read again by the net.
                await self._wait_for_channel()
                continue
            try:
                answer: Any = await self._client.xread(streams, count=1, block=BLOCK_MS)
            except exceptions.ResponseError as error:
                await sort_out(self._tails, error)
                continue
            if names := changed(answer):
                # Read before waiting again, or XREAD would return the same entries at once.
                await self._tails.read_now(names)

    async def _wait_for_channel(self) -> None:
        try:
            await asyncio.wait_for(self._added.wait(), BLOCK_MS / 1000)
        except TimeoutError:
            return

    def added(self, channel: str) -> None:
        """The next XREAD has it."""
        self._added.set()

    def removed(self, channel: str) -> None:
        """The next XREAD has it no more."""

    async def missed(self, channels: Sequence[str]) -> None:
        """Nothing is wrong: the net was sooner."""

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.aclose()
