"""Token buckets, sans-IO: so many a second, so many at once; one alone, or one for each of many keys."""

from __future__ import annotations

from collections import OrderedDict


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


class TokenBuckets:
    """A bucket for each key; of more than `most` keys the one used longest ago is forgotten."""

    __slots__ = ("_buckets", "_burst", "_most", "_rate_per_s")

    def __init__(self, rate_per_s: float, burst: float, most: int) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._most = most
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, key: str, tokens: float, now_s: float) -> bool:
        """Takes tokens of the key's bucket if there are enough."""
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._most:
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = TokenBucket(self._rate_per_s, self._burst, now_s)
        self._buckets.move_to_end(key)
        return bucket.take(tokens, now_s)
