"""The pace of a channel's flushes: an idle one at once, a busy one at most 20 times a second, slower under overload. Pure."""

from __future__ import annotations

SHARE = 2
"""A flush may take one part in SHARE of the interval before the interval stretches."""


class Pace:
    """Decides when a channel flushes.

    Args:
        min_interval_ms: the shortest time between two flushes (50 ms: 20 Hz).
        max_interval_ms: how far overload may stretch it.
    """

    def __init__(self, min_interval_ms: int = 50, max_interval_ms: int = 1000) -> None:
        self._min_ms = min_interval_ms
        self._max_ms = max_interval_ms
        self._last_ms: int | None = None
        self.interval_ms = min_interval_ms

    def offer(self, now_ms: int) -> int:
        """When what has just come may be flushed: now, or when the interval has passed."""
        if self._last_ms is None:
            return now_ms
        # A wall clock that was set back must not hold a channel for longer than one interval.
        waited_ms = max(0, now_ms - self._last_ms)
        return now_ms + max(0, self.interval_ms - waited_ms)

    def flushed(self, now_ms: int, took_ms: int) -> None:
        """A flush that took `took_ms` has reached everybody."""
        self._last_ms = now_ms - took_ms
        wanted = took_ms * SHARE
        if wanted > self.interval_ms:
            self.interval_ms = min(self._max_ms, wanted)
        else:
            self.interval_ms = max(self._min_ms, wanted, self.interval_ms * 3 // 4)

    @property
    def stretched(self) -> bool:
        """Whether flushes are slower than they should be."""
        return self.interval_ms > self._min_ms
