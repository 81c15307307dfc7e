"""An adaptive poll: where neither blocking nor notifications will do. Finds what changed by XREAD COUNT 1 over many keys,
or, where one command may not have keys of several nodes, by reading the tails themselves in pipelines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Any

import redis.asyncio as redis
from redis import exceptions

from gateway.bus.tails import Tails
from gateway.bus.wakeups.keys import after, changed, sort_out

MIN_S = 0.005
MAX_S = 0.1
KEYS = 500
"""Keys of one XREAD."""


class Poll:
    """Asks again and again: sooner after a find, later after none.

    Args:
        client: None reads the tails instead of asking by XREAD.
    """

    name = "poll"

    def __init__(self, client: redis.Redis | None, tails: Tails, reason: str) -> None:
        self.reason = reason
        self._client = client
        self._tails = tails

    async def run(self) -> None:
        """Runs until the connection is lost."""
        loop = asyncio.get_running_loop()
        pause_s = MIN_S
        while True:
            began_s = loop.time()
            found = await (self._ask(self._client) if self._client is not None else self._read())
            pause_s = MIN_S if found else min(MAX_S, pause_s * 1.5)
            # Asking takes at most half of the time, however many channels there are.
            await asyncio.sleep(max(pause_s, loop.time() - began_s))

    async def _ask(self, client: redis.Redis) -> bool:
        streams = after(self._tails.followed.values())
        keys = iter(streams.items())
        names: list[str] = []
        while some := dict(islice(keys, KEYS)):
            try:
                answer: Any = await client.xread(some, count=1)
            except exceptions.ResponseError as error:
                await sort_out(self._tails, error)
                return True
            names += changed(answer)
        if names:
            await self._tails.read_now(names)
        return bool(names)

    async def _read(self) -> bool:
        return bool(await self._tails.read_now(list(self._tails.followed)))

    def added(self, channel: str) -> None:
        """The next round has it."""

    def removed(self, channel: str) -> None:
        """The next round has it no more."""

    async def missed(self, channels: Sequence[str]) -> None:
        """Nothing is wrong: the net was sooner."""

    async def close(self) -> None:
        """Closes the connection."""
        if self._client is not None:
            await self._client.aclose()
