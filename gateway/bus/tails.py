"""The followed channels and the reading of their tails: one pipelined round trip at a time, in the order of being stirred.

Every read begins with the last entry known and so confirms the history. Owns what is known of each channel; hears of
changes from a wake-up method and connects nowhere by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import redis.asyncio as redis
from redis import exceptions

from gateway.bus.base import Sink, StreamInfo
from gateway.bus.client import mapped
from gateway.bus.errors import BusError, Unavailable, WrongType
from gateway.bus.followed import Followed
from gateway.bus.ranges import Ranges
from gateway.model.entry import Entry, entry_digest_of
from gateway.model.errors import BadVersion
from gateway.model.version import Position

READ_CHANNELS = 200
"""Channels of one read: packing and parsing more would hold the loop."""
READ_COUNT = 500
"""Entries of one channel in one read; less when many channels are read together."""
READ_ENTRIES = 5000
"""Entries of one read of all its channels, about."""
GIVE_ENTRIES = 100
"""Entries that a sink is given at once."""
GATHER_S = 0.001
"""Reads do not begin sooner after one another: what comes meanwhile is read together. After a silence nothing waits."""
HOLD_S = 0.001
"""How long sinks may work before the loop's other tasks have their turn."""


class Tails:
    """What is followed, and its one reader.

    Args:
        ranges: reads the tails.
        client: asks what a stream holds whose tail is empty; a connection of its own, so that nothing else is waited for.
        removed: told of a channel that is followed no more because its history is another one.
    """

    def __init__(self, ranges: Ranges, client: redis.Redis, removed: Callable[[str], None]) -> None:
        self.followed: dict[str, Followed] = {}
        self._ranges = ranges
        self._client = client
        self._removed = removed
        self._stirred: dict[str, None] = {}
        self._work = asyncio.Event()
        self._reading = asyncio.Lock()
        self._turn_s = 0.0

    def add(self, channel: str, after: Entry | Position | None, sink: Sink, digest: int | None = None) -> None:
        """Follows a channel, or follows it from elsewhere."""
        position = after.position if isinstance(after, Entry) else after
        followed = self.followed[channel] = Followed.of(channel, sink, position, digest)
        followed.last = after if isinstance(after, Entry) else None
        self.stir([channel])

    def remove(self, channel: str) -> bool:
        """Ends following; whether it was followed."""
        self._stirred.pop(channel, None)
        return self.followed.pop(channel, None) is not None

    def stir(self, channels: Iterable[str]) -> None:
        """These channels may have new entries."""
        self._stirred.update(dict.fromkeys(channels))
        self._work.set()

    def announce(self, channels: Iterable[str]) -> None:
        """The store says that these channels have changed."""
        follows, stirred = self.followed.get, self._stirred
        for channel in channels:
            if (followed := follows(channel)) is not None:
                followed.announced = True
                stirred[channel] = None
        if stirred and not self._work.is_set():
            self._work.set()

    def unread_since(self, since_s: float) -> list[str]:
        """The channels that were not read whole after that time of the loop's clock."""
        return [
            followed.channel
            for followed in self.followed.values()
            if followed.confirmed_s is None or followed.confirmed_s < since_s
        ]

    async def run(self) -> None:
        """Reads what is stirred, until the store cannot be read, which it raises."""
        loop = asyncio.get_running_loop()
        read_s = 0.0
        while True:
            await self._work.wait()
            wait_s = read_s + GATHER_S - loop.time()
            if wait_s > 0 and len(self._stirred) < READ_CHANNELS:
                await asyncio.sleep(wait_s)
            read_s = loop.time()
            names = list(islice(self._stirred, READ_CHANNELS))
            if names:
                await self.read_now(names)
            if not self._stirred:
                self._work.clear()

    async def read_now(self, channels: Iterable[str]) -> dict[str, bool]:
        """Reads the tails of these channels.

        Returns:
            The channels that had new entries, and whether they had been announced.

        Raises:
            Unavailable
        """
        names = list(channels)
        found: dict[str, bool] = {}
        for start in range(0, len(names), READ_CHANNELS):
            async with self._reading:
                found.update(await self._read(names[start : start + READ_CHANNELS]))
        return found

    async def _read(self, names: list[str]) -> dict[str, bool]:
        asked: list[Followed] = []
        announced: list[bool] = []
        for name in names:
            self._stirred.pop(name, None)
            if (followed := self.followed.get(name)) is not None:
                asked.append(followed)
                announced.append(followed.announced)
                followed.announced = False
        if not asked:
            return {}
        loop = asyncio.get_running_loop()
        count = min(READ_COUNT, max(GIVE_ENTRIES // 2, READ_ENTRIES // len(asked)))
        asked_s = loop.time()
        answers = await self._ranges.read(asked, count)
        self._turn_s = loop.time()
        found = {}
        for followed, told, answer in zip(asked, announced, answers, strict=True):
            if self.followed.get(followed.channel) is not followed:
                continue
            if isinstance(answer, BusError):
                self._broken(followed, answer)
                continue
            followed.broken = ""
            fresh = self._after_known(followed, answer)
            if fresh is None and not await self._may_be_trimmed(followed):
                continue
            if fresh:
                found[followed.channel] = told
                if len(fresh) > GIVE_ENTRIES or loop.time() - self._turn_s > HOLD_S:
                    await self._give_in_turns(followed, fresh, loop)
                else:
                    self._give(followed, fresh)
                if len(answer) >= count and self._holds(followed):
                    self.announce([followed.channel])
                    continue
            if not followed.broken and self._holds(followed):
                followed.confirmed_s = asked_s
        return found

    def _holds(self, followed: Followed) -> bool:
        return self.followed.get(followed.channel) is followed

    def _after_known(self, followed: Followed, entries: list[Entry]) -> list[Entry] | None:
        """The entries after the last known one; None where that one is not there."""
        position = followed.position
        if position is None:
            return entries
        if not entries:
            return None
        first = entries[0]
        if first is followed.last:
            return entries[1:]
        if first.position != position:
            # Trimmed, or it is another history: a lower position would not have been in the answer.
            return entries
        if followed.last is None:
            same = followed.digest is None or followed.digest == entry_digest_of(first)
            followed.last = first if same else None
        else:
            same = first == followed.last
        if same:
            return entries[1:]
        self._confirm_failed(followed)
        return []

    async def _may_be_trimmed(self, followed: Followed) -> bool:
        """Whether a stream without the last known entry, and without any after it, has been that far."""
        try:
            info = await stream_info(self._client, followed.key)
        except Unavailable:
            raise
        except BusError as error:
            self._broken(followed, error)
            return False
        assert followed.position is not None
        if info is not None and info.last_generated is not None and info.last_generated >= followed.position:
            return True
        self._confirm_failed(followed)
        return False

    def _confirm_failed(self, followed: Followed) -> None:
        if self._holds(followed):
            self.remove(followed.channel)
            self._removed(followed.channel)
            followed.sink.on_confirm_failed(followed.channel)

    async def _give_in_turns(self, followed: Followed, fresh: list[Entry], loop: asyncio.AbstractEventLoop) -> None:
        """Gives entries to the sink, a few at a time, so that the loop is not held for long."""
        for start in range(0, len(fresh), GIVE_ENTRIES):
            if loop.time() - self._turn_s > HOLD_S:
                await asyncio.sleep(0)
                self._turn_s = loop.time()
            if not self._holds(followed):
                return
            self._give(followed, fresh[start : start + GIVE_ENTRIES])

    def _give(self, followed: Followed, some: list[Entry]) -> None:
        last = followed.last = some[-1]
        followed.position = last.position
        try:
            followed.sink.on_entries(followed.channel, some)
        except Exception as error:  # noqa: BLE001 - a sink's bug ends its own channel, and is told, not swallowed
            self._failed(followed, error)

    def _failed(self, followed: Followed, error: Exception) -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "a sink failed", "exception": error})
        if self._holds(followed):
            self.remove(followed.channel)
            self._removed(followed.channel)

    def _broken(self, followed: Followed, error: BusError) -> None:
        """Tells the sink, once, that its stream cannot be read.

        Raises:
            Unavailable: it is the store that cannot be read.
        """
        if isinstance(error, Unavailable):
            raise error
        reason = "wrong_type" if isinstance(error, WrongType) else type(error).__name__
        if followed.broken != reason:
            followed.broken = reason
            followed.sink.on_broken(followed.channel, reason)


async def stream_info(client: redis.Redis, key: str) -> StreamInfo | None:
    """What the stream holds; None when there is none.

    Raises:
        Unavailable, WrongType, NotPermitted
    """
    try:
        info: Any = await client.xinfo_stream(key)
    except exceptions.ResponseError as error:
        if "no such key" in str(error):
            return None
        raise mapped(error) from error
    except (exceptions.RedisError, exceptions.RedisClusterException, OSError, TimeoutError) as error:
        raise mapped(error) from error
    first = info["first-entry"]
    return StreamInfo(
        _position(first[0]) if first else None,
        _position(info["last-generated-id"]),
        int(info["length"]),
        info.get("entries-added"),
    )


def _position(entry_id: bytes) -> Position:
    try:
        return Position.parse(entry_id.decode("ascii"))
    except (BadVersion, UnicodeDecodeError) as error:
        raise BusError("an entry id that is not one") from error
