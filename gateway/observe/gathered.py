"""Figures that change with every event: gathered in plain numbers and settled into their metrics once a second.

A metric's own increment is a lock and a write into a file that other processes read; an event of a small channel would pay
more for being counted than for being encoded.
"""

from __future__ import annotations

from bisect import bisect_left

from prometheus_client import Counter, Histogram

from gateway.observe import metrics


class GatheredCounter:
    """Counts for `counter`."""

    __slots__ = ("_counter", "value")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self.value = 0
        """What was counted since it was last settled; to be added to."""

    def settle(self) -> None:
        """Hands over what was counted."""
        value, self.value = self.value, 0
        if value:
            self._counter.inc(value)


class GatheredHistogram:
    """Observes for `histogram`, which has no labels."""

    __slots__ = ("_bounds", "_counts", "_histogram", "_sum")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._bounds: list[float] = list(histogram._upper_bounds)
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Takes one observation."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def settle(self) -> None:
        """Hands over what was observed."""
        counts, self._counts = self._counts, [0] * len(self._bounds)
        total, self._sum = self._sum, 0.0
        if any(counts):
            # The library has no way to observe many at once; these are what `observe` itself adds to.
            self._histogram._sum.inc(total)
            for bucket, count in zip(self._histogram._buckets, counts, strict=True):
                if count:
                    bucket.inc(count)


EVENTS_IN = GatheredCounter(metrics.EVENTS_IN)
PUBLISH_TO_FLUSH = GatheredHistogram(metrics.PUBLISH_TO_FLUSH)


def settle() -> None:
    """Brings the metrics up to date."""
    EVENTS_IN.settle()
    PUBLISH_TO_FLUSH.settle()
