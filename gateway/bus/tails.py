"""The followed channels and the reading of their tails: one pipelined round trip at a time, in the order of being stirred.

Every read begins with the last entry known and so confirms the history. Owns what is known of each channel; hears of
changes from a wake-up method and connects nowhere by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import redis.asyncio as redis
from redis import exceptions

from gateway.bus.base import Sink, StreamInfo
from gateway.bus.client import guarded, mapped
from gateway.bus.errors import BusError, Unavailable, WrongType
from gateway.model.entry import Entry, entry_digest_of
from gateway.model.errors import BadVersion
from gateway.model.names import stream_key
from gateway.model.version import Position

READ_CHANNELS = 50
"""Channels of one pipelined read: packing and parsing more would hold the loop."""
READ_COUNT = 500
"""Entries of one channel in one read; less when many channels are read together."""
READ_ENTRIES = 5000
"""Entries of one read of all its channels, about."""
GIVE_ENTRIES = 100
"""Entries that a sink is given at once."""
HOLD_S = 0.001
"""How long sinks may work before the loop's other tasks have their turn."""


@dataclass(slots=True)
class Followed:
    """One followed channel: the last entry given to the sink, which every read confirms.

    Args:
        announced: the wake-up method has told of a change since the last read.
        broken: why the stream cannot be read; empty when it can.
        confirmed_s: when all its entries were last read and its history confirmed, by the loop's clock.
    """

    channel: str
    key: str
    sink: Sink
    position: Position | None
    digest: int | None
    announced: bool = False
    broken: str = ""
    confirmed_s: float | None = None


class Tails:
    """What is followed, and its one reader.

    Args:
        client: a connection of its own, so that nothing else is waited for.
        removed: told of a channel that is followed no more because its history is another one.
    """

    def __init__(self, client: redis.Redis, removed: Callable[[str], None]) -> None:
        self.followed: dict[str, Followed] = {}
        self._client = client
        self._removed = removed
        self._stirred: dict[str, None] = {}
        self._work = asyncio.Event()
        self._reading = asyncio.Lock()
        self._turn_s = 0.0

    def add(self, channel: str, after: Entry | Position | None, sink: Sink, digest: int | None = None) -> None:
        """Follows a channel, or follows it from elsewhere."""
        position = after.position if isinstance(after, Entry) else after
        digest = entry_digest_of(after) if isinstance(after, Entry) else digest
        self.followed[channel] = Followed(channel, stream_key(channel), sink, position, digest)
        self.stir([channel])

    def remove(self, channel: str) -> bool:
        """Ends following; whether it was followed."""
        self._stirred.pop(channel, None)
        return self.followed.pop(channel, None) is not None

    def stir(self, channels: Iterable[str]) -> None:
        """These channels may have new entries."""
        self._stirred.update(dict.fromkeys(channels))
        self._work.set()

    def announce(self, channel: str) -> None:
        """The store says that this channel has changed."""
        followed = self.followed.get(channel)
        if followed is not None:
            followed.announced = True
            self.stir([channel])

    async def run(self) -> None:
        """Reads what is stirred, until the store cannot be read, which it raises."""
        while True:
            await self._work.wait()
            names = list(islice(self._stirred, READ_CHANNELS))
            if names:
                await self.read_now(names)
            else:
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
        asked = []
        for name in names:
            self._stirred.pop(name, None)
            if (followed := self.followed.get(name)) is not None:
                asked.append((followed, followed.announced))
                followed.announced = False
        if not asked:
            return {}
        count = min(READ_COUNT, max(GIVE_ENTRIES // 2, READ_ENTRIES // len(asked)))
        pipeline = self._client.pipeline(transaction=False)
        asked_s = asyncio.get_running_loop().time()
        for followed, _ in asked:
            pipeline.xrange(followed.key, _low(followed.position), "+", count)
        answers = await guarded(pipeline.execute(raise_on_error=False))
        self._turn_s = asyncio.get_running_loop().time()
        found = {}
        for (followed, announced), answer in zip(asked, answers, strict=True):
            if not self._holds(followed):
                continue
            if isinstance(answer, Exception):
                self._broken(followed, mapped(answer))
                continue
            followed.broken = ""
            entries = [to_entry(entry_id, fields) for entry_id, fields in answer]
            fresh = await self._confirmed(followed, entries)
            if fresh:
                found[followed.channel] = announced
                await self._give(followed, fresh)
                if len(entries) >= count and self._holds(followed):
                    self.announce(followed.channel)
                    continue
            if not followed.broken and self._holds(followed):
                followed.confirmed_s = asked_s
        return found

    def _holds(self, followed: Followed) -> bool:
        return self.followed.get(followed.channel) is followed

    async def _confirmed(self, followed: Followed, entries: list[Entry]) -> list[Entry]:
        """The entries after the last known one, if the stream still has that one (or has trimmed it)."""
        position = followed.position
        if position is None:
            return entries
        if entries and entries[0].position == position:
            if followed.digest is None:
                followed.digest = entry_digest_of(entries[0])
            if entry_digest_of(entries[0]) == followed.digest:
                return entries[1:]
        elif entries:
            return entries
        else:
            try:
                info = await stream_info(self._client, followed.key)
            except Unavailable:
                raise
            except BusError as error:
                self._broken(followed, error)
                return []
            if info is not None and info.last_generated is not None and info.last_generated >= position:
                return []
        if self._holds(followed):
            self.remove(followed.channel)
            self._removed(followed.channel)
            followed.sink.on_confirm_failed(followed.channel)
        return []

    async def _give(self, followed: Followed, fresh: list[Entry]) -> None:
        """Gives entries to the sink, a few at a time, so that the loop is not held for long."""
        loop = asyncio.get_running_loop()
        for start in range(0, len(fresh), GIVE_ENTRIES):
            if loop.time() - self._turn_s > HOLD_S:
                await asyncio.sleep(0)
                self._turn_s = loop.time()
            if not self._holds(followed):
                return
            some = fresh[start : start + GIVE_ENTRIES]
            followed.position, followed.digest = some[-1].position, entry_digest_of(some[-1])
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


def _low(position: Position | None) -> str:
    return str(position) if position is not None else "-"


def to_entry(entry_id: bytes, fields: dict[bytes, bytes] | None) -> Entry:
    """A stream entry as the model takes it; a missing or odd `t` is None, a missing `e` is empty (and malformed)."""
    fields = fields or {}
    stamp = fields.get(b"t", b"")
    t_ms = int(stamp) if stamp.isdigit() and len(stamp) <= 15 else None
    epoch, _, seq = entry_id.partition(b"-")
    return Entry(Position(int(epoch), int(seq)), t_ms, fields.get(b"e", b""))


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
