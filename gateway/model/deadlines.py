"""When each of many things is due, so that nothing is paid for those that are not: a wheel of ticks without an end. Pure.

The clock is the caller's, and never goes back.
"""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heappop, heappush
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Deadlines(Generic[Key]):
    """One deadline for each key that has one.

    Args:
        tick_ms: what is due within one tick is due together, at its end.
    """

    def __init__(self, tick_ms: int) -> None:
        self._tick_ms = tick_ms
        self._ticks: dict[int, dict[Key, None]] = {}
        self._order: list[int] = []
        """The ticks that have a bucket, soonest first: a heap."""
        self._tick_of: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._tick_of)

    def no_later(self, key: Key, due_ms: int) -> None:
        """The key is due then, if it is not due sooner."""
        tick = -(-due_ms // self._tick_ms)
        known = self._tick_of.get(key)
        if known is not None:
            if known <= tick:
                return
            del self._ticks[known][key]
        self._tick_of[key] = tick
        bucket = self._ticks.get(tick)
        if bucket is None:
            bucket = self._ticks[tick] = {}
            heappush(self._order, tick)
        bucket[key] = None

    def pop(self, now_ms: int) -> Key | None:
        """A key whose deadline has come, which it then has no longer; the soonest first. None when nothing is due."""
        while self._order and self._order[0] * self._tick_ms <= now_ms:
            bucket = self._ticks[self._order[0]]
            if bucket:
                key, _ = bucket.popitem()
                del self._tick_of[key]
                return key
            del self._ticks[heappop(self._order)]
        return None

    def next_ms(self) -> int | None:
        """The moment of the soonest deadline; None when there is none."""
        while self._order and not self._ticks[self._order[0]]:
            del self._ticks[heappop(self._order)]
        return self._order[0] * self._tick_ms if self._order else None
