"""A token bucket, sans-IO: so many a second, so many at once."""

from __future__ import annotations


class TokenBucket:
    """Holds up to `burst` tokens and gains `rate_per_s` a second; begins full."""

    __slots__ = ("_at_s", "_burst", "_rate_per_s", "_tokens")

    def __init__(self, rate_per_s: float, burst: float, now_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = burst
        self._at_s = now_s

    def take(self, tokens: float, now_s: float) -> bool:
        """Takes tokens if there are enough; a clock that goes back adds none."""
        gained = max(0.0, now_s - self._at_s) * self._rate_per_s
        self._tokens = min(self._burst, self._tokens + gained)
        self._at_s = now_s
        if tokens > self._tokens:
            return False
        self._tokens -= tokens
        return True
