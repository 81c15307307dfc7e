"""Redis and Valkey Streams, the reading side: reads, and following by one of three wake-up methods.

Owns the connections, the followed channels and their reader. Works with a read-only user and on a replica; never writes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import redis.asyncio as redis
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway.bus.base import Sink, StreamInfo
from gateway.bus.errors import BusError, NotPermitted, Unavailable, WrongType
from gateway.bus.wakeups import Wakeup, choose
from gateway.model.entry import Entry, entry_digest_of
from gateway.model.errors import BadVersion
from gateway.model.names import keyframe_key, stream_key
from gateway.model.version import Position

T = TypeVar("T")

READ_COUNT = 500
"""Entries of one read of one channel."""
READ_CHANNELS = 200
"""Channels of one pipelined read."""
CONNECT_TIMEOUT_S = 2.0
COMMAND_TIMEOUT_S = 5.0
BACKOFF_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


@dataclass(slots=True)
class Followed:
    """One followed channel: the last entry given to the sink, which every read confirms."""

    channel: str
    key: str
    sink: Sink
    position: Position | None
    digest: int | None


def make_client(url: str, timeout_s: float | None = COMMAND_TIMEOUT_S) -> redis.Redis:
    """A client whose errors come at once: retrying is the bus's own business."""
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


async def guarded(call: Awaitable[T]) -> T:
    """Awaits a call of the client library and maps its exceptions to ours."""
    try:
        return await call
    except (exceptions.NoPermissionError, exceptions.AuthenticationError) as error:
        raise NotPermitted(str(error)) from error
    except exceptions.ResponseError as error:
        raise (WrongType if str(error).startswith("WRONGTYPE") else BusError)(str(error)) from error
    except (exceptions.RedisError, OSError, TimeoutError) as error:
        raise Unavailable(type(error).__name__) from error


def to_entry(entry_id: bytes, fields: dict[bytes, bytes] | None) -> Entry:
    """A stream entry as the model takes it; a missing or odd `t` is None, a missing `e` is empty (and malformed)."""
    fields = fields or {}
    stamp = fields.get(b"t", b"")
    t_ms = int(stamp) if stamp.isdigit() and len(stamp) <= 15 else None
    epoch, _, seq = entry_id.partition(b"-")
    return Entry(Position(int(epoch), int(seq)), t_ms, fields.get(b"e", b""))


