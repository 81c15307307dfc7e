"""What comes over a link faster than it can be worked off without holding the loop: in its order, a millisecond at a time.

A read brings hundreds of small messages at once. While some wait, nothing more is read, so what waits is one read at most.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

HOLD_S = 0.001
"""How long messages may be worked off before the loop's other tasks have their turn."""


class Source(Protocol):
    """Where the messages come from."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def is_closing(self) -> bool: ...


class Inbox:
    """The messages of one connection.

    Args:
        take: works one off; raises nothing.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, take: Callable[[bytes], None], source: Source) -> None:
        self._loop = loop
        self._take = take
        self._source = source
        self._waiting: deque[bytes] = deque()
        self._until_s = 0.0
        self._turn: asyncio.Handle | None = None

    def put(self, payload: bytes) -> None:
        """Works it off now if there is time left in this turn of the loop, else in its order in a later one."""
        if self._turn is None:
            self._begin()
        elif self._waiting or time.monotonic() > self._until_s:
            if not self._waiting and not self._source.is_closing():
                self._source.pause_reading()
            self._waiting.append(payload)
            return
        self._take(payload)

    def close(self) -> None:
        """Forgets what waits."""
        self._waiting.clear()
        if self._turn is not None:
            self._turn.cancel()

    def _begin(self) -> None:
        self._until_s = time.monotonic() + HOLD_S
        self._turn = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._turn = None
        if not self._waiting:
            return
        self._begin()
        while self._waiting:
            self._take(self._waiting.popleft())
            if time.monotonic() > self._until_s:
                break
        if not self._waiting and not self._source.is_closing():
            self._source.resume_reading()
