"""Lag of a publisher: how much later than usual its entries arrive, without its clock's offset. Pure.

A raw difference of two machines' clocks says nothing; its smallest value over some minutes is taken as the offset.
"""

from __future__ import annotations

from collections import deque

LAGGING_MS = 2000
"""Behind by more than this, viewers are told."""

WINDOW_MS = 300_000
BUCKET_MS = 10_000


class Lag:
    """The smallest difference over a sliding window, kept in buckets."""

    def __init__(self, window_ms: int = WINDOW_MS, bucket_ms: int = BUCKET_MS) -> None:
        self._bucket_ms = bucket_ms
        self._buckets: deque[tuple[int, int]] = deque(maxlen=max(1, window_ms // bucket_ms))
        self._newest: int | None = None
        self._least = 0
        """Of the newest bucket."""
        self._smallest = 0
        """Of all buckets."""

    def observe(self, now_ms: int, t_ms: int) -> int:
        """Takes an entry stamped `t_ms` that arrived now.

        Returns:
            How many ms later than the promptest entry of the window it came.
        """
        difference = now_ms - t_ms
        bucket = now_ms // self._bucket_ms
        if bucket != self._newest:
            self._begin(bucket, difference)
        elif difference < self._least:
            self._buckets[-1] = (bucket, difference)
            self._least = difference
            self._smallest = min(self._smallest, difference)
        return difference - self._smallest

    def _begin(self, bucket: int, difference: int) -> None:
        """A new bucket; old ones leave the window."""
        self._newest, self._least = bucket, difference
        self._buckets.append((bucket, difference))
        oldest = bucket - (self._buckets.maxlen or 1)
        while self._buckets[0][0] <= oldest:
            self._buckets.popleft()
        self._smallest = min(smallest for _, smallest in self._buckets)
