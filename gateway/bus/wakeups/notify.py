"""Keyspace notifications for stream events (`notify-keyspace-events` with K and t): one message for each change, any number
of channels. The store may promise them and send none: what the net finds unannounced is held against it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import redis.asyncio as redis
from redis import exceptions

from gateway.bus.ending import until_one_fails
from gateway.bus.errors import Unavailable
from gateway.bus.tails import Tails
from gateway.bus.wakeups.base import Unsuitable
from gateway.model.names import stream_key

SUBSCRIBE_BATCH = 500
SILENCE_S = 2.0
"""Silence after which the connection is asked whether it lives; after as much again it is given up."""
STRIKES = 2
"""Rounds of the net that find what was not announced, without any announcement meanwhile."""


class Notify:
    """Subscribes to exactly the followed keys.

    Args:
        instead: the method where this one does not work.
    """

    name = "notify"

    def __init__(self, client: redis.Redis, tails: Tails, database: int, reason: str, instead: str) -> None:
        self.reason = reason
        self._client = client
        self._tails = tails
        self._instead = instead
        self._prefix = f"__keyspace@{database}__:"
        self._pubsub = client.pubsub()
        self._wanted: deque[tuple[str, bool]] = deque()
        self._changed = asyncio.Event()
        self._channels: dict[bytes, str] = {}
        self._suspects: set[str] = set()
        self._strikes = 0

    async def run(self) -> None:
        """Runs until the connection is lost."""
        # A subscription that never fires keeps the connection in subscriber mode while no channel is followed.
        await self._pubsub.subscribe(f"{self._prefix}grandstand:none")
        self._wanted.clear()
        self._wanted.extend((channel, True) for channel in self._tails.followed)
        self._changed.set()
        try:
            await until_one_fails(self._listen(), self._subscribe())
        except exceptions.NoPermissionError as error:
            raise Unsuitable(self._instead, f"SUBSCRIBE is not permitted ({error})") from error

    async def _listen(self) -> None:
        asked = False
        while True:
            message = await self._pubsub.get_message(timeout=SILENCE_S)
            if message is None:
                if asked:
                    raise Unavailable("no answer on the connection for notifications")
                asked = True
                await self._pubsub.ping()
                continue
            asked = False
            kind = message["type"]
            if kind == "message":
                self._heard(message["channel"])
            elif kind == "subscribe":
                self._subscribed(message["channel"])
            elif kind == "pong" and message["data"]:
                self._judge()

    def _heard(self, key: bytes) -> None:
        channel = self._channels.get(key)
        if channel is not None:
            self._strikes = 0
            self._suspects.clear()
            self._tails.announce(channel)

    def _subscribed(self, key: bytes) -> None:
        """What came before the subscription took effect was not announced: it is now."""
        channel = key.decode()[len(self._prefix) + len("live:{") : -1]
        if channel in self._tails.followed:
            self._channels[key] = channel
            self._tails.announce(channel)

    def _judge(self) -> None:
        """The answer to a ping sent after a find: an announcement of it would have come before."""
        if self._suspects:
            self._suspects.clear()
            self._strikes += 1
        if self._strikes >= STRIKES:
            raise Unsuitable("poll", f"{self.reason}, but entries came without a notification")

    async def _subscribe(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._wanted:
                batch: dict[str, bool] = {}
                while self._wanted and len(batch) < SUBSCRIBE_BATCH:
                    channel, wanted = self._wanted.popleft()
                    batch[self._prefix + stream_key(channel)] = wanted
                if on := [key for key, wanted in batch.items() if wanted]:
                    await self._pubsub.subscribe(*on)
                if off := [key for key, wanted in batch.items() if not wanted]:
                    await self._pubsub.unsubscribe(*off)

    def added(self, channel: str) -> None:
        """It is subscribed to."""
        self._wanted.append((channel, True))
        self._changed.set()

    def removed(self, channel: str) -> None:
        """It is not subscribed to any more."""
        self._channels.pop((self._prefix + stream_key(channel)).encode(), None)
        self._wanted.append((channel, False))
        self._changed.set()

    async def missed(self, channels: Sequence[str]) -> None:
        """Asks the store to answer behind all its notifications; those for these entries come before, or never."""
        subscribed = set(self._channels.values()).intersection(channels)
        if subscribed and not self._suspects:
            self._suspects = subscribed
            await self._pubsub.ping("judge")

    async def close(self) -> None:
        """Closes the connection."""
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        await self._client.aclose()
