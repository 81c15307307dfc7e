"""When a count of viewers is worth an entry in the match's stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.aggregate.viewers import differs

COUNTS = st.integers(0, 10_000_000)


@given(COUNTS, COUNTS)
def test_what_is_shown_is_within_a_fiftieth(shown: int, count: int) -> None:
    now = count if differs(shown, count) else shown
    assert abs(now - count) * 50 <= now
    assert (now == 0) == (count == 0)


@given(st.integers(0, 49), st.integers(0, 49))
def test_small_counts_are_exact(shown: int, count: int) -> None:
    assert differs(shown, count) == (shown != count)


@given(st.one_of(st.none(), st.text(), st.floats(), st.booleans()), COUNTS)
def test_what_is_no_count_is_replaced(shown: object, count: int) -> None:
    assert differs(shown, count) or shown == count
