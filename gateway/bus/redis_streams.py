"""Redis and Valkey Streams, the reading side. Works with a read-only user and on a replica; never writes.

Owns the connections. A session is: connect, choose a wake-up method, tell the sinks, then read tails, keep the net and
hear of changes until one of the three fails; then a new session after a back-off with jitter.
"""

from __future__ import annotations

import asyncio
import random
from itertools import islice
from typing import Any

from gateway.bus.base import Sink, StreamInfo
from gateway.bus.client import forget_connections, guarded, is_cluster, make_client
from gateway.bus.ending import end, until_one_fails
from gateway.bus.errors import BusError, WrongType
from gateway.bus.net import Net
from gateway.bus.ranges import PipelinedRanges, Ranges, WireRanges, to_entry
from gateway.bus.tails import READ_CHANNELS, Tails, stream_info
from gateway.bus.wakeups import Unsuitable, Wakeup, choose
from gateway.model.entry import Entry
from gateway.model.names import keyframe_key, stream_key
from gateway.model.version import Position

BACKOFF_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
STEADY_S = 5.0
"""A session of this length was a good one: the next back-off begins anew."""


class RedisStreams:
    """A Bus on Redis or Valkey.

    Args:
        url: redis://, rediss:// or unix://.
        wakeup: auto, blocking, notify or poll.
    """

    def __init__(self, url: str, wakeup: str = "auto") -> None:
        self.wakeup = "none"
        self.wakeup_reason = "not connected yet"
        self.reconnects = 0
        self._url = url
        self._wanted = wakeup
        self._client = make_client(url)
        self._tail_client = make_client(url, connections=1)
        self._ranges: Ranges = PipelinedRanges(self._tail_client) if is_cluster(url) else WireRanges(self._tail_client)
        self._tails = Tails(self._ranges, self._tail_client, self._removed)
        self._net = Net(self._tails)
        self._method: Wakeup | None = None
        self.connected = False
        self._keeper: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._failure: BusError | None = None

    # -- life --------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Connects, and goes on trying in the background when that fails."""
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())
        await self._tried.wait()
        if not self.connected and self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Ends following and closes the connections."""
        if self._keeper is not None:
            await end(self._keeper)
        self.connected = False
        await self._ranges.close()
        await self._client.aclose()
        await self._tail_client.aclose()

    async def _keep(self) -> None:
        """One session after the other until cancelled."""
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            began_s = loop.time()
            try:
                await self._session()
            except BusError as error:
                self._failure = error
            except Exception as error:  # noqa: BLE001 - a bug must not end the reading side quietly: told, then tried again
                self._failure = BusError(type(error).__name__)
                loop.call_exception_handler({"message": "bus session failed", "exception": error})
            attempt = 0 if loop.time() - began_s > STEADY_S else attempt + 1
            self._tell_store(False)
            self._tried.set()
            await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)] * random.uniform(0.5, 1.0))

    async def _session(self) -> None:
        """Raises what ended it."""
        # Idle connections may be to a store that is gone without a word.
        await forget_connections(self._client, in_use=False)
        await forget_connections(self._tail_client, in_use=True)
        await self._ranges.forget()
        await guarded(self._client.ping())
        method = await self._choose(self._wanted)
        try:
            # A store that answers and cannot be read (a replica that waits for its primary) is not back.
            await self._tails.read_now(list(islice(self._tails.followed, READ_CHANNELS)))
            self._tails.stir(self._tails.followed)
            self.reconnects += self._failure is not None
            self._tell_store(True)
            self._tried.set()
            await until_one_fails(self._tails.run(), self._net.run(), self._hear(method))
        finally:
            await self._end_method()

    async def _choose(self, wanted: str, reason: str = "") -> Wakeup:
        method = await choose(wanted, self._url, self._client, self._tails, wanted == self._wanted != "auto")
        self.wakeup, self.wakeup_reason = method.name, reason or method.reason
        self._method = self._net.method = method
        return method

    async def _hear(self, method: Wakeup) -> None:
        """Runs the method; where it finds that it does not work here, another takes its place until the next session."""
        while True:
            try:
                await guarded(method.run())
            except Unsuitable as change:
                await self._end_method()
                method = await self._choose(change.instead, change.reason)
                self._tails.stir(self._tails.followed)

    async def _end_method(self) -> None:
        method, self._method, self._net.method = self._method, None, None
        if method is not None:
            await guarded(method.close())

    def _tell_store(self, connected: bool) -> None:
        if connected or self.connected:
            self.connected = connected
            for sink in {id(followed.sink): followed.sink for followed in self._tails.followed.values()}.values():
                sink.on_store(connected)

    # -- reads -------------------------------------------------------------------------------------------------

    async def tail(self, channel: str) -> StreamInfo | None:
        """What the stream holds; None when there is none."""
        return await stream_info(self._client, stream_key(channel))

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

    def follow(self, channel: str, after: Entry | Position | None, sink: Sink, digest: int | None = None) -> None:
        """Gives `sink` all entries after `after`."""
        self._tails.add(channel, after, sink, digest)
        if self._method is not None:
            self._method.added(channel)
        if not self.connected:
            sink.on_store(False)

    def unfollow(self, channel: str) -> None:
        """Ends following."""
        if self._tails.remove(channel):
            self._removed(channel)

    def confirmed_s(self, channel: str) -> float | None:
        """When the channel's newest entry was last read and its history confirmed."""
        followed = self._tails.followed.get(channel)
        return followed.confirmed_s if followed is not None else None

    def _removed(self, channel: str) -> None:
        if self._method is not None:
            self._method.removed(channel)
