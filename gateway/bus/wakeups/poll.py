"""An adaptive poll: where neither blocking nor notifications will do. Finds what changed by XREAD COUNT 1 over many keys."""

from __future__ import annotations

import asyncio
from typing import Any

import redis.asyncio as redis

from gateway.bus.wakeups.base import Stirred
from gateway.model.names import channel_of

MIN_S = 0.005
MAX_S = 0.1
KEYS = 500
"""Keys of one XREAD."""


class Poll:
    """Asks again and again: sooner after a find, later after none."""

    name = "poll"

    def __init__(self, client: redis.Redis, bus: Stirred, reason: str) -> None:
        self.reason = reason
        self._client = client
        self._bus = bus

    async def run(self) -> None:
        """Runs until the connection is lost."""
        pause_s = MIN_S
        while True:
            found = await self._round()
            pause_s = MIN_S if found else min(MAX_S, pause_s * 1.5)
            await asyncio.sleep(pause_s)

    async def _round(self) -> bool:
        followed = list(self._bus.followed.values())
        changed: list[str] = []
        for start in range(0, len(followed), KEYS):
            streams: dict[Any, Any] = {
                one.key: str(one.position) if one.position is not None else "0-0"
                for one in followed[start : start + KEYS]
            }
            answer: Any = await self._client.xread(streams, count=1)
            changed += [name for key, _ in answer or [] if (name := channel_of(key.decode())) is not None]
        if changed:
            await self._bus.read_now(changed)
        return bool(changed)

    def added(self, channel: str) -> None:
        """A channel is followed from now on."""

    def removed(self, channel: str) -> None:
        """A channel is followed no more."""

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.aclose()
