"""Quantiles of buckets: within the bucket that holds them, and only of what happened since the earlier look."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.quantile import quantile

INF = float("inf")
BOUNDS = (0.001, 0.01, 0.1, 1.0, INF)


@pytest.mark.parametrize(
    ("counts", "q", "value"),
    [
        ((0, 0, 0, 0, 0), 0.5, None),
        ((10, 10, 10, 10, 10), 0.5, 0.0005),
        ((0, 10, 10, 10, 10), 0.5, 0.0055),
        ((0, 0, 0, 0, 7), 0.99, 1.0),
        ((90, 100, 100, 100, 100), 0.95, 0.0055),
        ((90, 90, 90, 100, 100), 0.9, 0.001),
    ],
)
def test_within_its_bucket(counts: tuple[float, ...], q: float, value: float | None) -> None:
    found = quantile(dict(zip(BOUNDS, counts, strict=True)), {}, q)
    assert found == (value if value is None else pytest.approx(value))


def test_only_what_came_since() -> None:
    before = dict(zip(BOUNDS, (1000, 1000, 1000, 1000, 1000), strict=True))
    now = dict(zip(BOUNDS, (1000, 1000, 1010, 1010, 1010), strict=True))
    assert quantile(now, before, 0.5) == pytest.approx(0.055)
    assert quantile(before, before, 0.5) is None


@given(st.lists(st.floats(0, 0.99), min_size=1), st.floats(0.01, 1))
def test_the_true_quantile_lies_in_the_bucket_that_is_told(values: list[float], q: float) -> None:
    counts = {bound: float(sum(value <= bound for value in values)) for bound in BOUNDS}
    found = quantile(counts, {}, q)
    assert found is not None
    rank = next(i for i, share in enumerate(accumulate([1 / len(values)] * len(values))) if share >= q - 1e-9)
    true = sorted(values)[rank]
    high = next(bound for bound in BOUNDS if true <= bound)
    low = max((bound for bound in BOUNDS if bound < true), default=0.0)
    assert low - 1e-9 <= found <= high + 1e-9
