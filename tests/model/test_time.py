"""Pace, lag, delay and back-off: what depends on time, with time as an argument."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.model.delay import DelayQueue
from gateway.model.lag import Lag
from gateway.model.pace import Pace
from gateway.model.patch import apply, fold
from gateway.model.reconnect import Backoff
from tests.model.strategies import PATCHES, same


def test_an_idle_channel_flushes_at_once_and_a_busy_one_at_its_interval() -> None:
    pace = Pace(50, 1000)
    assert pace.offer(1000) == 1000
    pace.flushed(1001, 1)
    assert pace.offer(1010) == 1050
    assert pace.offer(1060) == 1060
    assert not pace.stretched


def test_a_slow_flush_stretches_the_interval_and_a_quick_one_lets_it_shrink() -> None:
    pace = Pace(50, 1000)
    pace.flushed(1300, 300)
    assert pace.interval_ms == 600
    assert pace.stretched
    assert pace.offer(1300) == 1600
    pace.flushed(10_000, 2000)
    assert pace.interval_ms == 1000
    for now_ms in range(20_000, 40_000, 1000):
        pace.flushed(now_ms, 1)
    assert pace.interval_ms == 50


@given(st.lists(st.integers(0, 5000), max_size=30))
def test_a_clock_that_jumps_never_holds_a_channel_for_longer_than_an_interval(times: list[int]) -> None:
    pace = Pace(50, 1000)
    for now_ms in times:
        due_ms = pace.offer(now_ms)
        assert now_ms <= due_ms <= now_ms + pace.interval_ms
        pace.flushed(due_ms, 1)


def test_lag_is_without_the_offset_of_the_publishers_clock() -> None:
    for offset_ms in (-3_600_000, 0, 86_400_000):
        lag = Lag()
        assert lag.observe(1_000_000, 1_000_000 + offset_ms) == 0
        assert lag.observe(1_001_000, 1_000_900 + offset_ms) == 100
        assert lag.observe(1_002_000, 1_002_010 + offset_ms) == 0
        assert lag.observe(1_003_000, 1_003_000 + offset_ms) == 10


def test_lag_forgets_an_old_minimum() -> None:
    lag = Lag(window_ms=60_000, bucket_ms=10_000)
    lag.observe(0, 0)
    assert lag.observe(30_000, 29_000) == 1000
    assert lag.observe(100_000, 99_000) == 0


@given(st.lists(st.tuples(st.integers(0, 25), st.integers(-50, 50)), min_size=1, max_size=60))
def test_lag_is_measured_from_the_promptest_entry_of_the_buckets_in_the_window(steps: list[tuple[int, int]]) -> None:
    lag = Lag(window_ms=60, bucket_ms=10)
    now_ms, seen = 1000, []
    for pause_ms, difference in steps:
        now_ms += pause_ms
        seen.append((now_ms // 10, difference))
        within = [known for bucket, known in seen if bucket > now_ms // 10 - 6]
        assert lag.observe(now_ms, now_ms - difference) == difference - min(within)


@given(
    st.lists(st.tuples(st.integers(0, 300), PATCHES), min_size=1, max_size=20),
    st.integers(2, 6),
    st.lists(st.integers(0, 500), max_size=10),
)
def test_nothing_is_shown_early_and_everything_in_the_end(
    steps: list[tuple[int, Any]], max_pending: int, looks: list[int]
) -> None:
    queue = DelayQueue(1000, max_pending, 5)
    arrivals: dict[str, int] = {}
    document: Any = {}
    states: dict[str, Any] = {}
    shown: Any = {}
    now_ms = 0
    for number, (pause_ms, patch) in enumerate(steps):
        now_ms += pause_ms
        version = f"1-{number}.0"
        document, grounded = fold(document, patch)
        arrivals[version], states[version] = now_ms, document
        queue.push(now_ms, version, grounded, [{"n": number}])
        assert len(queue) <= max_pending
        for waiting in queue.pop(now_ms):
            assert arrivals[waiting.version] + 1000 <= now_ms
            shown = apply(shown, waiting.patch)
            assert same(shown, states[waiting.version])
    for waiting in queue.pop(now_ms + 1000):
        shown = apply(shown, waiting.patch)
    assert same(shown, document)
    assert queue.next_due_ms is None


def test_back_off_doubles_with_full_jitter_and_obeys_bye() -> None:
    backoff = Backoff(lambda: 0.999)
    waits = [backoff.next_ms() for _ in range(7)]
    assert waits == [999, 1998, 3996, 7992, 15984, 29970, 29970]
    backoff.connected()
    backoff.bye((100, 300))
    assert 100 <= backoff.next_ms() <= 300
    assert backoff.next_ms() < 1000
