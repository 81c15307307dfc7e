"""Deadlines against a plain dictionary of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.model.deadlines import Deadlines

TICK_MS = 100
STEPS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2000), st.integers(0, 400)), max_size=60)


@given(STEPS)
def test_each_key_is_due_once_at_its_soonest_and_in_order(steps: list[tuple[int, int, int]]) -> None:
    deadlines: Deadlines[int] = Deadlines(TICK_MS)
    wanted: dict[int, int] = {}
    now_ms = 0
    for key, wait_ms, passed_ms in steps:
        deadlines.no_later(key, now_ms + wait_ms)
        tick_ms = -(-(now_ms + wait_ms) // TICK_MS) * TICK_MS
        wanted[key] = min(tick_ms, wanted.get(key, tick_ms))
        assert deadlines.next_ms() == min(wanted.values())
        now_ms += passed_ms
        due = []
        while (popped := deadlines.pop(now_ms)) is not None:
            due.append(wanted.pop(popped))
        assert due == sorted(due)
        assert all(due_ms <= now_ms for due_ms in due)
        assert all(due_ms > now_ms for due_ms in wanted.values())
        assert len(deadlines) == len(wanted)
    assert deadlines.next_ms() == min(wanted.values(), default=None)


def test_many_that_are_due_together_take_no_longer_each() -> None:
    deadlines: Deadlines[int] = Deadlines(TICK_MS)
    for key in range(20_000):
        deadlines.no_later(key, 1)
    assert deadlines.pop(99) is None
    assert {deadlines.pop(100) for _ in range(20_000)} == set(range(20_000))
    assert deadlines.pop(1 << 40) is None
