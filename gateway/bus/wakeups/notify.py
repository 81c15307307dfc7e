"""Keyspace notifications for stream events (`notify-keyspace-events` with K and t): one message for each change, any number
of channels. The store may promise them and send none: what the net finds unannounced is held against it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import redis.asyncio as redis

from gateway.bus.errors import BusError, NotPermitted, Unavailable
from gateway.bus.tails import Tails
from gateway.bus.wakeups.base import Unsuitable
from gateway.bus.wire import Wire, command, reply_of
from gateway.model.names import stream_key
from native.replies import Announcements

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
        self._channels: dict[bytes, str] = {}
        self._wire = Wire(client, Announcements(self._channels, reply_of), self._take, self._lost)
        self._over: asyncio.Future[None] | None = None
        self._wanted: deque[tuple[str, bool]] = deque()
        self._unanswered = 0
        self._heard_any = False
        self._suspects: set[str] = set()
        self._strikes = 0

    async def run(self) -> None:
        """Runs until the connection is lost."""
        over = self._over = asyncio.get_running_loop().create_future()
        await self._wire.connect()
        # A subscription that never fires keeps the connection in subscriber mode while no channel is followed.
        self._unanswered = 1
        self._wire.write(command(b"SUBSCRIBE", f"{self._prefix}grandstand:none".encode()))
        self._wanted.clear()
        self._wanted.extend((channel, True) for channel in self._tails.followed)
        asked = False
        while True:
            self._heard_any = False
            await asyncio.wait([over], timeout=SILENCE_S)
            if over.done():
                over.result()
            if self._heard_any:
                asked = False
            elif asked:
                raise Unavailable("no answer on the connection for notifications")
            else:
                asked = True
                self._wire.write(command(b"PING"))

    def _take(self, replies: list[Any]) -> None:
        """What the store has sent: channels that changed, and answers."""
        self._heard_any = True
        changed = [reply for reply in replies if type(reply) is str]
        if changed:
            self._tails.announce(changed)
            if self._suspects or self._strikes:
                self._strikes = 0
                self._suspects.clear()
        if len(changed) < len(replies):
            for reply in replies:
                if reply is not None and type(reply) is not str:
                    self._answer(reply)

    def _answer(self, reply: Any) -> None:
        if isinstance(reply, BusError):
            self._refused(reply)
            return
        kind = reply[0]
        if kind == b"subscribe":
            self._subscribed(reply[1])
            self._answered()
        elif kind == b"unsubscribe":
            self._answered()
        elif kind == b"pong" and reply[1]:
            self._judge()

    def _subscribed(self, key: bytes) -> None:
        """What came before the subscription took effect was not announced: it is now."""
        channel = key.decode()[len(self._prefix) + len("live:{") : -1]
        if channel in self._tails.followed:
            self._channels[key] = channel
            self._tails.announce([channel])

    def _judge(self) -> None:
        """The answer to a ping sent after a find: an announcement of it would have come before."""
        if self._suspects:
            self._suspects.clear()
            self._strikes += 1
        if self._strikes >= STRIKES:
            self._end(Unsuitable("poll", f"{self.reason}, but entries came without a notification"))

    def _answered(self) -> None:
        """Goes on with what is wanted when the batch before is answered, so that neither side is held by thousands at once."""
        self._unanswered -= 1
        if self._unanswered or not self._wanted or not self._wire.open:
            return
        batch: dict[str, bool] = {}
        while self._wanted and len(batch) < SUBSCRIBE_BATCH:
            channel, wanted = self._wanted.popleft()
            batch[self._prefix + stream_key(channel)] = wanted
        for name, wants in ((b"SUBSCRIBE", True), (b"UNSUBSCRIBE", False)):
            if keys := [key.encode() for key, wanted in batch.items() if wanted is wants]:
                self._unanswered += len(keys)
                self._wire.write(command(name, *keys))

    def _want(self, channel: str, wanted: bool) -> None:
        self._wanted.append((channel, wanted))
        if not self._unanswered and self._wire.open:
            self._unanswered = 1
            self._answered()

    def added(self, channel: str) -> None:
        """It is subscribed to."""
        self._want(channel, True)

    def removed(self, channel: str) -> None:
        """It is not subscribed to any more."""
        self._channels.pop((self._prefix + stream_key(channel)).encode(), None)
        self._want(channel, False)

    async def missed(self, channels: Sequence[str]) -> None:
        """Asks the store to answer behind all its notifications; those for these entries come before, or never."""
        subscribed = set(self._channels.values()).intersection(channels)
        if subscribed and not self._suspects and self._wire.open:
            self._suspects = subscribed
            self._wire.write(command(b"PING", b"judge"))

    def _refused(self, error: BusError) -> None:
        if isinstance(error, NotPermitted):
            self._end(Unsuitable(self._instead, f"SUBSCRIBE is not permitted ({error})"))
        else:
            self._end(error)

    def _lost(self) -> None:
        self._end(Unavailable("the connection for notifications was lost"))

    def _end(self, error: Exception) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_exception(error)

    async def close(self) -> None:
        """Closes the connection."""
        if self._over is not None and self._over.done():
            self._over.exception()
        await self._wire.close()
        await self._client.aclose()