class RedisStreams:
    """A Bus on Redis or Valkey.

    Args:
        url: redis://, rediss:// or unix://.
        wakeup: auto, blocking, notify or poll.
    """

    def __init__(self, url: str, wakeup: str = "auto") -> None:
        self.wakeup = "none"
        self.wakeup_reason = "not connected yet"
        self._url = url
        self._wanted = wakeup
        self._client = make_client(url)
        self._followed: dict[str, Followed] = {}
        self._dirty: dict[str, None] = {}
        self._stirred = asyncio.Event()
        self._connected = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._wakeup: Wakeup | None = None
        self._recovering = False
        self.reconnects = 0

    # -- life --------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Connects, and goes on trying in the background when that fails."""
        self._spawn(self._read_forever())
        try:
            await self._establish()
        except Unavailable:
            self._recover()
            raise

    async def close(self) -> None:
        """Ends following and closes the connections."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._wakeup is not None:
            await self._wakeup.close()
        await self._client.aclose()

    async def _establish(self) -> None:
        await guarded(self._client.ping())
        if self._wakeup is not None:
            await self._wakeup.close()
        self._wakeup = await choose(self._wanted, self._url, self._client, self)
        self.wakeup, self.wakeup_reason = self._wakeup.name, self._wakeup.reason
        self._spawn(self._run_wakeup(self._wakeup))
        self._connected = True
        self.stir(self._followed)

    async def _run_wakeup(self, wakeup: Wakeup) -> None:
        """Runs one wake-up method until its connection is lost or it finds that it does not work here."""
        try:
            await wakeup.run()
        except (exceptions.RedisError, OSError, TimeoutError, BusError):
            if wakeup is self._wakeup:
                self._recover()

    def use_instead(self, name: str, reason: str) -> None:
        """A wake-up method that does not work here asks for another."""
        self._wanted = name
        self._recover()
        self.wakeup_reason = reason

    def _recover(self) -> None:
        if not self._recovering:
            self._recovering = True
            if self._connected:
                self._connected = False
                self._tell_store(False)
            self._spawn(self._recover_forever())

    async def _recover_forever(self) -> None:
        attempt = 0
        while True:
            try:
                await self._client.connection_pool.disconnect()
                await self._establish()
                break
            except BusError:
                delay_s = BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
                attempt += 1
                await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
        self._recovering = False
        self.reconnects += 1
        self._tell_store(True)

    def _tell_store(self, connected: bool) -> None:
        for followed in list(self._followed.values()):
            followed.sink.on_store(connected)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Nothing may end the reading side quietly: hand the bug to the loop's handler and go on.
            asyncio.get_running_loop().call_exception_handler({"message": "bus task failed", "exception": error})
            self._recover()

    # -- reads -------------------------------------------------------------------------------------------------

    async def tail(self, channel: str) -> StreamInfo | None:
        """What the stream holds; None when there is none."""
        try:
            info = await guarded(self._client.xinfo_stream(stream_key(channel)))
        except (WrongType, Unavailable, NotPermitted):
            raise
        except BusError as error:
            if "no such key" in str(error):
                return None
            raise
        first = info["first-entry"]
        return StreamInfo(
            _position(first[0]) if first else None, _position(info["last-generated-id"]), int(info["length"])
        )

    async def read(self, channel: str, start: Position | None, end: Position | None, count: int) -> list[Entry]:
        """Entries from `start` to `end`, both inclusive."""
        low, high = str(start) if start is not None else "-", str(end) if end is not None else "+"
        rows: Any = await guarded(self._client.xrange(stream_key(channel), low, high, count))
        return [to_entry(entry_id, fields) for entry_id, fields in rows]

    async def keyframes(self, channel: str) -> list[bytes]:
        """The channel's keyframes, newest first; none where the key has another type."""
        try:
            found: Any = await guarded(self._client.lrange(keyframe_key(channel), 0, -1))
        except WrongType:
            return []
        return list(found)

    # -- following ---------------------------------------------------------------------------------------------

    def follow(self, channel: str, after: Entry | Position | None, sink: Sink) -> None:
        """Gives `sink` all entries after `after`."""
        position = after.position if isinstance(after, Entry) else after
        digest = entry_digest_of(after) if isinstance(after, Entry) else None
        self._followed[channel] = Followed(channel, stream_key(channel), sink, position, digest)
        if self._wakeup is not None:
            self._wakeup.added(channel)
        self.stir([channel])
        if not self._connected:
            sink.on_store(False)

    def unfollow(self, channel: str) -> None:
        """Ends following."""
        if self._followed.pop(channel, None) is not None and self._wakeup is not None:
            self._wakeup.removed(channel)

    @property
    def followed(self) -> dict[str, Followed]:
        """Every followed channel, for the wake-up methods."""
        return self._followed

    def stir(self, channels: Iterable[str]) -> None:
        """These channels may have new entries."""
        self._dirty.update(dict.fromkeys(channels))
        self._stirred.set()

    async def _read_forever(self) -> None:
        while True:
            await self._stirred.wait()
            if not self._connected:
                await asyncio.sleep(0.02)
                continue
            names: list[str] = []
            while self._dirty and len(names) < READ_CHANNELS:
                names.append(next(iter(self._dirty)))
                del self._dirty[names[-1]]
            if not self._dirty:
                self._stirred.clear()
            try:
                await self.read_now(names)
            except BusError:
                self.stir(names)
                self._recover()

    async def read_now(self, channels: Iterable[str]) -> int:
        """Reads the tails of these channels in one round trip (more while there is more).

        Returns:
            How many new entries were found.

        Raises:
            Unavailable
        """
        asked = [followed for name in channels if (followed := self._followed.get(name)) is not None]
        found = 0
        while asked:
            pipeline = self._client.pipeline(transaction=False)
            for followed in asked:
                low = str(followed.position) if followed.position is not None else "-"
                pipeline.xrange(followed.key, low, "+", READ_COUNT)
            answers = await guarded(pipeline.execute(raise_on_error=False))
            more = []
            for followed, answer in zip(asked, answers, strict=True):
                if self._followed.get(followed.channel) is not followed:
                    continue
                if isinstance(answer, BaseException):
                    self._broken(followed, answer)
                    continue
                entries = [to_entry(entry_id, fields) for entry_id, fields in answer]
                fresh = await self._confirmed(followed, entries)
                if fresh:
                    found += len(fresh)
                    followed.position, followed.digest = fresh[-1].position, entry_digest_of(fresh[-1])
                    followed.sink.on_entries(followed.channel, fresh)
                    if len(entries) >= READ_COUNT:
                        more.append(followed)
            asked = more
        return found

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
            info = await self.tail(followed.channel)
            if info is not None and info.last_generated is not None and info.last_generated >= position:
                return []
        if self._followed.get(followed.channel) is followed:
            self.unfollow(followed.channel)
            followed.sink.on_confirm_failed(followed.channel)
        return []

    def _broken(self, followed: Followed, error: BaseException) -> None:
        if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError | OSError):
            raise Unavailable(type(error).__name__)
        reason = "wrong_type" if str(error).startswith("WRONGTYPE") else type(error).__name__
        followed.sink.on_broken(followed.channel, reason)


def _position(entry_id: bytes) -> Position:
    try:
        return Position.parse(entry_id.decode("ascii"))
    except (BadVersion, UnicodeDecodeError) as error:
        raise BusError("an entry id that is not one") from error
