"""Which adapter a URL means."""

from __future__ import annotations

from gateway.bus.base import Bus
from gateway.bus.publisher import STREAM_MAXLEN, Publisher
from gateway.bus.redis_streams import RedisStreams


def open_bus(url: str, wakeup: str) -> Bus:
    """The reading side of the store at `url`; connects nowhere yet."""
    return RedisStreams(url, wakeup)


def open_publisher(url: str, maxlen: int = STREAM_MAXLEN) -> Publisher:
    """The writing side of the store at `url`; connects nowhere yet.

    Args:
        maxlen: entries of one stream that are kept, about.
    """
    return Publisher(url, maxlen)
