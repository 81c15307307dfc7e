"""Keyspace notifications for stream events (`notify-keyspace-events` with K and t): one message for each change, any number
of channels. Messages can be lost, so a net reads every channel now and then, which also confirms its history.
"""

from __future__ import annotations

import asyncio
from collections import deque

import redis.asyncio as redis

from gateway.bus.wakeups.base import Stirred
from gateway.model.names import channel_of, stream_key

NET_EVERY_S = 0.1
NET_MIN = 20
"""Channels that the net reads each time; with more than 200 channels a hundredth of them."""
SUBSCRIBE_BATCH = 500
SILENT_FINDS = 3
"""Entries found by the net, without a single notification ever: notifications are off."""


class Notify:
    """Subscribes to exactly the followed keys."""

    name = "notify"

    def __init__(self, client: redis.Redis, bus: Stirred, database: int, reason: str) -> None:
        self.reason = reason
        self._client = client
        self._bus = bus
        self._prefix = f"__keyspace@{database}__:"
        self._pubsub = client.pubsub()
        self._wanted: deque[tuple[str, bool]] = deque()
        self._changed = asyncio.Event()
        self._heard = 0
        self._silent_finds = 0

    async def run(self) -> None:
        """Runs until the connection is lost."""
        # A subscription that never fires keeps the connection in subscriber mode while no channel is followed.
        await self._pubsub.subscribe(f"{self._prefix}grandstand:none")
        for channel in list(self._bus.followed):
            self._wanted.append((channel, True))
        self._changed.set()
        tasks = [asyncio.ensure_future(work) for work in (self._listen(), self._subscribe(), self._net())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            message = await self._pubsub.get_message(timeout=None)
            if message is None:
                continue
            name = channel_of(message["channel"].decode()[len(self._prefix) :])
            if name is None:
                continue
            if message["type"] == "message":
                self._heard += 1
                self._bus.stir([name])
            elif message["type"] == "subscribe":
                # What came before the subscription took effect was not announced.
                self._bus.stir([name])

    async def _subscribe(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._wanted:
                batch: dict[str, bool] = {}
                while self._wanted and len(batch) < SUBSCRIBE_BATCH:
                    channel, wanted = self._wanted.popleft()
                    batch[self._prefix + stream_key(channel)] = wanted
                on = [key for key, wanted in batch.items() if wanted]
                off = [key for key, wanted in batch.items() if not wanted]
                if on:
                    await self._pubsub.subscribe(*on)
                if off:
                    await self._pubsub.unsubscribe(*off)

    async def _net(self) -> None:
        """Reads every channel now and then, a few at a time."""
        queue: deque[str] = deque()
        while True:
            await asyncio.sleep(NET_EVERY_S)
            if not queue:
                queue.extend(self._bus.followed)
            share = max(NET_MIN, len(self._bus.followed) // 100)
            names = [queue.popleft() for _ in range(min(share, len(queue)))]
            before = self._heard
            found = await self._bus.read_now(names)
            if found and before == self._heard == 0:
                self._silent_finds += 1
                if self._silent_finds >= SILENT_FINDS:
                    self._bus.use_instead("poll", "notifications were promised but none came")
                    return

    def added(self, channel: str) -> None:
        """A channel is followed from now on."""
        self._wanted.append((channel, True))
        self._changed.set()

    def removed(self, channel: str) -> None:
        """A channel is followed no more."""
        self._wanted.append((channel, False))
        self._changed.set()

    async def close(self) -> None:
        """Closes the connection."""
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        await self._client.aclose()
