"""A connection to a store for the hot path: bytes are written as they are, replies are taken chunk by chunk, without a task.

The client library opens it, so that URL, TLS, user and database mean what they mean everywhere; then the transport is ours.
Knows no command; what comes is split into replies by a reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

import hiredis
import redis.asyncio as redis

from gateway.bus.client import guarded, refusal
from gateway.bus.errors import Unavailable
from native.replies import Garbled


class Reader(Protocol):
    """Makes replies of what arrives."""

    def feed(self, data: bytes) -> list[Any]:
        """The replies that are whole with this chunk, in order, an error as a BusError.

        Raises:
            Garbled: it is not the protocol.
        """
        ...

    def reset(self) -> None:
        """A new connection begins."""
        ...


class AnyReplies:
    """Replies of any form: lists, numbers and bytes."""

    def __init__(self) -> None:
        self.reset()

    def feed(self, data: bytes) -> list[Any]:
        """The replies that are whole with this chunk."""
        reader, replies = self._reader, []
        reader.feed(data)
        while (reply := reader.gets()) is not _MORE:
            replies.append(reply)
        return replies

    def reset(self) -> None:
        """A new connection begins."""
        self._reader = hiredis.Reader(protocolError=Garbled, replyError=refusal, notEnoughData=_MORE)


def reply_of(data: bytes) -> Any:
    """The one reply that these bytes are.

    Raises:
        Garbled: they are none, or not one.
    """
    replies = AnyReplies().feed(data)
    if len(replies) != 1:
        raise Garbled("not one reply")
    return replies[0]


def command(*words: bytes) -> bytes:
    """A command as it is sent."""
    return b"*%d\r\n" % len(words) + b"".join(map(word, words))


def word(value: bytes) -> bytes:
    """One word of a command as it is sent."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


class Wire(asyncio.Protocol):
    """One connection.

    Args:
        client: its pool says where and how to connect.
        reader: makes replies of what arrives.
        take: is given what has come, some replies in order; must not raise.
        ended: told once when an open connection is lost, unless it was closed by us.
    """

    def __init__(
        self, client: redis.Redis, reader: Reader, take: Callable[[list[Any]], None], ended: Callable[[], None]
    ) -> None:
        self._client = client
        self._reader = reader
        self._take = take
        self._ended = ended
        self._connection: Any = None
        self._transport: asyncio.Transport | None = None
        self._former: asyncio.Protocol | None = None

    @property
    def open(self) -> bool:
        """Whether it can be written to."""
        return self._transport is not None and not self._transport.is_closing()

    async def connect(self) -> None:
        """Opens it.

        Raises:
            Unavailable, NotPermitted
        """
        await self.close()
        pool: Any = self._client.connection_pool
        connection: Any = pool.make_connection()
        try:
            await guarded(connection.connect())
        except BaseException:
            await guarded(connection.disconnect(nowait=True))
            raise
        writer = connection._writer
        if writer is None:
            raise Unavailable("the connection was lost at once")
        transport = cast(asyncio.Transport, writer.transport)
        self._reader.reset()
        self._former = cast(asyncio.Protocol, transport.get_protocol())
        self._connection, self._transport = connection, transport
        transport.set_protocol(self)
        if transport.is_closing():
            self.connection_lost(None)

    def write(self, data: bytes) -> None:
        """Sends bytes; to be called only while it is open."""
        assert self._transport is not None
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """A chunk has come: every reply that is whole is taken."""
        try:
            replies = self._reader.feed(data)
        except Garbled:
            self.abort()
            return
        if replies:
            self._take(replies)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has ended."""
        if self._former is not None:
            # Who waits for the end of the library's connection hears of it there.
            former, self._former = self._former, None
            former.connection_lost(error)
        if self._transport is not None:
            self._transport = None
            self._ended()

    def abort(self) -> None:
        """Ends it at once; `ended` is told."""
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Closes it; `ended` is not told."""
        connection, self._connection, self._transport = self._connection, None, None
        if connection is not None:
            await guarded(connection.disconnect(nowait=True))


_MORE: Any = object()
