"""Quantiles of a histogram's buckets, for what happened between two looks at it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

INFINITE = float("inf")


def quantile(now: Mapping[float, float], before: Mapping[float, float], q: float) -> float | None:
    """The value below which a part `q` of the observations since `before` lie, linear within its bucket.

    Args:
        now: how many observations were at most each bound, ever (Prometheus's cumulative buckets).
        before: the same at the earlier look; empty for all time.

    Returns:
        None when nothing was observed; the highest finite bound for what lies beyond it.
    """
    bounds = sorted(now)
    counts = [now[bound] - before.get(bound, 0.0) for bound in bounds]
    total = counts[-1] if counts else 0.0
    if total <= 0:
        return None
    wanted = q * total
    lower, below = 0.0, 0.0
    for bound, count in zip(bounds, counts, strict=True):
        if count >= wanted and count > below:
            return lower if bound == INFINITE else lower + (bound - lower) * (wanted - below) / (count - below)
        lower, below = bound, count
    return lower
