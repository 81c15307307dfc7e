"""Reading the tails of many streams in one round trip.

Over a connection of the hot path, or, from a cluster, through the client library.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import redis.asyncio as redis

from gateway.bus.client import forget_connections, guarded, mapped
from gateway.bus.errors import BusError
from gateway.bus.exchange import Exchange
from gateway.bus.followed import Followed
from gateway.bus.wire import reply_of, word
from gateway.model.entry import Entry
from gateway.model.version import Position
from native.replies import RangeReplies

Tail = list[Entry] | BusError
"""The entries of one stream from a position on, or why they cannot be read."""


class Ranges(Protocol):
    """Reads tails; one reading at a time."""

    async def read(self, asked: Sequence[Followed], count: int) -> list[Tail]:
        """For each channel the entries from the last known one on, inclusive, at most `count`.

        Raises:
            Unavailable: nothing can be read now.
            NotPermitted: the store does not let us in.
        """
        ...

    async def forget(self) -> None:
        """Ends the connections, which may be to a store that is gone without a word."""
        ...

    async def close(self) -> None:
        """Ends the connections for good."""
        ...


class WireRanges:
    """Over one connection of the hot path."""

    def __init__(self, client: redis.Redis) -> None:
        self._replies = RangeReplies(Entry, Position, tail_of)
        self._exchange = Exchange(client, self._replies)

    async def read(self, asked: Sequence[Followed], count: int) -> list[Tail]:
        """Reads the tails."""
        end = b"\r\n$1\r\n+\r\n$5\r\nCOUNT\r\n" + word(b"%d" % count)
        words: list[bytes] = []
        for followed in asked:
            words += (followed.head, followed.low or low_of(followed.position), end)
        self._replies.expect(list(asked))
        return await self._exchange.ask(b"".join(words), len(asked))

    async def forget(self) -> None:
        """The next reading begins with a new connection."""
        await self._exchange.close()

    async def close(self) -> None:
        """Ends the connection."""
        await self._exchange.close()


class PipelinedRanges:
    """Through the client library, which finds each key's node of a cluster."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    async def read(self, asked: Sequence[Followed], count: int) -> list[Tail]:
        """Reads the tails."""
        pipeline = self._client.pipeline(transaction=False)
        for followed in asked:
            pipeline.xrange(followed.key, "-" if followed.position is None else str(followed.position), "+", count)
        answers = await guarded(pipeline.execute(raise_on_error=False))
        return [
            mapped(answer) if isinstance(answer, Exception) else [to_entry(*row) for row in answer]
            for answer in answers
        ]

    async def forget(self) -> None:
        """The next reading looks for the nodes anew."""
        await forget_connections(self._client, in_use=True)

    async def close(self) -> None:
        """The client is its owner's to close."""


def low_of(position: Position | None) -> bytes:
    """Where a reading begins, as a word of the command, without its end."""
    return word(b"-" if position is None else str(position).encode())[:-2]


def tail_of(data: bytes) -> Tail:
    """The entries in a reply to XRANGE of any form, or why there are none."""
    reply = reply_of(data)
    return reply if isinstance(reply, BusError) else entries_of(reply)


def entries_of(rows: list[Any]) -> list[Entry]:
    """The entries in the reply to XRANGE."""
    entries = []
    for entry_id, fields in rows:
        if fields is not None and len(fields) == 4 and fields[0] == b"t" and fields[2] == b"e":
            stamp, raw = fields[1], fields[3]
        else:
            named = dict(zip(fields[::2], fields[1::2], strict=True)) if fields else {}
            stamp, raw = named.get(b"t", b""), named.get(b"e", b"")
        entries.append(_entry(entry_id, stamp, raw))
    return entries


def to_entry(entry_id: bytes, fields: dict[bytes, bytes] | None) -> Entry:
    """A stream entry as the client library gives it; a missing or odd `t` is None, a missing `e` is empty (and malformed)."""
    fields = fields or {}
    return _entry(entry_id, fields.get(b"t", b""), fields.get(b"e", b""))


def _entry(entry_id: bytes, stamp: bytes, raw: bytes) -> Entry:
    t_ms = int(stamp) if stamp.isdigit() and len(stamp) <= 15 else None
    epoch, _, seq = entry_id.partition(b"-")
    return Entry(Position(int(epoch), int(seq)), t_ms, raw)
