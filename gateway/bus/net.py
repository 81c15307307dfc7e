"""The net below every wake-up method: reads each channel about once a second, so that its history is confirmed and what
no wake-up told of is found; one that was read meanwhile waits for the next round. Beyond 2,000 channels it takes longer for
a round, and no more of the store's time.
"""

from __future__ import annotations

import asyncio
from collections import deque

from gateway.bus.tails import Tails
from gateway.bus.wakeups.base import Wakeup

EVERY_S = 0.1
ROUND_S = 1.0
SHARE_MAX = 20
"""Channels that are read at once; of more than 2,000 a hundredth."""


class Net:
    """Reads channels in turn.

    Args:
        tails: what is followed.
    """

    def __init__(self, tails: Tails) -> None:
        self.method: Wakeup | None = None
        self._tails = tails

    async def run(self) -> None:
        """Runs until the store cannot be read, which it raises."""
        loop = asyncio.get_running_loop()
        queue: deque[str] = deque()
        round_s = loop.time()
        while True:
            await asyncio.sleep(EVERY_S)
            if not queue and loop.time() - round_s >= ROUND_S:
                round_s = loop.time()
                queue.extend(self._tails.unread_since(round_s - ROUND_S))
            if not queue:
                continue
            many = len(self._tails.followed)
            share = max(min(SHARE_MAX, 1 + many // 10), many // 100)
            found = await self._tails.read_now([queue.popleft() for _ in range(min(share, len(queue)))])
            missed = [channel for channel, announced in found.items() if not announced]
            if missed and self.method is not None:
                await self.method.missed(missed)
