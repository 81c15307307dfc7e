"""Looks at each of many things when something may be due there, and at none in between.

Owns one timer of the loop, set to the soonest. Where thousands are due it goes in slices, so that the loop stays free.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from gateway.model.deadlines import Deadlines

TICK_MS = 100
"""What is due within a tick is looked at together."""
SLICE_S = 0.001
PAUSE_S = 0.005

Key = TypeVar("Key", bound=Hashable)


class Looks(Generic[Key]):
    """The looks of one loop.

    Args:
        look: does what is due; in how many ms it is to be called again (infinity: not by itself).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, look: Callable[[Key], float]) -> None:
        self._loop = loop
        self._look = look
        self._deadlines: Deadlines[Key] = Deadlines(TICK_MS)
        self._timer: asyncio.TimerHandle | None = None
        self._armed_ms = 0
        """When the timer goes off."""
        self._closed = False

    def within(self, key: Key, wait_ms: float) -> None:
        """A look is due in so many ms, if none is sooner; infinity asks for none."""
        if wait_ms < math.inf:
            self._deadlines.no_later(key, math.ceil(self._loop.time() * 1000 + wait_ms))
            self._arm()

    def close(self) -> None:
        """Looks at nothing any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        due_ms = self._deadlines.next_ms()
        if due_ms is None or self._closed:
            return
        if self._timer is not None:
            if self._armed_ms <= due_ms:
                return
            self._timer.cancel()
        self._armed_ms = due_ms
        self._timer = self._loop.call_at(due_ms / 1000, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        until_s = self._loop.time() + SLICE_S
        try:
            while (key := self._deadlines.pop(int(self._loop.time() * 1000))) is not None:
                self.within(key, self._look(key))
                if self._loop.time() > until_s:
                    self._armed_ms = 0
                    self._timer = self._loop.call_later(PAUSE_S, self._on_time)
                    break
        finally:
            self._arm()
