"""One followed channel, as its reader and the wake-up methods know it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.bus.base import Sink
from gateway.bus.wire import word
from gateway.model.entry import Entry
from gateway.model.names import stream_key
from gateway.model.version import Position


@dataclass(slots=True)
class Followed:
    """A channel and the last entry given to its sink, which every read confirms.

    Args:
        head: the command that reads its tail, up to where it begins.
        last: that entry, once one was read.
        row: the same as the store's reply has it, and `low`, its id as a word of a command; empty where they are not known. For
            the reader of the tails alone (native/replies.pyx).
        digest: what confirms it until it was read; None: whatever is read.
        announced: the wake-up method has told of a change since the last read.
        broken: why the stream cannot be read; empty when it can.
        confirmed_s: when all its entries were last read and its history confirmed, by the loop's clock.
    """

    channel: str
    key: str
    head: bytes
    sink: Sink
    position: Position | None
    digest: int | None
    last: Entry | None = None
    row: bytes = b""
    low: bytes = b""
    announced: bool = False
    broken: str = ""
    confirmed_s: float | None = None

    @classmethod
    def of(cls, channel: str, sink: Sink, position: Position | None, digest: int | None) -> Followed:
        """What is followed after `position`, whose entry has that digest if it is known."""
        key = stream_key(channel)
        return cls(channel, key, b"*6\r\n$6\r\nXRANGE\r\n" + word(key.encode()), sink, position, digest)
