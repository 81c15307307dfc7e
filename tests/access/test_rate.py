"""The token bucket: never more than the burst at once, never more than the rate in the long run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.access.rate import TokenBucket, TokenBuckets


def test_begins_full_and_gains_with_time() -> None:
    bucket = TokenBucket(10, 2, 0.0)
    assert [bucket.take(1, 0.0) for _ in range(3)] == [True, True, False]
    assert not bucket.take(1, 0.09)
    assert bucket.take(1, 0.101)


def test_a_clock_that_goes_back_adds_nothing() -> None:
    bucket = TokenBucket(10, 1, 100.0)
    assert bucket.take(1, 100.0)
    assert not bucket.take(1, 50.0)
    assert not bucket.take(1, 50.05)
    assert bucket.take(1, 50.2)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 3)), max_size=60))
def test_never_more_than_burst_and_rate_allow(asks: list[tuple[float, int]]) -> None:
    rate, burst, now_s, taken = 5.0, 4.0, 0.0, 0
    bucket = TokenBucket(rate, burst, now_s)
    for wait_s, tokens in asks:
        now_s += wait_s
        if bucket.take(tokens, now_s):
            taken += tokens
        assert taken <= burst + rate * now_s + 1e-6


def test_each_key_has_its_own_and_the_one_used_longest_ago_is_forgotten() -> None:
    buckets = TokenBuckets(1, 1, most=2)
    assert [buckets.take(key, 1, 0.0) for key in ("a", "b", "a", "b")] == [True, True, False, False]
    assert not buckets.take("a", 1, 0.0)
    assert buckets.take("c", 1, 0.0)
    # "a" was used after "b": it is known still.
    assert not buckets.take("a", 1, 0.0)
    assert buckets.take("b", 1, 0.0)
